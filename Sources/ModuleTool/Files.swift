import CSystem
import Glibc

/// Paths as text.
enum Path {
    static func last(_ path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? path
    }

    static func directory(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    static func join(_ directory: String, _ name: String) -> String { directory.hasSuffix("/") ? directory + name : "\(directory)/\(name)" }

    static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/") else { return path }
        return path == "." ? workingDirectory : join(workingDirectory, path)
    }

    static var workingDirectory: String {
        guard let directory = getcwd(nil, 0) else { return "/" }
        defer { free(directory) }
        return String(cString: directory)
    }
}

/// Files, whole.
enum Files {
    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    static func isDirectory(_ path: String) -> Bool {
        var info = stat()
        return stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFDIR
    }

    static func read(_ path: String) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw refused("read", path) }
        defer { close(descriptor) }
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            guard count >= 0 else { throw refused("read", path) }
            guard count > 0 else { return content }
            content += buffer[..<count]
        }
    }

    static func text(_ path: String) throws -> String { String(decoding: try read(path), as: UTF8.self) }

    /// Puts a file in its place by rename: whoever has the old one mapped keeps it whole.
    static func put(_ content: [UInt8], _ path: String, mode: mode_t = 0o644) throws {
        let draft = "\(path).new\(getpid())"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw refused("write", draft) }
        var rest = content[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard written > 0 else {
                let problem = refused("write", draft)
                close(descriptor)
                unlink(draft)
                throw problem
            }
            rest = rest.dropFirst(written)
        }
        fchmod(descriptor, mode)
        fsync(descriptor)
        close(descriptor)
        guard rename(draft, path) == 0 else {
            let problem = refused("replace", path)
            unlink(draft)
            throw problem
        }
    }

    static func put(_ text: String, _ path: String, mode: mode_t = 0o644) throws { try put(Array(text.utf8), path, mode: mode) }

    /// With all directories above it.
    static func makeDirectory(_ path: String) throws {
        if isDirectory(path) { return }
        let parent = Path.directory(path)
        if parent != path { try makeDirectory(parent) }
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw refused("make", path) }
    }

    /// The names in a directory, sorted.
    static func names(in directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// The files below a directory, as paths relative to it.
    static func all(below directory: String) -> [String] {
        names(in: directory).flatMap { name in
            let path = Path.join(directory, name)
            return isDirectory(path) ? all(below: path).map { "\(name)/\($0)" } : [name]
        }
    }

    static func removeTree(_ directory: String) {
        for name in names(in: directory) {
            let path = Path.join(directory, name)
            var info = stat()
            if lstat(path, &info) == 0, info.st_mode & S_IFMT == S_IFDIR { removeTree(path) } else { unlink(path) }
        }
        rmdir(directory)
    }

    /// A directory of its own below TMPDIR that everybody may enter.
    static func temporaryDirectory(_ name: String) throws -> String {
        let top = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(top)/\(name)-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw refused("make a directory in", top) }
        chmod(made, 0o755)
        return String(cString: made)
    }

    private static func refused(_ verb: String, _ path: String) -> Problem {
        Problem("cannot \(verb) \(path): \(String(cString: strerror(errno)))")
    }
}

/// The tree that this program belongs to: bin/, modules/, include/, sdk/ …
enum Installation {
    static let root: String = {
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = readlink("/proc/self/exe", &path, path.count - 1)
        let program = length > 0 ? String(decoding: path[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self) : ""
        return Path.directory(Path.directory(program))
    }()

    static var server: String { "\(root)/bin/apus" }
    static var modules: String { "\(root)/modules" }
    static var include: String { "\(root)/include" }
    static var libraries: String { "\(root)/lib" }
    static var sdk: String { "\(root)/sdk" }
    static var configuration: String { "\(root)/conf/httpd.conf" }
}
