/// SHA-1 (FIPS 180-4): for password files that hold it, never for anything new.
public struct SHA1: BlockHash {
    public static let length = 20
    public static let isLittleEndian = false

    private var h: (UInt32, UInt32, UInt32, UInt32, UInt32) =
        (0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0)

    public init() {}

    public mutating func absorb(_ block: UnsafeRawPointer) {
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 80) { words in
            for index in 0..<16 {
                words[index] = UInt32(bigEndian: block.loadUnaligned(fromByteOffset: index &* 4, as: UInt32.self))
            }
            for index in 16..<80 {
                let mixed = words[index &- 3] ^ words[index &- 8] ^ words[index &- 14] ^ words[index &- 16]
                words[index] = (mixed &<< 1) | (mixed &>> 31)
            }
            var (a, b, c, d, e) = h
            for index in 0..<80 {
                let mixed: UInt32
                switch index {
                case ..<20: mixed = (b & c | ~b & d) &+ 0x5a82_7999
                case ..<40: mixed = (b ^ c ^ d) &+ 0x6ed9_eba1
                case ..<60: mixed = (b & c | b & d | c & d) &+ 0x8f1b_bcdc
                default: mixed = (b ^ c ^ d) &+ 0xca62_c1d6
                }
                let sum = ((a &<< 5) | (a &>> 27)) &+ mixed &+ e &+ words[index]
                (e, d, c, b, a) = (d, c, (b &<< 30) | (b &>> 2), a, sum)
            }
            h = (h.0 &+ a, h.1 &+ b, h.2 &+ c, h.3 &+ d, h.4 &+ e)
        }
    }

    public func write(to place: UnsafeMutableRawPointer) {
        for (index, word) in [h.0, h.1, h.2, h.3, h.4].enumerated() {
            place.storeBytes(of: word.bigEndian, toByteOffset: index * 4, as: UInt32.self)
        }
    }
}
