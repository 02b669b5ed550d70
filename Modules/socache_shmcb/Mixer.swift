import ModuleKit

/// The hash by which objects are found and records are checked. It is part of the layout of a segment, which outlives
/// the program that made it.
enum Mixer {
    static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64) -> UInt64 {
        var hash = fold(seed ^ 0x9e37_79b9_7f4a_7c15, UInt64(bytes.count) ^ 0xe703_7ed1_a0b4_28db)
        var index = 0
        while index &+ 8 <= bytes.count {
            hash = fold(hash ^ bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self), 0xa076_1d64_78bd_642f)
            index &+= 8
        }
        var tail: UInt64 = 0
        while index < bytes.count {
            tail = tail << 8 | UInt64(bytes[index])
            index &+= 1
        }
        return fold(hash ^ tail, 0x8ebc_6af0_9c88_c6e3)
    }

    private static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let (high, low) = a.multipliedFullWidth(by: b)
        return high ^ low
    }
}
