public import ModuleABI
import Glibc

/// A hash function over blocks of 64 bytes.
public protocol BlockHash: BitwiseCopyable {
    /// Bytes of the digest.
    static var length: Int { get }
    /// The byte order of the length at the end of the message.
    static var isLittleEndian: Bool { get }
    init()
    mutating func absorb(_ block: UnsafeRawPointer)
    func write(to place: UnsafeMutableRawPointer)
}

/// Hashes bytes as they come.
public struct BlockHasher<Function: BlockHash> {
    private var function = Function()
    private var total = 0
    private var pending = 0
    private var block: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0, 0)

    public init() {}

    public mutating func update(_ bytes: Bytes) {
        guard !bytes.isEmpty else { return }
        total &+= bytes.count
        var rest = bytes
        if pending > 0 {
            let taken = min(64 - pending, rest.count)
            fill(rest.upTo(taken))
            rest = rest.from(taken)
            guard pending == 64 else { return }
            flush()
        }
        while rest.count >= 64, let start = rest.buffer.baseAddress {
            function.absorb(start)
            rest = rest.from(64)
        }
        fill(rest)
    }

    public mutating func update(_ literal: StaticString) { update(Bytes(literal)) }

    /// Writes the digest, of `Function.length` bytes.
    public mutating func finish(into place: UnsafeMutableRawPointer) {
        let bits = UInt64(total) &* 8
        let used = pending
        withUnsafeMutableBytes(of: &block) { block in
            block[used] = 0x80
            for index in used + 1..<64 { block[index] = 0 }
        }
        if pending >= 56 {
            flush()
            block = (0, 0, 0, 0, 0, 0, 0, 0)
        }
        block.7 = Function.isLittleEndian ? bits.littleEndian : bits.bigEndian
        flush()
        function.write(to: place)
    }

    private mutating func fill(_ bytes: Bytes) {
        guard !bytes.isEmpty else { return }
        let used = pending
        withUnsafeMutableBytes(of: &block) { block in
            UnsafeMutableRawBufferPointer(rebasing: block[used...]).copyMemory(from: bytes.buffer)
        }
        pending += bytes.count
    }

    private mutating func flush() {
        var state = function
        withUnsafeBytes(of: &block) { state.absorb($0.baseAddress.unsafelyUnwrapped) }
        function = state
        pending = 0
    }
}

extension BlockHash {
    /// Hashes the parts one after another and calls `body` with the digest.
    public static func digest<R>(_ parts: Bytes..., body: (Bytes) -> R) -> R {
        var hasher = BlockHasher<Self>()
        for part in parts { hasher.update(part) }
        return withUnsafeTemporaryAllocation(byteCount: length, alignment: 8) { room in
            hasher.finish(into: room.baseAddress.unsafelyUnwrapped)
            return body(Bytes(UnsafeRawBufferPointer(room)))
        }
    }
}

extension ByteWriter {
    /// Appends each byte as two lower-case hexadecimal digits.
    public mutating func append(hexadecimal bytes: Bytes) {
        for byte in bytes.buffer {
            for digit in [byte >> 4, byte & 15] { append(digit < 10 ? 0x30 + digit : 0x57 + digit) }
        }
    }
}

extension apus_str {
    /// Whether the bytes are equal, found out in a time that does not depend on where they differ.
    public func equalsInConstantTime(_ other: Bytes) -> Bool {
        guard count == other.count else { return false }
        var difference: UInt8 = 0
        for index in 0..<count { difference |= self[index] ^ other[index] }
        return difference == 0
    }
}
