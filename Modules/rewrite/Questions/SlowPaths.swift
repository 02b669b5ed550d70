import Glibc
import ModuleKit

/// The paths at which a look at a file may have to wait for another machine: where network file systems are mounted, and
/// what leads there. A look at any other takes about a microsecond; a thread of the pool costs ten times as much.
struct SlowPaths {
    private struct Mount {
        let path: Bytes
        let isSlow: Bool
    }

    /// The slow ones and those below them, the deepest first.
    private var mounts: [Mount] = []

    private static let slowTypes: [StaticString] = [
        "nfs", "cifs", "smb", "fuse", "9p", "afs", "ceph", "lustre", "gfs2", "ocfs2", "coda", "orangefs", "beegfs", "autofs",
    ]

    init() {}

    /// - Parameter used: directories and files that are looked at: those that lead elsewhere through links are known, too.
    init(used: [Bytes], in pool: Pool) {
        let all = SlowPaths.mounts(in: SlowPaths.table, pool)
        guard all.contains(where: \.isSlow) else { return }
        mounts = all.sorted { $0.path.count > $1.path.count }
        let detours = used.filter { $0.isSet && !contain($0) && contain(SlowPaths.resolved($0, pool)) }
        mounts = (mounts + detours.map { Mount(path: $0, isSlow: true) }).sorted { $0.path.count > $1.path.count }
    }

    func contain(_ path: Bytes) -> Bool {
        for mount in mounts where path.isBelow(mount.path) { return mount.isSlow }
        return false
    }

    /// Lines of the form "36 35 98:0 /root /mount options … - type source options" (proc(5)); octal escapes for spaces.
    private static func mounts(in table: String, _ pool: Pool) -> [Mount] {
        var found: [Mount] = []
        for line in table.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count > 6, let dash = words.firstIndex(of: "-"), dash + 1 < words.count else { continue }
            let type = String(words[dash + 1])
            let path = pool.copy(words[4].replacingOctalEscapes)
            found.append(Mount(path: path, isSlow: slowTypes.contains { type.hasPrefix("\($0)") }))
        }
        return found
    }

    /// What the kernel says of this process's mounts.
    private static var table: String {
        guard let file = fopen("/proc/self/mountinfo", "re") else { return "" }
        defer { fclose(file) }
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            guard count > 0 else { return String(decoding: text, as: UTF8.self) }
            text += chunk[..<count]
        }
    }

    private static func resolved(_ path: Bytes, _ pool: Pool) -> Bytes {
        guard let text = pool.copy(path).ptr, let real = realpath(text, nil) else { return .none }
        defer { free(real) }
        return pool.copy(Bytes(cString: real))
    }
}

extension Bytes {
    /// Whether it is the directory, or lies below it.
    func isBelow(_ directory: Bytes) -> Bool {
        guard hasPrefix(directory) else { return false }
        return directory.hasSuffix("/") || count == directory.count || self[directory.count] == UInt8(ascii: "/")
    }
}

extension Substring {
    /// "\040" is a space.
    fileprivate var replacingOctalEscapes: String {
        var parts = split(separator: "\\", omittingEmptySubsequences: false)
        var text = String(parts.removeFirst())
        for part in parts {
            let digits = part.prefix(3)
            if digits.count == 3, let code = UInt8(digits, radix: 8) {
                text.unicodeScalars.append(Unicode.Scalar(code))
                text += part.dropFirst(3)
            } else {
                text += "\\\(part)"
            }
        }
        return text
    }
}
