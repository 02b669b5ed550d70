import ByteKit
import Glibc
import ModuleABI

/// <VirtualHost>, <Directory>, <Files>, <Location> and their Match forms.
extension CoreDirectives {
    static var sections: [DirectiveEntry] {
        [
            section("VirtualHost", in: global, "address[:port] [address[:port]] …", openVirtualHost),
            section("Directory", in: server, "[~] path") { context, words throws(DirectiveProblem) in
                try openDirectory(context, try argument(context, words, allowsRegex: true))
            },
            section("DirectoryMatch", in: server, "regex") { context, words throws(DirectiveProblem) in
                try openDirectory(context, try regexArgument(context, words))
            },
            section("Location", in: server, "[~] url-path") { context, words throws(DirectiveProblem) in
                try openLocation(context, try argument(context, words, allowsRegex: true))
            },
            section("LocationMatch", in: server, "regex") { context, words throws(DirectiveProblem) in
                try openLocation(context, try regexArgument(context, words))
            },
            section("Files", in: server | APUS_IN_DIRECTORY | APUS_IN_FILES | APUS_IN_HTACCESS, override: anyOverride, "[~] name") { context, words throws(DirectiveProblem) in
                try openFiles(context, try argument(context, words, allowsRegex: true))
            },
            section("FilesMatch", in: server | APUS_IN_DIRECTORY | APUS_IN_FILES | APUS_IN_HTACCESS, override: anyOverride, "regex") { context, words throws(DirectiveProblem) in
                try openFiles(context, try regexArgument(context, words))
            },
        ]
    }

    /// What a section's argument came to.
    private struct Argument {
        let text: Word
        let isRegex: Bool
    }

    private static func argument(
        _ context: DirectiveContext, _ words: [Word], allowsRegex: Bool
    ) throws(DirectiveProblem) -> Argument {
        guard context.scope.limit == nil else {
            throw DirectiveProblem(
                "it cannot stand in <Limit> or <LimitExcept>", hint: "put the <Limit> into the <\(context.entry.name)>")
        }
        let split = context.node.words(context.builder.diagnostics)
        let isRegex = allowsRegex && split.first?.text == "~"
        let rest = isRegex ? Array(split.dropFirst()) : split
        guard rest.count == 1 else {
            throw DirectiveProblem(
                rest.isEmpty ? "it names nothing" : "it takes one argument, but \(rest.count) are given",
                hint: "usage: <\(context.entry.name) \(context.entry.help)>")
        }
        return Argument(text: rest[0], isRegex: isRegex)
    }

    private static func regexArgument(_ context: DirectiveContext, _ words: [Word]) throws(DirectiveProblem) -> Argument {
        Argument(text: try argument(context, words, allowsRegex: false).text, isRegex: true)
    }

    /// A section with its pattern compiled and a fresh configuration vector.
    private static func make(_ context: DirectiveContext, _ argument: Argument, _ pattern: Bytes) throws(DirectiveProblem) -> Section {
        var section = Section(
            id: context.builder.configuration.takeSectionID(), match: .prefix, pattern: pattern, depth: 0, regex: nil,
            conf: context.builder.newVector())
        if argument.isRegex {
            section.match = .regex
            do throws(Regex.Problem) {
                section.regex = try Regex.compile(pattern, flags: 0, in: context.arena)
            } catch {
                throw DirectiveProblem(
                    "the regular expression cannot be compiled: \(error.message) at byte \(error.offset)",
                    at: argument.text.location)
            }
            section.captures = captures(section.regex, in: context.arena)
        } else if Wildcard.isPattern(pattern) {
            section.match = .wildcard
        }
        context.builder.sectionPlaces[section.id] = argument.text.location
        context.builder.note(section.id, context.node)
        return section
    }

    private static func captures(_ regex: UnsafePointer<Regex>?, in arena: Arena.Ref) -> UnsafeBufferPointer<Section.Capture> {
        let groups = regex?.pointee.namedGroups ?? []
        return UnsafeBufferPointer(
            arena.copy(groups.map { Section.Capture(group: $0.group, variable: arena.copy("MATCH_" + $0.name.asciiUppered)) }))
    }

