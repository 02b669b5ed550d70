import ModuleKit

/// What follows "shmcb:": a path and a size in bytes, "logs/ssl_scache(512000)"; both may be left out.
struct CyclicArgument {
    static let standardSize = 512_000
    static let smallest = 8192
    static let largest = 4_294_967_294

    /// Names the cache. Nothing is made there: the memory has no file.
    let path: Bytes
    let size: Int

    init(_ text: Bytes) throws {
        guard let open = text.lastIndex(of: UInt8(ascii: "(")) else {
            guard !text.hasSuffix(Bytes(")")) else { throw CyclicArgument.malformed(text, "has no opening parenthesis") }
            path = text
            size = CyclicArgument.standardSize
            return
        }
        guard text.hasSuffix(Bytes(")")), open < text.count - 2 else {
            throw CyclicArgument.malformed(text, "lacks the size, or the closing parenthesis after it")
        }
        path = text.upTo(open)
        let digits = text[open + 1..<text.count - 1]
        guard let size = digits.decimal else {
            throw CyclicArgument.malformed(text, "has the size \"\(digits.string)\", which is not a number")
        }
        guard (Int64(CyclicArgument.smallest)...Int64(CyclicArgument.largest)).contains(size) else {
            throw CyclicArgument.malformed(
                text, "has the size \(size); it must lie between \(CyclicArgument.smallest) and \(CyclicArgument.largest)")
        }
        self.size = Int(size)
    }

    private static func malformed(_ text: Bytes, _ problem: String) -> DirectiveError {
        DirectiveError("\"\(text.string)\" \(problem); write it as shmcb:path(bytes), such as shmcb:logs/ssl_scache(512000)")
    }
}
