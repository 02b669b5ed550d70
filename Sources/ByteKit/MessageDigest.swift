public import ModuleABI

/// MD5 (RFC 1321) and SHA-1 (RFC 3174) of bytes at hand: for checksums and old password hashes, where a library for
/// cryptography would be too much. Neither is safe against forgery any more.
public enum MessageDigest {
    public static let md5Length = 16
    public static let sha1Length = 20

    /// Writes the 16 bytes of the digest to `out`.
    public static func md5(_ bytes: Bytes, into out: UnsafeMutablePointer<UInt8>) {
        var state = SIMD4<UInt32>(0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476)
        eachBlock(bytes, lengthIsBigEndian: false) { state = md5(state, $0) }
        for index in 0..<16 { out[index] = UInt8(truncatingIfNeeded: state[index / 4] >> UInt32(index % 4 * 8)) }
    }

    /// Writes the 20 bytes of the digest to `out`.
    public static func sha1(_ bytes: Bytes, into out: UnsafeMutablePointer<UInt8>) {
        var state = SIMD8<UInt32>(0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0, 0, 0, 0)
        eachBlock(bytes, lengthIsBigEndian: true) { state = sha1(state, $0) }
        for index in 0..<20 { out[index] = UInt8(truncatingIfNeeded: state[index / 4] >> UInt32(24 - index % 4 * 8)) }
    }

    /// Calls `body` with each block of 64 bytes; the last is padded and ends in the number of bits.
    private static func eachBlock(_ bytes: Bytes, lengthIsBigEndian: Bool, _ body: (UnsafeRawBufferPointer) -> Void) {
        let whole = bytes.count / 64 * 64
        for start in stride(from: 0, to: whole, by: 64) { body(UnsafeRawBufferPointer(rebasing: bytes.buffer[start..<start + 64])) }
        let rest = bytes.count - whole
        let size = rest < 56 ? 64 : 128
        withUnsafeTemporaryAllocation(byteCount: 128, alignment: 8) { last in
            last.initializeMemory(as: UInt8.self, repeating: 0)
            for index in 0..<rest { last[index] = bytes[whole + index] }
            last[rest] = 0x80
            let bits = UInt64(bytes.count) &* 8
            last.storeBytes(
                of: lengthIsBigEndian ? bits.bigEndian : bits.littleEndian, toByteOffset: size - 8, as: UInt64.self)
            for start in stride(from: 0, to: size, by: 64) { body(UnsafeRawBufferPointer(rebasing: last[start..<start + 64])) }
        }
    }

    // MARK: MD5

    /// 2^32 times the absolute value of the sine of 1, 2, … (RFC 1321, 3.4).
    private static let sines: [UInt32] = [
        0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee, 0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501,
        0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be, 0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821,
        0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa, 0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8,
        0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed, 0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a,
        0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c, 0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70,
        0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05, 0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665,
        0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039, 0x655b_59c3, 0x8f0c_cc92, 0xffef_f47d, 0x8584_5dd1,
        0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1, 0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb, 0xeb86_d391,
    ]
    private static let shifts: [UInt32] = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21]

    private static func md5(_ state: SIMD4<UInt32>, _ block: UnsafeRawBufferPointer) -> SIMD4<UInt32> {
        var (a, b, c, d) = (state[0], state[1], state[2], state[3])
        for step in 0..<64 {
            let mixed: UInt32
            let word: Int
            switch step / 16 {
            case 0: (mixed, word) = (b & c | ~b & d, step)
            case 1: (mixed, word) = (d & b | ~d & c, (5 * step + 1) % 16)
            case 2: (mixed, word) = (b ^ c ^ d, (3 * step + 5) % 16)
            default: (mixed, word) = (c ^ (b | ~d), 7 * step % 16)
            }
            let input = UInt32(littleEndian: block.loadUnaligned(fromByteOffset: word * 4, as: UInt32.self))
            let sum = a &+ mixed &+ sines[step] &+ input
            (a, d, c) = (d, c, b)
            b = b &+ rotated(sum, shifts[step / 16 * 4 + step % 4])
        }
        return state &+ SIMD4(a, b, c, d)
    }

    // MARK: SHA-1

    private static func sha1(_ state: SIMD8<UInt32>, _ block: UnsafeRawBufferPointer) -> SIMD8<UInt32> {
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 80) { words in
            for index in 0..<16 {
                words[index] = UInt32(bigEndian: block.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self))
            }
            for index in 16..<80 {
                words[index] = rotated(words[index - 3] ^ words[index - 8] ^ words[index - 14] ^ words[index - 16], 1)
            }
            var (a, b, c, d, e) = (state[0], state[1], state[2], state[3], state[4])
            for step in 0..<80 {
                let (mixed, constant): (UInt32, UInt32)
                switch step / 20 {
                case 0: (mixed, constant) = (b & c | ~b & d, 0x5a82_7999)
                case 1: (mixed, constant) = (b ^ c ^ d, 0x6ed9_eba1)
                case 2: (mixed, constant) = (b & c | b & d | c & d, 0x8f1b_bcdc)
                default: (mixed, constant) = (b ^ c ^ d, 0xca62_c1d6)
                }
                let sum = rotated(a, 5) &+ mixed &+ e &+ constant &+ words[step]
                (e, d, c, b, a) = (d, c, rotated(b, 30), a, sum)
            }
            return state &+ SIMD8(a, b, c, d, e, 0, 0, 0)
        }
    }

    private static func rotated(_ value: UInt32, _ bits: UInt32) -> UInt32 { value << bits | value >> (32 - bits) }
}
