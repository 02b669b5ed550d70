import Glibc
import ModuleKit

/// What is wrong with a file, and what to do about it; said after the directive and the file.
struct FileProblem: Error {
    let code: StaticString
    let text: String
}

/// Where the contents of configured files come from: the disk, or what the leader has read there for workers
/// that may not.
final class FileSource {
    /// Everything that was read, by path. Of a directory: its file names, one a line.
    private(set) var contents: [String: [UInt8]]
    private var directories: Set<String> = []
    private let readsDisk: Bool

    /// Reads the disk.
    init() {
        contents = [:]
        readsDisk = true
    }

    init(contents: [String: [UInt8]]) {
        self.contents = contents
        readsDisk = false
    }

    /// Whether everything that `other` has read is the same now.
    func agrees(with other: FileSource) -> Bool {
        other.contents.allSatisfy { path, content in
            if other.directories.contains(path) {
                guard (try? names(in: path)) != nil else { return false }
            } else {
                guard (try? read(path)) != nil else { return false }
            }
            return contents[path] == content
        }
    }

    func read(_ path: String) throws -> [UInt8] {
        if let known = contents[path] { return known }
        guard readsDisk else { throw FileProblem(code: "AH02561", text: "was not read by the leader") }
        let bytes = try FileSource.load(path)
        contents[path] = bytes
        return bytes
    }

    /// The paths of the files in a directory that are named like `openssl rehash` names them.
    /// - Parameter marker: what stands between the dot and the number: nothing for certificates, "r" for lists.
    func hashed(in directory: String, marker: String) throws -> [String] {
        try names(in: directory).filter { FileSource.isHashed($0, marker) }.map { "\(directory)/\($0)" }
    }

    /// The names of all files in a directory, sorted.
    func names(in directory: String) throws -> [String] {
        if let known = contents[directory] {
            return known.split(separator: 0x0a).map { String(decoding: $0, as: UTF8.self) }
        }
        guard readsDisk else { throw FileProblem(code: "AH02561", text: "was not read by the leader") }
        guard let stream = opendir(directory) else { throw FileSource.unreadable(errno) }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            var facts = stat()
            guard stat("\(directory)/\(name)", &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else { continue }
            names.append(name)
        }
        names.sort()
        directories.insert(directory)
        contents[directory] = Array(names.joined(separator: "\n").utf8)
        return names
    }

    /// Eight hexadecimal digits, a dot, the marker and a number.
    private static func isHashed(_ name: String, _ marker: String) -> Bool {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.count == 8, parts[0].utf8.allSatisfy({ $0.hexValue != nil }),
            parts[1].hasPrefix(marker)
        else { return false }
        let number = parts[1].dropFirst(marker.count)
        return !number.isEmpty && number.utf8.allSatisfy(\.isDigit)
    }

    private static func load(_ path: String) throws -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard file >= 0 else { throw unreadable(errno) }
        defer { close(file) }
        var facts = stat()
        guard fstat(file, &facts) == 0 else { throw unreadable(errno) }
        guard facts.st_mode & S_IFMT != S_IFDIR else {
            throw FileProblem(code: "AH02561", text: "this is a directory; name a PEM file in it")
        }
        guard facts.st_size <= limit else {
            throw FileProblem(code: "AH02561", text: "is too large to be what it should be")
        }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 16 * 1024)
        while bytes.count <= limit {
            let count = Glibc.read(file, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw unreadable(errno) }
            guard count > 0 else { return bytes }
            bytes += piece[..<count]
        }
        throw FileProblem(code: "AH02561", text: "is too large to be what it should be")
    }

    /// The bundles of all public authorities and the largest revocation lists are well below this.
    private static let limit = 64 << 20

    static func unreadable(_ reason: Int32) -> FileProblem {
        let hint =
            switch reason {
            case ENOENT, ENOTDIR: "; check the path, a relative one starts at ServerRoot"
            case EACCES, EPERM: "; start the server as root, or let its user read the file"
            default: ""
            }
        return FileProblem(code: "AH02561", text: "cannot be read: \(String(cString: strerror(reason)))\(hint)")
    }
}
