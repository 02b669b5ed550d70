public import ByteKit
public import ModuleABI
import Glibc

/// Reads files of lines: blank ones and those that begin with '#' are left out, a backslash at the end joins two.
public enum LineFile {
    /// What was left out because it cannot be meant.
    public struct Faults: Sendable {
        public var tooLong = 0
        public var binary = 0
        /// The first line of either kind.
        public var firstLine = 0

        public init() {}

        public var isEmpty: Bool { tooLong == 0 && binary == 0 }

        /// What to tell an operator.
        public func message(_ path: Bytes, longest: Int) -> String {
            var kinds: [String] = []
            if tooLong > 0 { kinds.append("\(tooLong) of more than \(longest) bytes") }
            if binary > 0 { kinds.append("\(binary) with NUL bytes") }
            return "\(path.string) has lines that are left out: \(kinds.joined(separator: ", ")); the first is line "
                + "\(firstLine)"
        }
    }

    /// A file that is larger holds no users, whatever it holds; reading it would keep a thread busy for long.
    private static var largest: Int { 8 << 30 }

    /// Calls `body` for each line, without the white space around it, until it answers false: then the file is too large. Memory
    /// is bounded by the longest line.
    /// - Parameter path: followed by a NUL byte.
    /// - Returns: 0, or why the file cannot be read.
    public static func read(_ path: Bytes, longest: Int, _ faults: inout Faults, _ body: (Bytes) -> Bool) -> Int32 {
        let descriptor = open(path.ptr!, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return errno }
        defer { close(descriptor) }
        var info = stat()
        guard fstat(descriptor, &info) == 0 else { return errno }
        guard info.st_mode & S_IFMT == S_IFREG || path == "/dev/null" else { return EACCES }
        guard info.st_size <= largest else { return EFBIG }

        var lines = Lines(longest: longest)
        let size = 64 << 10
        let chunk = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
        defer { chunk.deallocate() }
        while true {
            let count = Glibc.read(descriptor, chunk, size)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return errno }
            guard count > 0 else { break }
            lines.feed(Bytes(chunk, count: count), body)
            guard !lines.isEnough else { return EFBIG }
        }
        lines.end(body)
        guard !lines.isEnough else { return EFBIG }
        faults = lines.faults
        return 0
    }

    private struct Lines {
        let longest: Int
        var faults = Faults()
        private var line: [UInt8] = []
        private var isTooLong = false
        private var number = 1
        /// Nobody wants to hear more.
        private(set) var isEnough = false

        init(longest: Int) { self.longest = longest }

        mutating func feed(_ chunk: Bytes, _ body: (Bytes) -> Bool) {
            var rest = chunk
            while !isEnough, let newline = rest.firstIndex(of: 0x0a) {
                take(rest.upTo(newline))
                rest = rest.from(newline + 1)
                if !continues() { end(body) }
                number += 1
            }
            take(rest)
        }

        private mutating func take(_ bytes: Bytes) {
            guard !isTooLong, line.count + bytes.count <= longest else { return isTooLong = true }
            line.append(contentsOf: bytes.buffer)
        }

        /// Whether the line goes on in the next one; then its backslash is gone.
        private mutating func continues() -> Bool {
            if line.last == 0x0d { line.removeLast() }
            guard line.last == 0x5c else { return false }
            line.removeLast()
            return true
        }

        mutating func end(_ body: (Bytes) -> Bool) {
            defer {
                line.removeAll(keepingCapacity: true)
                isTooLong = false
            }
            guard !isTooLong else { return note(\.tooLong) }
            guard !line.contains(0) else { return note(\.binary) }
            line.withUnsafeBytes {
                let text = Bytes($0).trimmedOfSpace
                if !text.isEmpty, text[0] != 0x23, !body(text) { isEnough = true }
            }
        }

        private mutating func note(_ kind: WritableKeyPath<Faults, Int>) {
            if faults.isEmpty { faults.firstLine = number }
            faults[keyPath: kind] += 1
        }
    }
}

extension apus_str {
    /// Without the bytes around it that isspace(3) knows.
    var trimmedOfSpace: Bytes {
        var start = 0
        var end = count
        while start < end, isSpace(self[start]) { start += 1 }
        while end > start, isSpace(self[end - 1]) { end -= 1 }
        return self[start..<end]
    }

    /// Takes the next word off a list that white space separates; empty at its end.
    public mutating func takeListWord() -> Bytes {
        var start = 0
        while start < count, isSpace(self[start]) { start += 1 }
        var end = start
        while end < count, !isSpace(self[end]) { end += 1 }
        defer { self = from(end) }
        return self[start..<end]
    }

    /// The same where a word may stand in quotation marks of either kind: a backslash in front of such a mark, or of another
    /// backslash, is none of the word.
    /// - Returns: false at the end of the list.
    public mutating func takeQuotedWord(_ word: inout [UInt8]) -> Bool {
        word.removeAll(keepingCapacity: true)
        self = trimmedOfSpace
        guard !isEmpty else { return false }
        let quote = self[0] == 0x22 || self[0] == 0x27 ? self[0] : nil
        var next = quote == nil ? 0 : 1
        while next < count {
            var byte = self[next]
            next += 1
            if let quote { if byte == quote { break } } else if isSpace(byte) { break }
            if byte == 0x5c, next < count, self[next] == 0x5c || self[next] == quote {
                byte = self[next]
                next += 1
            }
            word.append(byte)
        }
        self = from(next)
        return true
    }
}

/// As isspace(3) has it.
private func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte &- 9 < 5 }
