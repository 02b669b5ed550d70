public import ByteKit
import Glibc

/// What it takes to check a password against a stored one, very roughly: enough to tell which of two is dearer, and which is
/// out of all proportion.
public struct PasswordCost: BitwiseCopyable, Sendable {
    public var microseconds: Double
    public var kibibytes = 0.0

    /// A check that would take more than that is not made: a thread of the pool, or the machine's memory, would be gone.
    public static let limit = PasswordCost(microseconds: 60_000_000, kibibytes: 256 * 1024)

    private init(microseconds: Double, kibibytes: Double = 0) {
        self.microseconds = microseconds
        self.kibibytes = kibibytes
    }

    public init(of stored: Bytes) {
        if stored.hasPrefix(PasswordHash.sha) {
            self.init(microseconds: 0.3)
        } else if stored.hasPrefix(APR1.prefix) || stored.hasPrefix("$1$") {
            self.init(microseconds: 300)
        } else if stored.hasPrefix("$2") {
            self.init(microseconds: 45 * PasswordCost.power(PasswordCost.number(stored.from(1)) ?? 5))
        } else if stored.hasPrefix("$5$") || stored.hasPrefix("$6$") {
            self.init(microseconds: 0.5 * PasswordCost.rounds(stored.from(3)))
        } else if stored.hasPrefix(Argon2.prefix) {
            self.init(argon2: Argon2.Stored(stored)?.parameters)
        } else if stored.hasPrefix("$y$") || stored.hasPrefix("$gy$") || stored.hasPrefix("$7$") {
            self.init(scrypt: stored)
        } else if stored.hasPrefix("$sha1") {
            self.init(microseconds: 0.6 * (PasswordCost.number(stored.from(1)) ?? 0))
        } else if stored.hasPrefix("$md5") {
            self.init(microseconds: 0.7 * (4096 + PasswordCost.rounds(stored.from(5))))
        } else {
            self.init(microseconds: 80)
        }
    }

    private init(argon2 parameters: Argon2.Parameters?) {
        guard let parameters else {
            self.init(microseconds: 0)
            return
        }
        let kibibytes = Double(parameters.kibibytes)
        self.init(microseconds: kibibytes * Double(parameters.passes), kibibytes: kibibytes)
    }

    /// scrypt and yescrypt: after the method, and the flavour of the latter, a character for the logarithm of N, then r.
    private init(scrypt stored: Bytes) {
        let isPlain = stored.hasPrefix("$7$")
        let place = isPlain ? 3 : stored.hasPrefix("$gy$") ? 5 : 4
        guard let logarithm = PasswordCost.value(stored, place) else {
            self.init(microseconds: 80)
            return
        }
        let n = PasswordCost.power(Double(logarithm + (isPlain ? 0 : 1)))
        var blocks: Double
        if isPlain {
            // Thirty bits each, the lowest six first.
            let r = (0..<5).reversed().reduce(0.0) { $0 * 64 + Double(PasswordCost.value(stored, place + 1 + $1) ?? 0) }
            let p = (0..<5).reversed().reduce(0.0) { $0 * 64 + Double(PasswordCost.value(stored, place + 6 + $1) ?? 0) }
            blocks = r * max(p, 1)
        } else {
            // From 48 on it takes several characters; so many, or a setting behind it, nobody's tool writes.
            let r = PasswordCost.value(stored, place + 1) ?? 0
            let isPlainSetting = r < 48 && stored.count > place + 2 && stored[place + 2] == UInt8(ascii: "$")
            blocks = isPlainSetting ? Double(r + 1) : .infinity
        }
        self.init(microseconds: 0.22 * n * blocks, kibibytes: n * blocks / 8)
    }

    /// The value of a character of crypt's alphabet.
    private static func value(_ stored: Bytes, _ place: Int) -> Int? {
        guard place < stored.count else { return nil }
        switch stored[place] {
        case 0x2e...0x39: return Int(stored[place]) - 0x2e
        case 0x41...0x5a: return Int(stored[place]) - 0x41 + 12
        case 0x61...0x7a: return Int(stored[place]) - 0x61 + 38
        default: return nil
        }
    }

    /// The number that stands between the next two dollar signs; one that is none, or too large, is out of all proportion.
    private static func number(_ text: Bytes) -> Double? {
        guard let start = text.firstIndex(of: UInt8(ascii: "$")) else { return nil }
        let rest = text.from(start + 1)
        return rest.upTo(rest.firstIndex(of: UInt8(ascii: "$")) ?? rest.count).decimal.map(Double.init) ?? .infinity
    }

    /// `rounds=N` before a dollar sign, or the 5000 that hold without it.
    private static func rounds(_ text: Bytes) -> Double {
        guard text.hasPrefix("rounds="), let end = text.firstIndex(of: UInt8(ascii: "$")) else { return 5000 }
        return text[7..<end].decimal.map(Double.init) ?? .infinity
    }

    private static func power(_ exponent: Double) -> Double { exp2(min(exponent, 64)) }
}
