import ByteKit
import ModuleABI

/// SetOutputFilter and SetInputFilter: filters on everything of a section.
extension CoreDirectives {
    static var filters: [DirectiveEntry] {
        [
            filterList("SetOutputFilter", \.outputFilters), filterList("SetInputFilter", \.inputFilters),
        ]
    }

    private static func filterList(_ name: String, _ path: WritableKeyPath<CoreDirConf, Bytes>) -> DirectiveEntry {
        directive(name, 1...1, in: anywhere, override: APUS_OVERRIDE_FILEINFO, "filter[;filter …] or None") { context, words in
            let isNone = words[0].text.asciiLowered == "none"
            context.coreDir.pointee[keyPath: path] = isNone ? Bytes("") : context.bytes(words[0])
        }
    }
}
