import ByteKit
import PasswordKit

/// The options that htpasswd and htdbm have in common: where the password comes from, and how it is hashed.
struct HashOptions {
    private var takesPassword = false
    private var readsInput = false
    private var method = HashMethod.bcrypt
    private var cost: Int?
    private var rounds: Int?

    /// Whether the password is the last of the words.
    var isPasswordGiven: Bool { takesPassword }

    static let valued = "Cr"
    static let help = """
         -b  Take the password from the command line instead of asking for it.
         -i  Read the password from standard input, once.
         -B  Hash with bcrypt (the default).
         -a  Hash with Argon2id, which needs libargon2.
         -m  Hash with the MD5 variant of httpd ($apr1$).
         -2  Hash with SHA-256 of crypt(3).
         -5  Hash with SHA-512 of crypt(3).
         -C  The cost of bcrypt, 4 to 17 (default: 10). Each step doubles the time.
         -r  The rounds of SHA-256 and SHA-512 (default: 5000).
         -d  Hash with the DES crypt(3): 8 characters count; insecure.
         -s  Hash with SHA-1 without salt; insecure.
         -p  Do not hash: such passwords are never accepted by the server.
        """

    /// Takes an option with its value; false: it is none of these.
    mutating func take(_ option: Character, _ value: String) throws -> Bool {
        switch option {
        case "b": takesPassword = true
        case "i": readsInput = true
        case "B": method = .bcrypt
        case "a": method = .argon2id
        case "m": method = .apr1
        case "2": method = .sha256
        case "5": method = .sha512
        case "d": method = .des
        case "s": method = .sha1
        case "p": method = .plain
        case "C": cost = try HashOptions.number(value, "-C")
        case "r": rounds = try HashOptions.number(value, "-r")
        default: return false
        }
        return true
    }

    private static func number(_ text: String, _ option: String) throws -> Int {
        guard let value = Int(text), value >= 0 else {
            throw Failure(ExitCode.usage, "\(option) takes a number, not \"\(text)\"")
        }
        return value
    }

    func check() throws {
        guard !(takesPassword && readsInput) else { throw Failure(ExitCode.usage, "-b and -i exclude each other") }
        if let cost, method != .bcrypt || !(4...17).contains(cost) {
            guard method == .bcrypt else { throw Failure(ExitCode.usage, "-C is for bcrypt only") }
            throw Failure(ExitCode.mismatch, "the cost of bcrypt is 4 to 17, not \(cost)")
        }
        guard rounds == nil || method == .sha256 || method == .sha512 else {
            throw Failure(ExitCode.usage, "-r is for SHA-256 and SHA-512 only")
        }
    }

    /// Gets a new password and hashes it.
    /// - Parameter given: what stands on the command line in its place.
    func newHash(given: String?) throws -> String {
        try method.hash(try password(given, confirms: true), cost: cost, rounds: rounds)
    }

    /// Gets a password and checks it against what is stored, up to a colon.
    func isRight(given: String?, stored: some Sequence<UInt8>) throws -> Bool {
        let stored = Array(stored.prefix { $0 != 0x3a })
        return try password(given, confirms: false).utf8Bytes { password in
            stored.withUnsafeBytes { PasswordHash.verify(password, Bytes($0)) }
        }
    }

    private func password(_ given: String?, confirms: Bool) throws -> Password {
        try Password.read(given: takesPassword ? given : nil, fromInput: readsInput, confirms: confirms)
    }
}
