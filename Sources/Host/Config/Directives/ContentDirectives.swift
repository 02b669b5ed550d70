import ByteKit
import ModuleABI

/// What may be done with files, and how answers look.
extension CoreDirectives {
    static var content: [DirectiveEntry] {
        [
            directive("Options", 1...APUS_MANY, in: anywhere, override: APUS_OVERRIDE_OPTIONS, "[+|-]option …", setOptions),
            directive("ErrorDocument", 2...2, in: anywhere, override: APUS_OVERRIDE_FILEINFO, "status document", setErrorDocument),
            directive("LimitRequestBody", 1...1, in: anywhere, override: anyOverride, "bytes, 0: no limit") {
                context, words throws(DirectiveProblem) in
                context.coreDir.pointee.limitRequestBody = try context.number(words[0], 0...Int64.max)
            },
            rangeLimit("MaxRanges", \.maxRanges), rangeLimit("MaxRangeOverlaps", \.maxRangeOverlaps),
            rangeLimit("MaxRangeReversals", \.maxRangeReversals),
            directive("SetHandler", 1...1, in: anywhere, override: APUS_OVERRIDE_FILEINFO, "handler, none or expr=string", setHandler),
            directive("ForceType", 1...1, in: anywhere, override: APUS_OVERRIDE_FILEINFO, "media type or none") { context, words in
                let isNone = words[0].text.asciiLowered == "none"
                context.coreDir.pointee.forcedType = isNone ? Bytes("") : context.arena.copy(words[0].text.asciiLowered)
            },
            directive("AddDefaultCharset", 1...1, in: anywhere, override: APUS_OVERRIDE_FILEINFO, "On|Off|charset") { context, words in
                switch words[0].text.asciiLowered {
                case "off": context.coreDir.pointee.defaultCharset = Bytes("")
                case "on": context.coreDir.pointee.defaultCharset = Bytes("iso-8859-1")
                default: context.coreDir.pointee.defaultCharset = context.bytes(words[0])
                }
            },
            directive("AcceptPathInfo", 1...1, in: anywhere, override: APUS_OVERRIDE_FILEINFO, "On|Off|Default") {
                context, words throws(DirectiveProblem) in
                context.coreDir.pointee.acceptPathInfo = try choice(words[0], ["on": .on, "off": .off, "default": .standard])
            },
            directive("EnableSendfile", 1...1, in: anywhere, override: APUS_OVERRIDE_FILEINFO, "On|Off") {
                context, words throws(DirectiveProblem) in
                context.coreDir.pointee.enableSendfile = try context.flag(words[0])
            },
            directive("ContentDigest", 1...1, in: anywhere, override: APUS_OVERRIDE_OPTIONS, "On|Off") {
                context, words throws(DirectiveProblem) in
                context.coreDir.pointee.contentDigest = try context.flag(words[0])
            },
            directive("FileETag", 1...APUS_MANY, in: anywhere, override: APUS_OVERRIDE_FILEINFO, "component …", setFileETag),
        ]
    }

    private static func setOptions(_ context: DirectiveContext, _ words: [Word]) throws(DirectiveProblem) {
        let conf = context.coreDir
        let signed = words.filter { $0.bytes.first == 0x2b || $0.bytes.first == 0x2d }
        guard signed.isEmpty || signed.count == words.count else {
            throw DirectiveProblem(
                "some options begin with + or - and some do not",
                hint: "with + and - options are changed, without they are set anew: write all of them one way",
                at: words[0].location)
        }
        for word in words {
            let sign = word.bytes.first.flatMap { $0 == 0x2b || $0 == 0x2d ? $0 : nil }
            let bits = try optionBits(word, sign == nil ? word.text : String(word.text.dropFirst()))
            if let access = context.scope.access, !bits.isSubset(of: access.allowed.options) {
                throw DirectiveProblem("option \(word.text) is not allowed here", hint: "AllowOverride Options=… would allow it", at: word.location)
            }
            switch sign {
            case 0x2b:
                conf.pointee.optionsAdded.formUnion(bits)
                conf.pointee.optionsRemoved.subtract(bits)
                if conf.pointee.optionsAreSet { conf.pointee.options.formUnion(bits) }
            case 0x2d:
                conf.pointee.optionsRemoved.formUnion(bits)
                conf.pointee.optionsAdded.subtract(bits)
                if conf.pointee.optionsAreSet { conf.pointee.options.subtract(bits) }
            default:
                if word.location.column == words[0].location.column { conf.pointee.options = [] }
                conf.pointee.optionsAreSet = true
                conf.pointee.options.formUnion(bits)
                conf.pointee.optionsAdded = []
                conf.pointee.optionsRemoved = []
            }
        }
    }

