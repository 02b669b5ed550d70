import ByteKit
import Glibc

/// The server around the rules: no more than they need to be what they are in a site.
struct RewriteTestSite {
    let documentRoot: String
    private let isTemporary: Bool
    private let options: RewriteTestOptions

    /// Those whose directives stand beside rules in .htaccess files, as far as they are installed.
    private static let modules = [
        "authz_core", "authz_host", "authz_user", "access_compat", "authn_core", "authn_file", "auth_basic", "alias", "autoindex",
        "deflate", "dir", "env", "expires", "filter", "headers", "mime", "negotiation", "rewrite", "setenvif",
    ]

    /// - Parameter files: what the document root holds unless it is given; those that end in a slash are directories.
    init(_ options: RewriteTestOptions, files: [String]) throws(SystemProblem) {
        self.options = options
        if let given = options.documentRoot {
            documentRoot = try RewriteTestSite.absolute(given)
            isTemporary = false
        } else {
            documentRoot = try RewriteTestSite.makeTemporary(files + [options.directory.map { "\($0)/" } ?? "/"])
            isTemporary = true
        }
    }

    func remove() {
        if isTemporary { RewriteTestSite.removeAll(documentRoot) }
    }

    // MARK: Its configuration

    /// What a server is started with that reads the rules where they belong.
    func serverOptions() throws(OptionsError) -> Options {
        var arguments = ["-T", "-f", "/dev/null"] + options.defines.flatMap { ["-D", $0] }
        for line in lines { arguments += ["-C", line] }
        return try Options(arguments: arguments)
    }

    private var lines: [String] {
        let installed = Installation().modules
        var lines = ["ServerRoot \(quoted(RewriteTestSite.workingDirectory))", "ServerName localhost", "Listen 127.0.0.1:80"]
        lines += RewriteTestSite.modules.map { ($0, "\(installed)/mod_\($0).so") }.filter { access($0.1, R_OK) == 0 }
            .map { "LoadModule \($0.0)_module \(quoted($0.1))" }
        lines += ["DocumentRoot \(quoted(documentRoot))"]
        // What is neither rewritten nor a file is for the application to answer: nothing is put in its place here.
        lines += ["DirectoryIndex disabled", "DirectorySlash Off"]
        lines += ["<Directory />", "Options FollowSymLinks", "Require all granted", "</Directory>"]
        if !options.server.isEmpty { lines.append("Include \(quoted(RewriteTestSite.resolved(options.server)))") }
        let rules = ["RewriteEngine On", "Include \(quoted(RewriteTestSite.resolved(options.rules)))"]
        guard let directory = options.directory else { return lines + rules }
        let base = options.base.map { ["RewriteBase \(quoted($0))"] } ?? []
        return lines + ["<Directory \(quoted(documentRoot + directory))>"] + base + rules + ["</Directory>"]
    }

    private func quoted(_ word: String) -> String {
        var text = "\""
        for character in word {
            if character == "\"" || character == "\\" { text.append("\\") }
            text.append(character)
        }
        return text + "\""
    }

    // MARK: Its files

    private static var workingDirectory: String {
        guard let path = getcwd(nil, 0) else { return "/" }
        defer { free(path) }
        return String(cString: path)
    }

    private static func resolved(_ path: String) -> String { path.hasPrefix("/") ? path : "\(workingDirectory)/\(path)" }

    /// The path without links: that of a request's file is without them, too.
    private static func absolute(_ path: String) throws(SystemProblem) -> String {
        guard let real = realpath(path, nil) else { throw SystemProblem(errno) }
        defer { free(real) }
        return String(cString: real)
    }

    private static func makeTemporary(_ files: [String]) throws(SystemProblem) -> String {
        var template = Array("\(getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp")/apus-rewrite-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemProblem(errno) }
        let root = try absolute(String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
        for file in files { try make(file, in: root) }
        return root
    }

    private static func make(_ file: String, in root: String) throws(SystemProblem) {
        var path = root
        let parts = file.split(separator: "/")
        let isDirectory = file.hasSuffix("/")
        for (index, part) in parts.enumerated() {
            path += "/\(part)"
            if isDirectory || index < parts.count - 1 {
                guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw SystemProblem(errno) }
            } else {
                let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
                guard descriptor >= 0 else { throw SystemProblem(errno) }
                close(descriptor)
            }
        }
    }

    private static func removeAll(_ path: String) {
        if let directory = opendir(path) {
            while let entry = readdir(directory) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                if name == "." || name == ".." { continue }
                let child = "\(path)/\(name)"
                if entry.pointee.d_type == UInt8(DT_DIR) { removeAll(child) } else { unlink(child) }
            }
            closedir(directory)
        }
        rmdir(path)
    }
}
