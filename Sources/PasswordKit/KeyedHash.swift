public import ByteKit

/// SipHash with 128 bits (Aumasson and Bernstein): a name for secrets that nobody can find another secret for who does not
/// know the key.
public struct KeyedHash {
    /// Who gets to see what comes out.
    public enum Use {
        /// Anybody: SipHash-2-4.
        case shown
        /// Nobody outside the process: SipHash-1-3, in half the time.
        case kept
    }

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
    private let isShown: Bool

    public init(_ key: Key, for use: Use) {
        isShown = use == .shown
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
        if isShown { round() }
        v0 ^= word
    }

    /// Adds bytes together with their number, so that the parts of a name cannot run into each other.
    public mutating func add(_ bytes: Bytes) {
        add(UInt64(bytes.count))
        absorb(bytes.buffer)
    }

    /// The same for two parts, neither of which has 4 GiB, in fewer words.
    public mutating func add(_ first: Bytes, _ second: Bytes) {
        add(UInt64(first.count) | UInt64(second.count) &<< 32)
        absorb(first.buffer)
        absorb(second.buffer)
    }

    /// Whoever adds bytes adds their number as well.
    private mutating func absorb(_ bytes: UnsafeRawBufferPointer) {
        // A copy, which stays in registers.
        var state = self
        var index = 0
        while index &+ 8 <= bytes.count {
            state.add(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)))
            index &+= 8
        }
        if index < bytes.count { state.add(KeyedHash.word(UnsafeRawBufferPointer(rebasing: bytes[index...]))) }
        self = state
    }

    /// One to seven bytes as a word: different ones for different bytes of one number.
    private static func word(_ rest: UnsafeRawBufferPointer) -> UInt64 {
        guard rest.count >= 4 else {
            return UInt64(rest[0]) | UInt64(rest[rest.count / 2]) &<< 8 | UInt64(rest[rest.count &- 1]) &<< 16
        }
        let first = UInt32(littleEndian: rest.loadUnaligned(as: UInt32.self))
        let last = UInt32(littleEndian: rest.loadUnaligned(fromByteOffset: rest.count &- 4, as: UInt32.self))
        return UInt64(first) | UInt64(last) &<< 32
    }

    @inline(__always)
    public mutating func add(_ word: UInt64) {
        total &+= 8
        absorb(word)
    }

    @inline(__always)
    private mutating func endHalf() {
        round()
        round()
        round()
        if isShown { round() }
    }

    public mutating func finish() -> Tag {
        absorb(total &<< 56)
        v2 ^= 0xee
        endHalf()
        let low = v0 ^ v1 ^ v2 ^ v3
        v1 ^= 0xdd
        endHalf()
        return Tag(low: low, high: v0 ^ v1 ^ v2 ^ v3)
    }
}