    /// Handles what stands inside and returns the scope it was read into.
    private static func read(_ context: DirectiveContext, _ kind: ConfigScope.Kind, _ section: Section) -> ConfigScope {
        let scope = ConfigScope(
            kind, path: section.pattern, server: context.scope.server, conf: section.conf, access: context.scope.access)
        scope.isRegex = section.match == .regex
        context.builder.walk(context.node.children, in: scope)
        return scope
    }

    private static func openVirtualHost(_ context: DirectiveContext, _ words: [Word]) throws(DirectiveProblem) {
        let split = context.node.words(context.builder.diagnostics)
        guard !split.isEmpty else {
            throw DirectiveProblem("it names no address", hint: "write <VirtualHost *:80>")
        }
        let draft = context.builder.makeServer(isVirtual: true, at: context.node.location)
        for word in split {
            guard let spec = AddressSpec(word) else {
                throw DirectiveProblem(
                    "\"\(word.text)\" is no address", hint: "write an IP address, a host name or *, with :port if needed",
                    at: word.location)
            }
            draft.addresses.append(spec)
        }
        context.builder.configuration.servers.append(draft)
        context.builder.walk(context.node.children, in: context.builder.scope(of: draft, .vhost))
    }

    private static func openDirectory(_ context: DirectiveContext, _ argument: Argument) throws(DirectiveProblem) {
        let text = argument.text
        if argument.isRegex {
            let section = try make(context, argument, context.bytes(text))
            return add(context, read(context, .directory, section), section, to: \.directories)
        }
        guard text.bytes.first == 0x2f || text.bytes.isEmpty == false && text.text.hasPrefix("*") else {
            throw DirectiveProblem(
                "\"\(text.text)\" is not an absolute path", hint: "a <Directory> names a directory of the file system: begin with /",
                at: text.location)
        }
        var path = text.bytes
        if path.last != 0x2f { path.append(0x2f) }
        let section = try make(context, argument, context.arena.copy(canonical(path)))
        var counted = section
        counted.depth = Int32(section.pattern.buffer.count { $0 == 0x2f })
        add(context, read(context, .directory, counted), counted, to: \.directories)
    }

    /// Repeated slashes made one, `.` and `..` carried out as far as that can be told from the text.
    private static func canonical(_ path: [UInt8]) -> [UInt8] {
        guard path.first == 0x2f else { return path }
        var parts: [ArraySlice<UInt8>] = []
        for part in path.split(separator: 0x2f) where part != [0x2e] {
            if part == [0x2e, 0x2e] { _ = parts.popLast() } else { parts.append(part) }
        }
        return [0x2f] + parts.flatMap { $0 + [0x2f] }
    }

    private static func openLocation(_ context: DirectiveContext, _ argument: Argument) throws(DirectiveProblem) {
        let section = try make(context, argument, context.bytes(argument.text))
        add(context, read(context, .location, section), section, to: \.locations)
    }

    private static func openFiles(_ context: DirectiveContext, _ argument: Argument) throws(DirectiveProblem) {
        let section = try make(context, argument, context.bytes(argument.text))
        let scope = read(context, .files, section)
        guard context.scope.kind != .files else { return context.warn("inside another <Files> it never holds") }
        let isNested = [.directory, .condition, .htaccess].contains(context.scope.kind)
        guard isNested else { return add(context, scope, section, to: \.files) }
        context.scope.files.append(finished(context, section, scope))
    }

    /// The section with those that were found inside.
    private static func finished(_ context: DirectiveContext, _ section: Section, _ scope: ConfigScope) -> Section {
        var section = section
        section.files = UnsafeBufferPointer(context.arena.copy(scope.files))
        section.conditions = UnsafeBufferPointer(context.arena.copy(scope.conditions))
        return section
    }

    private static func add(
        _ context: DirectiveContext, _ scope: ConfigScope, _ section: Section,
        to list: ReferenceWritableKeyPath<ServerDraft, [Section]>
    ) {
        scope.server[keyPath: list].append(finished(context, section, scope))
    }
}
