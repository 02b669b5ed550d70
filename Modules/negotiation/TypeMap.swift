import Glibc
import ModuleKit

/// Files that describe the representations of a resource: blocks of header fields.
enum TypeMap {
    /// Longer ones are refused: nobody writes them by hand.
    private static let sizeLimit: Int64 = 4 << 20

    enum Outcome {
        case variants([Variant])
        /// It cannot be read, or is malformed, which has been logged: the status to answer with.
        case unusable(Status)
    }

    static func read(_ map: Request, for request: Request, _ log: Log) -> Outcome {
        guard let text = load(map.filename, request.pool) else {
            let code = errno
            log.write(
                .error, code: "AH00682", request: request, error: code,
                "cannot read the type map \(map.filename.string): \(String(cString: strerror(code)))")
            return .unusable(.status(403))
        }
        var reader = TypeMapReader(text: text, pool: request.pool, map: map.filename.lastComponent)
        if let problem = reader.read() {
            log.write(
                .error, code: "AH00683", request: request, "the type map \(map.filename.string) is malformed: \(problem)")
            return .unusable(.status(500))
        }
        return .variants(reader.variants)
    }

    private static func load(_ file: Bytes, _ pool: Pool) -> Bytes? {
        let fd = open(file.ptr.unsafelyUnwrapped, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { return nil }
        defer { close(fd) }
        var info = stat()
        guard fstat(fd, &info) == 0 else { return nil }
        guard Int64(info.st_size) <= sizeLimit else {
            errno = EFBIG
            return nil
        }
        let room = pool.allocate(UInt8.self, count: Int(info.st_size))
        var count = 0
        while count < Int(info.st_size) {
            let got = Glibc.read(fd, room + count, Int(info.st_size) - count)
            guard got > 0 else { break }
            count += got
        }
        return Bytes(UnsafeRawPointer(room), count: count)
    }
}

/// Reads the text of a type map.
struct TypeMapReader {
    let text: Bytes
    let pool: Pool
    /// The map's own file name, which bodies inside it have.
    let map: Bytes
    private(set) var variants: [Variant] = []
    private var at = 0
    private var current: Variant?

    init(text: Bytes, pool: Pool, map: Bytes) {
        self.text = text
        self.pool = pool
        self.map = map
    }

    /// What is wrong; nil: nothing.
    mutating func read() -> String? {
        while at < text.count {
            let line = nextLine()
            if line.trimmed.isEmpty {
                finishBlock()
            } else if !line.hasPrefix("#") {
                if let problem = take(line) { return problem }
            }
        }
        finishBlock()
        return nil
    }

    /// A line with those that continue it, without the line's end.
    private mutating func nextLine() -> Bytes {
        let start = at
        var end = lineEnd(start)
        at = min(end + 1, text.count)
        while at < text.count, end > start, text[at] == 0x20 || text[at] == 0x09 {
            end = lineEnd(at)
            at = min(end + 1, text.count)
        }
        let line = text[start..<end]
        return line.hasSuffix(Bytes("\r")) ? line.upTo(line.count - 1) : line
    }

    private func lineEnd(_ start: Int) -> Int { text.firstIndex(of: UInt8(ascii: "\n"), from: start) ?? text.count }

    private mutating func take(_ line: Bytes) -> String? {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
            return "\"\(line.upTo(min(line.count, 60)).string)\" has no colon"
        }
        let name = line.upTo(colon).trimmed
        let value = withoutComment(line.from(colon + 1)).trimmed
        var variant = current ?? Variant(file: .none)
        switch name.string.lowercased() {
        case "uri": variant.file = value.withoutQuotes
        case "content-type": variant.setType(value, pool)
        case "content-length":
            guard let length = value.decimal else { return "\"\(value.string)\" is no length" }
            variant.length = length
        case "content-language": variant.setLanguages(value, pool)
        case "content-encoding": variant.encoding = value
        case "description": variant.description = value.withoutQuotes
        case "body": if let problem = takeBody(value, &variant) { return problem }
        default: break
        }
        current = variant
        return nil
    }

    /// A comment in parentheses (RFC 9110, 5.6.5).
    private func withoutComment(_ value: Bytes) -> Bytes {
        guard let open = value.firstIndex(of: UInt8(ascii: "(")), !value.upTo(open).contains(UInt8(ascii: "\"")) else {
            return value
        }
        return value.upTo(open)
    }

    /// The lines up to one that begins with the tag.
    private mutating func takeBody(_ tag: Bytes, _ variant: inout Variant) -> String? {
        guard !tag.isEmpty else { return "Body names no tag that ends it" }
        let start = at
        while at < text.count {
            let line = text[at..<lineEnd(at)]
            if line.hasPrefix(tag) {
                variant.body = Int64(start)..<Int64(at)
                variant.length = Int64(at - start)
                if variant.file.isEmpty { variant.file = map }
                at = min(at + line.count + 1, text.count)
                return nil
            }
            at = min(at + line.count + 1, text.count)
        }
        return "the end of a body, \"\(tag.string)\", is missing"
    }

    private mutating func finishBlock() {
        defer { current = nil }
        guard let variant = current, !variant.file.isEmpty else { return }
        // Without a type it can be recommended to nobody.
        if variant.type.isEmpty, variant.languages.isEmpty, variant.encoding.isEmpty { return }
        variants.append(variant)
    }
}

extension apus_str {
    var lastComponent: Bytes { from((lastIndex(of: UInt8(ascii: "/")) ?? -1) + 1) }

    var withoutQuotes: Bytes {
        count >= 2 && hasPrefix("\"") && hasSuffix(Bytes("\"")) ? self[1..<(count - 1)] : self
    }
}
