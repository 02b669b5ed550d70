/// A file of cases. Each line is empty, a comment behind "#", a setting (`@files NAME…`, `@host NAME`) or a case:
///
///     [METHOD] URL ["Field: value"]… [from ADDRESS] -> RESULT [CHECK]…
struct RewriteCaseFile {
    private(set) var cases: [RewriteCase] = []
    /// What the document root holds.
    private(set) var files: [String] = []
    private var host = "localhost"

    init(_ path: String, _ diagnostics: Diagnostics) {
        let file: SourceFile
        do throws(SourceReadFailure) {
            file = try SourceFile.load(path, includedFrom: nil)
        } catch {
            diagnostics.error(error.message, at: nil, hint: error.hint)
            return
        }
        let lines = file.bytes.split(separator: 0x0a, omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            let location = SourceLocation(file: file, line: index + 1, column: 1)
            do throws(Mistake) {
                try take(line.configText, at: location)
            } catch {
                diagnostics.error(error.message, at: location, hint: error.hint)
            }
        }
        if cases.isEmpty, !diagnostics.hasErrors { diagnostics.error("there are no cases in \(path)", at: nil) }
    }

    struct Mistake: Error {
        let message: String
        let hint: String?

        init(_ message: String, hint: String? = nil) {
            self.message = message
            self.hint = hint
        }
    }

    private mutating func take(_ line: String, at location: SourceLocation) throws(Mistake) {
        var words = try CaseWords.split(line)
        guard let first = words.first else { return }
        switch first {
        case "@files":
            let names = words.dropFirst()
            guard !names.contains(where: { $0.split(separator: "/").contains("..") }) else {
                throw Mistake("a file lies in the document root: its name has no \"..\"")
            }
            files += names
        case "@host":
            guard words.count == 2 else { throw Mistake("@host takes one name") }
            host = words[1]
        case _ where first.hasPrefix("@"):
            throw Mistake("unknown setting \(first)", hint: "there are @files and @host")
        default:
            guard let arrow = words.firstIndex(where: { $0 == "->" || $0 == "→" }) else {
                throw Mistake("what is expected is missing", hint: "write URL -> RESULT, as in: /old -> 301 /new")
            }
            let expected = Array(words[(arrow + 1)...])
            words.removeSubrange(arrow...)
            cases.append(try Self.read(words, expected, host, location))
        }
    }

    private static func read(
        _ request: [String], _ expected: [String], _ host: String, _ location: SourceLocation
    ) throws(Mistake) -> RewriteCase {
        var words = request[...]
        var method = "GET"
        if let first = words.first, words.count > 1, first.utf8.allSatisfy({ $0 &- 0x41 < 26 || $0 == 0x2d }) {
            method = first
            words.removeFirst()
        }
        guard let text = words.popFirst(), let url = RequestedURL(text, defaultHost: host) else {
            throw Mistake(
                "there is no URL to ask for", hint: "write a path, as in /a/b?c=d, or a URL that begins with http:// or https://")
        }
        var fields: [String] = []
        var sender: String?
        while let word = words.popFirst() {
            if word == "from", let address = words.popFirst() {
                guard !SocketAddress.resolve(address, port: 1).isEmpty else { throw Mistake("\"\(address)\" is no address") }
                sender = address
            } else if let colon = word.firstIndex(of: ":"), colon > word.startIndex {
                fields.append(word)
            } else {
                throw Mistake("\"\(word)\" is not expected behind a URL", hint: "there may be header fields, as in \"Cookie: a=b\"")
            }
        }
        var rest = expected[...]
        let result = try Self.result(&rest, url)
        var checks: [RewriteCase.Check] = []
        for word in rest { checks.append(try check(word)) }
        return RewriteCase(
            location: location, method: method, url: url, fields: fields, sender: sender, result: result, checks: checks)
    }

    /// The words of a result; nil: unchanged.
    private static func result(_ words: inout ArraySlice<String>, _ url: RequestedURL) throws(Mistake) -> RewriteResult? {
        guard let first = words.popFirst() else { throw Mistake("what is expected is missing behind the arrow", hint: results) }
        switch first {
        case "unchanged": return nil
        case "forbidden": return .status(403)
        case "gone": return .status(410)
        case "file", "proxy":
            guard let value = words.popFirst() else { throw Mistake("\"\(first)\" takes a \(first == "file" ? "path" : "URL")") }
            return first == "file" ? .file(value) : .proxy(value)
        case _ where first.hasPrefix("/"): return .path(first)
        default:
            guard let status = Int(first), 100...599 ~= status else {
                throw Mistake("\"\(first)\" is nothing that becomes of a request", hint: results)
            }
            guard 300...399 ~= status, status != 304 else { return .status(status) }
            guard let location = words.popFirst() else { throw Mistake("a redirect leads to a URL", hint: "write \(status) /new or \(status) https://…") }
            return .redirect(status: status, location: location.hasPrefix("/") ? url.absolute(location) : location)
        }
    }

    private static let results =
        "there are: /path?query, unchanged, 301 URL and other redirects, 403 and other statuses, forbidden, gone, file PATH, proxy URL"

    private static func check(_ word: String) throws(Mistake) -> RewriteCase.Check {
        let parts = word.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 else { throw Mistake("\"\(word)\" is no check", hint: checks) }
        let isAbsent = parts[1].hasPrefix("!")
        let pair = parts[1].split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let name = isAbsent ? String(parts[1].dropFirst()) : pair[0]
        guard !name.isEmpty else { throw Mistake("\"\(word)\" names nothing", hint: checks) }
        let value = isAbsent ? nil : pair.count > 1 ? pair[1] : ""
        switch parts[0] {
        case "env": return .environment(name: name, value: value)
        case "header": return .header(name: name, value: value)
        case "type": return .type(parts[1])
        case "handler": return .handler(parts[1])
        default: throw Mistake("\"\(word)\" is no check", hint: checks)
        }
    }

    private static let checks = "there are: env:NAME=VALUE, env:!NAME, header:NAME=VALUE, header:!NAME, type:TYPE, handler:NAME"
}

/// The words of a line: divided by spaces, those in quotes whole.
enum CaseWords {
    static func split(_ line: String) throws(RewriteCaseFile.Mistake) -> [String] {
        var words: [String] = []
        var word: String?
        var quote: Character?
        for character in line {
            if let open = quote {
                if character == open { quote = nil } else { word?.append(character) }
            } else if character == "\"" || character == "'" {
                quote = character
                word = word ?? ""
            } else if character == "#", word == nil {
                break
            } else if character.isWhitespace {
                if let complete = word { words.append(complete) }
                word = nil
            } else {
                word = (word ?? "") + String(character)
            }
        }
        guard quote == nil else { throw RewriteCaseFile.Mistake("a quotation mark is never closed") }
        if let complete = word { words.append(complete) }
        return words
    }
}
