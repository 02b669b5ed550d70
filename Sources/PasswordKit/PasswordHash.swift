public import ByteKit
import CCrypt
import Glibc

/// Stored passwords: what kind they are, what it costs to check one, and whether a password is the one that was stored.
public enum PasswordHash {
    static let sha = "{SHA}" as StaticString
    /// Whatever crypt(3) answers is shorter.
    static let longest = 512

    /// Whether checking against it may hold the loop.
    public static func isQuick(_ stored: Bytes) -> Bool { stored.hasPrefix(sha) }

    /// What checking costs, very roughly in microseconds: to tell which of two is dearer.
    public static func cost(_ stored: Bytes) -> Double {
        if stored.hasPrefix(sha) { return 0.3 }
        if stored.hasPrefix("$apr1$") || stored.hasPrefix("$1$") { return 300 }
        if stored.hasPrefix("$2"), let dollar = stored.firstIndex(of: 0x24, from: 1), stored.count >= dollar + 3 {
            return 45 * power(number(stored[dollar + 1..<dollar + 3]) ?? 5)
        }
        if stored.hasPrefix("$5$") || stored.hasPrefix("$6$") { return 0.5 * rounds(stored) }
        if stored.hasPrefix("$y$") || stored.hasPrefix("$gy$") || stored.hasPrefix("$7$") { return scrypt(stored) }
        if stored.hasPrefix("$sha1$") || stored.hasPrefix("$md5") { return 30_000 }
        return 80
    }

    /// `rounds=N$` after the method, or the 5000 that hold without it.
    private static func rounds(_ stored: Bytes) -> Double {
        let settings = stored.from(3)
        guard settings.hasPrefix("rounds="), let end = settings.firstIndex(of: 0x24) else { return 5000 }
        return min(number(settings[7..<end]) ?? 5000, 999_999_999)
    }

    /// The base-two logarithm of N stands in one character of crypt's alphabet, after "$7$" or the flavour of "$y$".
    private static func scrypt(_ stored: Bytes) -> Double {
        let place = stored.hasPrefix("$7$") ? 3 : stored.hasPrefix("$gy$") ? 5 : 4
        guard place < stored.count else { return 80 }
        let letter: Int
        switch stored[place] {
        case 0x2e...0x39: letter = Int(stored[place]) - 0x2e
        case 0x41...0x5a: letter = Int(stored[place]) - 0x41 + 12
        case 0x61...0x7a: letter = Int(stored[place]) - 0x61 + 38
        default: letter = 0
        }
        return 7 * power(Double(letter + (stored.hasPrefix("$7$") ? 0 : 1)))
    }

    private static func number(_ digits: Bytes) -> Double? { digits.decimal.map(Double.init) }

    private static func power(_ exponent: Double) -> Double { exp2(min(exponent, 40)) }

    /// Whether the password is the one that was stored. [any thread] A password with a NUL byte is never right.
    public static func verify(_ password: Bytes, _ stored: Bytes) -> Bool {
        guard !password.contains(0), !stored.contains(0), !stored.isEmpty, stored.count <= longest else { return false }
        if stored.hasPrefix(sha) { return verifySHA(password, stored) }
        if stored.hasPrefix(APR1.prefix) { return verifyAPR1(password, stored) }
        return verifyCrypt(password, stored)
    }

    private static func verifySHA(_ password: Bytes, _ stored: Bytes) -> Bool {
        withUnsafeTemporaryAllocation(byteCount: 64, alignment: 8) { room in
            var writer = ByteWriter(room.baseAddress.unsafelyUnwrapped, capacity: 64)
            writeSHA(password, into: &writer)
            return writer.written.equalsInConstantTime(stored)
        }
    }

    /// "{SHA}" and the digest in Base64.
    public static func writeSHA(_ password: Bytes, into writer: inout ByteWriter) {
        writer.append(sha)
        SHA1.digest(password) { Base64.encode($0, &writer) }
    }

    private static func verifyAPR1(_ password: Bytes, _ stored: Bytes) -> Bool {
        withUnsafeTemporaryAllocation(byteCount: APR1.room, alignment: 8) { room in
            var writer = ByteWriter(room.baseAddress.unsafelyUnwrapped, capacity: APR1.room)
            APR1.hash(password, salt: APR1.salt(of: stored), into: &writer)
            return writer.written.equalsInConstantTime(stored)
        }
    }

    private static func verifyCrypt(_ password: Bytes, _ stored: Bytes) -> Bool {
        withCrypted(password, setting: stored) { $0.equalsInConstantTime(stored) } ?? false
    }

    /// Calls `body` with what crypt(3) makes of the password by a setting; nil: the library does not take it.
    public static func withCrypted<R>(_ password: Bytes, setting: Bytes, _ body: (Bytes) -> R) -> R? {
        // A setting that begins with a star is how crypt says that it failed.
        guard !setting.isEmpty, setting[0] != 0x2a else { return nil }
        let room = UnsafeMutableRawPointer.allocate(byteCount: ccrypt_room, alignment: 16)
        memset(room, 0, ccrypt_room)
        defer {
            explicit_bzero(room, ccrypt_room)
            room.deallocate()
        }
        return withCString(password) { phrase in
            withCString(setting) { setting in
                guard let hash = ccrypt(phrase, setting, room), hash.pointee != 0x2a else { return nil }
                return body(Bytes(cString: hash))
            }
        }
    }

    private static func withCString<R>(_ bytes: Bytes, _ body: (UnsafePointer<CChar>) -> R) -> R {
        withUnsafeTemporaryAllocation(byteCount: bytes.count + 1, alignment: 1) { room in
            room.copyMemory(from: bytes.buffer)
            room[bytes.count] = 0
            let start = room.baseAddress.unsafelyUnwrapped
            defer { explicit_bzero(start, room.count) }
            return body(start.assumingMemoryBound(to: CChar.self))
        }
    }
}
