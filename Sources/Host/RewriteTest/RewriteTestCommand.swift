import Glibc

/// `apus rewrite test`: a table of URLs and what rewrite rules must make of them.
enum RewriteTestCommand {
    static func run(_ arguments: [String]) -> Int32 {
        do throws(OptionsError) {
            return try RewriteTest(RewriteTestOptions(arguments)).run()
        } catch {
            Program.complain("apus rewrite: \(error.message)\n\(RewriteTestOptions.usage)")
            return RewriteTest.Status.unusable
        }
    }
}

/// What `apus rewrite test` is asked to do.
struct RewriteTestOptions {
    var rules = ""
    var cases = ""
    /// Configuration of the server that the rules need; empty: none.
    var server = ""
    /// Nil: a temporary directory with the files that the cases name.
    var documentRoot: String?
    /// The URL-path of the directory whose rules they are; nil: they are the server's.
    var directory: String?
    /// RewriteBase.
    var base: String?
    var defines: [String] = []
    var writesJSON = false
    /// Whether it is told what the rules did in cases that fail.
    var traces = false

    static let usage = """
        Usage: apus rewrite test --rules FILE --cases FILE [options]
          --rules FILE          a fragment of configuration: the server's, or that of a directory
          --cases FILE          lines of the form: [METHOD] URL ["Field: value"]… [from ADDRESS] -> RESULT [CHECK]…
          --directory URL-PATH  the rules stand in this directory of the document root, or in its .htaccess file
          --base URL-PATH       its RewriteBase
          --document-root DIR   where the files are; without it, in an empty directory with what @files lines name
          --server FILE         configuration of the server that the rules need, such as RewriteMap lines
          --define NAME         a name for <IfDefine NAME>
          --json                write the outcome as JSON
          --trace               show what the rules did in cases that fail
        Ends with 0: all cases are as expected; 1: some are not; 2: there was something else to say.

        """

    init(_ arguments: [String]) throws(OptionsError) {
        guard arguments.first == "test" else {
            throw OptionsError(arguments.first.map { "\"\($0)\" is nothing it can do: there is \"test\"" } ?? "say what to do: \"test\"")
        }
        var rest = arguments.dropFirst()
        while let word = rest.popFirst() {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            if takeFlag(word) { continue }
            guard let value = parts.count > 1 ? parts[1] : rest.popFirst() else { throw OptionsError("\(word) needs a value") }
            try take(parts[0], value)
        }
        guard !rules.isEmpty else { throw OptionsError("--rules FILE is missing") }
        guard !cases.isEmpty else { throw OptionsError("--cases FILE is missing") }
        guard base == nil || directory != nil else { throw OptionsError("--base goes with --directory: a server has no RewriteBase") }
    }

    private mutating func takeFlag(_ word: String) -> Bool {
        switch word {
        case "--json": writesJSON = true
        case "--trace": traces = true
        default: return false
        }
        return true
    }

    private mutating func take(_ option: String, _ value: String) throws(OptionsError) {
        switch option {
        case "--rules": rules = value
        case "--cases": cases = value
        case "--server": server = value
        case "--document-root": documentRoot = value
        case "--define": defines.append(value)
        case "--base": base = try Self.urlPath(value, of: option)
        case "--directory": directory = try Self.urlPath(value, of: option)
        default: throw OptionsError("unknown option \(option)")
        }
    }

    private static func urlPath(_ value: String, of option: String) throws(OptionsError) -> String {
        guard value.hasPrefix("/"), !value.split(separator: "/").contains("..") else {
            throw OptionsError("\(option) takes a path of a URL, as in /blog, not \"\(value)\"")
        }
        return value
    }
}