    static func optionBits(_ word: Word, _ name: String) throws(DirectiveProblem) -> OptionBits {
        switch name.asciiLowered {
        case "none": []
        case "all": .all
        case "indexes": .indexes
        case "includes": [.includes, .includesExec]
        case "includesnoexec": .includes
        case "followsymlinks": .followSymLinks
        case "symlinksifownermatch": .symLinksIfOwnerMatch
        case "execcgi": .execCGI
        case "multiviews": .multiViews
        default:
            throw DirectiveProblem(
                "there is no option \"\(name)\"",
                hint: "options are None, All, ExecCGI, FollowSymLinks, Includes, IncludesNOEXEC, Indexes, MultiViews, "
                    + "SymLinksIfOwnerMatch", at: word.location)
        }
    }

    private static func setHandler(_ context: DirectiveContext, _ words: [Word]) throws(DirectiveProblem) {
        let text = words[0].text
        let conf = context.coreDir
        conf.pointee.handlerExpression = nil
        if text.asciiLowered.hasPrefix("expr=") {
            conf.pointee.handler = .none
            conf.pointee.handlerExpression = try string(context, Array(words[0].bytes.dropFirst(5)), at: words[0].location)
        } else {
            conf.pointee.handler = text.asciiLowered == "none" ? Bytes("") : context.bytes(words[0])
        }
    }

    /// A string with %{…} in it.
    private static func string(
        _ context: DirectiveContext, _ text: [UInt8], at location: SourceLocation
    ) throws(DirectiveProblem) -> Expression.Ref {
        let restriction = context.scope.kind == .htaccess ? APUS_EXPR_HTACCESS : 0
        do throws(ExprProblem) {
            return try ExprParser.compile(
                context.arena.copy(text), flags: APUS_EXPR_STRING | restriction, in: context.arena,
                context.builder.runtime.expressions)
        } catch {
            throw DirectiveProblem("it cannot be used as a string: at byte \(error.offset + 1), \(error.message)", at: location)
        }
    }

    private static func setErrorDocument(_ context: DirectiveContext, _ words: [Word]) throws(DirectiveProblem) {
        let status = try context.number(words[0], 300...599)
        let text = words[1].text
        let kind: ErrorDocument.Kind
        if text.asciiLowered == "default" {
            kind = .standard
        } else if text.hasPrefix("/") {
            kind = .localPath
        } else if Substring(text).range(ofText: "://") != nil {
            kind = .url
        } else {
            kind = .text
        }
        if status == 401, kind == .url {
            return context.warn(
                "a full URL for 401 would hide the question for a password from the client; the line is ignored",
                hint: "give a local path that begins with /")
        }
        // httpd's old form: a quote at the start that is never closed.
        let bytes = words[1].bytes.first == 0x22 ? Array(words[1].bytes.dropFirst()) : words[1].bytes
        let document = ErrorDocument(status: Int32(status), kind: kind, content: kind == .standard ? nil : try string(context, bytes, at: words[1].location))
        let others = context.coreDir.pointee.errorDocuments.filter { $0.status != document.status }
        context.coreDir.pointee.errorDocuments = UnsafeBufferPointer(context.arena.copy(others + [document]))
    }

    private static func setFileETag(_ context: DirectiveContext, _ words: [Word]) throws(DirectiveProblem) {
        let conf = context.coreDir
        var plain: CoreDirConf.ETagParts?
        for word in words {
            let sign = word.bytes.first.flatMap { $0 == 0x2b || $0 == 0x2d ? $0 : nil }
            let parts = try etagParts(word, sign == nil ? word.text : String(word.text.dropFirst()), isSigned: sign != nil)
            switch sign {
            case 0x2b:
                conf.pointee.etagAdded.formUnion(parts)
                conf.pointee.etagRemoved.subtract(parts)
            case 0x2d:
                conf.pointee.etagRemoved.formUnion(parts)
                conf.pointee.etagAdded.subtract(parts)
            default:
                plain = parts.isEmpty ? [] : (plain ?? []).union(parts)
                conf.pointee.etagAdded = []
                conf.pointee.etagRemoved = []
            }
        }
        conf.pointee.etag = plain ?? conf.pointee.etag
    }

    private static func etagParts(_ word: Word, _ name: String, isSigned: Bool) throws(DirectiveProblem) -> CoreDirConf.ETagParts {
        switch name.asciiLowered {
        case "none" where !isSigned: []
        case "all" where !isSigned: [.inode, .mtime, .size]
        case "inode": .inode
        case "mtime": .mtime
        case "size": .size
        case "digest": .digest
        default:
            throw DirectiveProblem(
                "\"\(word.text)\" is not one of None, All, [+|-]INode, [+|-]MTime, [+|-]Size, [+|-]Digest", at: word.location)
        }
    }
}
