import ModuleABI

/// The directives of the core, by theme.
enum CoreDirectives {
    static var all: [DirectiveEntry] {
        sections + conditions + limits + accessFiles + serverIdentity + connections + naming + programs + protocolRules + logging + process
            + content + filters + idle
    }

    /// The places a directive may stand in, in httpd's words.
    static let global = APUS_IN_GLOBAL
    static let server = APUS_IN_SERVER
    static let inSections = APUS_IN_DIRECTORY | APUS_IN_LOCATION | APUS_IN_FILES
    static let directory = inSections | APUS_IN_HTACCESS
    static let anywhere = APUS_IN_SERVER | directory
    /// Any class of AllowOverride admits it.
    static let anyOverride: UInt32 = 0x1f

    typealias Handler = (DirectiveContext, [Word]) throws(DirectiveProblem) -> Void

    /// A directive with so many words.
    static func directive(
        _ name: String, _ arguments: ClosedRange<UInt32>, in places: UInt32, override: UInt32 = APUS_OVERRIDE_NONE,
        flags: UInt32 = 0, _ help: String, _ handler: @escaping Handler
    ) -> DirectiveEntry {
        DirectiveEntry(
            name: name, minArguments: arguments.lowerBound, maxArguments: arguments.upperBound, places: places,
            overrideClass: override, flags: flags, shape: APUS_SHAPE_ARGS, help: help, action: .core(handler))
    }

    static func section(
        _ name: String, in places: UInt32, override: UInt32 = APUS_OVERRIDE_NONE, _ help: String, _ handler: @escaping Handler
    ) -> DirectiveEntry {
        DirectiveEntry(
            name: name, minArguments: 0, maxArguments: 1, places: places, overrideClass: override, flags: 0,
            shape: APUS_SHAPE_SECTION, help: help, action: .core(handler))
    }
}
