public import ByteKit

/// SipHash-2-4 with 128 bits (Aumasson and Bernstein): a name for secrets that nobody can find another secret for who
/// does not know the key.
public struct KeyedHash {
    /// What comes out.
    public struct Tag: Hashable, BitwiseCopyable, Sendable {
        public let low, high: UInt64

        public init(low: UInt64, high: UInt64) {
            self.low = low
            self.high = high
        }
    }

    /// A key that nobody else knows.
    public struct Key: BitwiseCopyable, Sendable {
        let low, high: UInt64

        public static func random() -> Key {
            // The system's generator, which is fit for keys.
            Key(low: UInt64.random(in: 0 ... .max), high: UInt64.random(in: 0 ... .max))
        }
    }

    private var v0, v1, v2, v3: UInt64
    private var total: UInt64 = 0

    public init(_ key: Key) {
        v0 = key.low ^ 0x736f_6d65_7073_6575
        v1 = key.high ^ 0x646f_7261_6e64_6f6d ^ 0xee
        v2 = key.low ^ 0x6c79_6765_6e65_7261
        v3 = key.high ^ 0x7465_6462_7974_6573
    }

    @inline(__always)
    private mutating func round() {
        func turned(_ value: UInt64, _ by: UInt64) -> UInt64 { (value &<< by) | (value &>> (64 &- by)) }
        v0 = v0 &+ v1
        v1 = turned(v1, 13) ^ v0
        v0 = turned(v0, 32)
        v2 = v2 &+ v3
        v3 = turned(v3, 16) ^ v2
        v0 = v0 &+ v3
        v3 = turned(v3, 21) ^ v0
        v2 = v2 &+ v1
        v1 = turned(v1, 17) ^ v2
        v2 = turned(v2, 32)
    }

    @inline(__always)
    private mutating func absorb(_ word: UInt64) {
        v3 ^= word
        round()
        round()
        v0 ^= word
    }

    /// Adds bytes together with their number, so that the parts of a name cannot run into each other.
    public mutating func add(_ bytes: Bytes) {
        add(UInt64(bytes.count))
        var index = 0
        let buffer = bytes.buffer
        while index &+ 8 <= buffer.count {
            absorb(UInt64(littleEndian: buffer.loadUnaligned(fromByteOffset: index, as: UInt64.self)))
            total &+= 8
            index &+= 8
        }
        guard index < buffer.count else { return }
        var word: UInt64 = 0
        while index < buffer.count {
            word = (word &<< 8) | UInt64(buffer[index])
            index &+= 1
        }
        add(word)
    }

    @inline(__always)
    public mutating func add(_ word: UInt64) {
        total &+= 8
        absorb(word)
    }

    public mutating func finish() -> Tag {
        absorb(total &<< 56)
        v2 ^= 0xee
        for _ in 0..<4 { round() }
        let low = v0 ^ v1 ^ v2 ^ v3
        v1 ^= 0xdd
        for _ in 0..<4 { round() }
        return Tag(low: low, high: v0 ^ v1 ^ v2 ^ v3)
    }
}
