import ByteKit
import ModuleABI

/// What AllowOverride says.
struct AllowOverride: BitwiseCopyable {
    /// APUS_OVERRIDE_…
    var classes: UInt32 = 0
    /// The options that Options may name, when it may be used.
    var options: OptionBits = .any
    /// Nonfatal=Override and Nonfatal=Unknown: what is forbidden, or unknown, is passed over with a line in the log.
    var passesForbidden = false
    var passesUnknown = false

    /// Whether there is a reason to look for .htaccess files.
    var readsFiles: Bool { classes != 0 || passesForbidden || passesUnknown }
}

/// What a .htaccess file in a directory may hold.
struct AccessOverride: BitwiseCopyable {
    var allowed = AllowOverride()
    /// The names of AllowOverrideList, in lower case.
    var list = UnsafeBufferPointer<Bytes>(start: nil, count: 0)

    /// Whether .htaccess files are looked for at all.
    var readsFiles: Bool { allowed.readsFiles || !list.isEmpty }

    /// What holds below a <Directory> that says `conf`.
    mutating func apply(_ conf: CoreDirConf) {
        if let own = conf.allowOverride { allowed = own }
        if let own = conf.allowOverrideList { list = own }
    }

    /// Whether a directive may stand in the file.
    func admits(_ entry: DirectiveEntry) -> Bool {
        if entry.places & (APUS_IN_HTACCESS | APUS_IN_DIRECTORY) != 0, isListed(entry) { return true }
        return entry.places & APUS_IN_HTACCESS != 0 && entry.overrideClass & allowed.classes != 0
    }

    /// Whether the sections that are decided while the file is read may stand in it.
    func admitsConditional(_ name: String) -> Bool { allowed.classes != 0 || isListed(name, isSection: true) }

    private func isListed(_ entry: DirectiveEntry) -> Bool { isListed(entry.name, isSection: entry.isSection) }

    private func isListed(_ name: String, isSection: Bool) -> Bool {
        guard !list.isEmpty else { return false }
        let name = name.asciiLowered
        return list.contains { $0.string == name || isSection && $0.string == "<\(name)" }
    }
}

extension AccessOverride {
    /// The words of AllowOverride that would admit a directive; empty: none does.
    static func classNames(_ classes: UInt32) -> String {
        let names = [
            (APUS_OVERRIDE_AUTH, "AuthConfig"), (APUS_OVERRIDE_FILEINFO, "FileInfo"), (APUS_OVERRIDE_INDEXES, "Indexes"),
            (APUS_OVERRIDE_LIMIT, "Limit"), (APUS_OVERRIDE_OPTIONS, "Options"),
        ]
        return names.filter { classes & $0.0 != 0 }.map(\.1).joined(separator: " or ")
    }
}

/// AllowOverride, AllowOverrideList, AccessFileName.
extension CoreDirectives {
    static var accessFiles: [DirectiveEntry] {
        [
            directive("AllowOverride", 1...APUS_MANY, in: inSections, "All|None|class …", setAllowOverride),
            directive("AllowOverrideList", 1...APUS_MANY, in: inSections, "None|directive …", setAllowOverrideList),
            directive("AccessFileName", 1...APUS_MANY, in: server, "file name …") { context, words throws(DirectiveProblem) in
                for word in words where word.bytes.contains(0x2f) || word.bytes.isEmpty {
                    throw DirectiveProblem("\"\(word.text)\" is no name of a file", hint: "give names without a slash", at: word.location)
                }
                context.coreServer.pointee.accessFileNames = UnsafeBufferPointer(context.arena.copy(words.map { context.bytes($0) }))
            },
        ]
    }

    private static func warnAboutPlace(_ context: DirectiveContext) {
        if context.scope.kind != .directory || context.scope.isRegex {
            context.warn("it has an effect only in <Directory> sections without a regular expression")
        }
    }

    private static func setAllowOverride(_ context: DirectiveContext, _ words: [Word]) throws(DirectiveProblem) {
        warnAboutPlace(context)
        var allowed = AllowOverride()
        for word in words {
            let parts = word.text.asciiLowered.split(separator: "=", maxSplits: 1)
            let value = parts.count > 1 ? String(parts[1]) : nil
            switch parts.first ?? "" {
            case "none" where value == nil: allowed.classes = 0
            case "all" where value == nil: allowed.classes = anyOverride
            case "authconfig" where value == nil: allowed.classes |= APUS_OVERRIDE_AUTH
            case "fileinfo" where value == nil: allowed.classes |= APUS_OVERRIDE_FILEINFO
            case "indexes" where value == nil: allowed.classes |= APUS_OVERRIDE_INDEXES
            case "limit" where value == nil: allowed.classes |= APUS_OVERRIDE_LIMIT
            case "options":
                allowed.classes |= APUS_OVERRIDE_OPTIONS
                allowed.options = try value.map { text throws(DirectiveProblem) in try options(text, word) } ?? .all
            case "nonfatal": try setNonfatal(value ?? "", word, &allowed)
            default:
                throw DirectiveProblem(
                    "\"\(word.text)\" is not one of All, None, AuthConfig, FileInfo, Indexes, Limit, Options[=option,…], "
                        + "Nonfatal=Override|Unknown|All", at: word.location)
            }
        }
        context.coreDir.pointee.allowOverride = allowed
    }

    private static func options(_ text: String, _ word: Word) throws(DirectiveProblem) -> OptionBits {
        var bits: OptionBits = []
        for name in text.split(separator: ",") { bits.formUnion(try optionBits(word, String(name))) }
        return bits
    }

    private static func setNonfatal(_ value: String, _ word: Word, _ allowed: inout AllowOverride) throws(DirectiveProblem) {
        switch value {
        case "override": allowed.passesForbidden = true
        case "unknown": allowed.passesUnknown = true
        case "all": (allowed.passesForbidden, allowed.passesUnknown) = (true, true)
        default:
            throw DirectiveProblem("\"\(word.text)\" is not one of Nonfatal=Override, Nonfatal=Unknown, Nonfatal=All", at: word.location)
        }
    }

    private static func setAllowOverrideList(_ context: DirectiveContext, _ words: [Word]) throws(DirectiveProblem) {
        warnAboutPlace(context)
        if words.count == 1, words[0].text.asciiLowered == "none" {
            return context.coreDir.pointee.allowOverrideList = UnsafeBufferPointer(start: nil, count: 0)
        }
        var names: [Bytes] = []
        for word in words {
            let name = word.text.asciiLowered
            guard name != "none" else {
                throw DirectiveProblem("None stands alone", hint: "write AllowOverrideList None, or a list of directives", at: word.location)
            }
            let isSection = name.hasPrefix("<")
            let plain = isSection ? String(name.dropFirst()) : name
            let known = context.builder.directives.find(plain, isSection: isSection) ?? context.builder.directives.find(plain, isSection: true)
            if let known, known.places & (APUS_IN_HTACCESS | APUS_IN_DIRECTORY) != 0 {
                names.append(context.arena.copy(name))
            } else if Conditional(sectionName: plain) != nil {
                names.append(context.arena.copy(name))
            } else if known == nil, !context.builder.isReadEarly(plain) {
                context.warn("there is no directive \(word.text) here; it is left out of the list")
            } else {
                context.warn("\(word.text) cannot stand in .htaccess files; it is left out of the list")
            }
        }
        context.coreDir.pointee.allowOverrideList = UnsafeBufferPointer(context.arena.copy(names))
    }
}
