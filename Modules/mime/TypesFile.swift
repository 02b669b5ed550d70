import Glibc
import ModuleKit

/// The file that maps media types to extensions: a type a line, followed by its extensions; `#` begins a
/// comment line.
enum TypesFile {
    /// Reads the main server's TypesConfig, or conf/mime.types.
    static func load(for host: Host) throws -> ExtensionTable<Bytes> {
        let conf = host.mainServer.conf(MimeServerConf.self)
        let file = conf.pointee.typesFile
        let path = file.isSet ? file.string : host.serverRoot.string + "/conf/mime.types"
        guard let text = read(path, in: host.pool) else {
            host.report(
                .error, code: "AH01597", place: conf.pointee.place,
                "cannot read the media types of \(path): \(String(cString: strerror(errno))); TypesConfig names the file")
            throw AlreadyReported()
        }
        return parse(text, in: host.pool)
    }

    /// Maps the extensions; a later line replaces an earlier one. The table refers to the text, which is
    /// changed to lower case in place where it names extensions.
    static func parse(_ text: UnsafeMutableBufferPointer<UInt8>, in pool: Pool) -> ExtensionTable<Bytes> {
        var types = ExtensionTable<Bytes>()
        var words = Words(text)
        while words.nextLine() {
            guard let type = words.next(), type[0] != UInt8(ascii: "#") else { continue }
            let value = Bytes(UnsafeRawBufferPointer(type))
            while let name = words.next() {
                for index in name.indices { name[index] = name[index].asciiLowercased }
                let key = Bytes(UnsafeRawBufferPointer(name))
                types.findOrInsert(key, initial: value, in: pool).pointee = value
            }
        }
        return types
    }

    private static func read(_ path: String, in pool: Pool) -> UnsafeMutableBufferPointer<UInt8>? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { return nil }
        let size = Int(facts.st_size)
        let room = pool.allocate(UInt8.self, count: size)
        var filled = 0
        while filled < size {
            let got = Glibc.read(descriptor, room + filled, size - filled)
            if got < 0 { return nil }
            if got == 0 { break }
            filled += got
        }
        return UnsafeMutableBufferPointer(start: room, count: filled)
    }
}

/// Walks the words of a text line by line.
private struct Words {
    private let text: UnsafeMutableBufferPointer<UInt8>
    private var at = 0
    private var lineEnd = 0
    private var nextStart = 0

    init(_ text: UnsafeMutableBufferPointer<UInt8>) { self.text = text }

    /// Goes to the next line; false at the end.
    mutating func nextLine() -> Bool {
        guard nextStart < text.count else { return false }
        at = nextStart
        lineEnd = at
        while lineEnd < text.count, text[lineEnd] != UInt8(ascii: "\n") { lineEnd += 1 }
        nextStart = lineEnd + 1
        return true
    }

    /// The next word of the line.
    mutating func next() -> UnsafeMutableBufferPointer<UInt8>? {
        while at < lineEnd, text[at] <= 0x20 { at += 1 }
        let start = at
        while at < lineEnd, text[at] > 0x20 { at += 1 }
        return at > start ? UnsafeMutableBufferPointer(rebasing: text[start..<at]) : nil
    }
}
