import ByteKit
import CCrypt
import Glibc
import PasswordKit

/// How a password is stored.
enum HashMethod {
    case bcrypt, argon2id, apr1, sha256, sha512, des, sha1, plain

    static let defaultCost = 10

    /// What stands in the file for a password.
    func hash(_ password: Password, cost: Int?, rounds: Int?) throws -> String {
        switch self {
        case .plain: return try plain(password)
        case .sha1: return composed(64) { writer in password.utf8Bytes { PasswordHash.writeSHA($0, into: &writer) } }
        case .apr1:
            let salt = HashMethod.salt(8)
            return composed(APR1.room) { writer in
                password.utf8Bytes { password in
                    salt.withUnsafeBytes { APR1.hash(password, salt: Bytes($0), into: &writer) }
                }
            }
        case .bcrypt: return try crypted(password, HashMethod.setting("$2y$", cost ?? HashMethod.defaultCost))
        case .argon2id: return try argon2id(password)
        case .sha256: return try crypted(password, HashMethod.setting("$5$", HashMethod.bounded(rounds)))
        case .sha512: return try crypted(password, HashMethod.setting("$6$", HashMethod.bounded(rounds)))
        case .des:
            if password.count > 8 {
                print("Warning: Password truncated to 8 characters by CRYPT algorithm.", to: &standardError)
            }
            return try crypted(password, HashMethod.salt(2))
        }
    }

    private func argon2id(_ password: Password) throws -> String {
        var isMade = false
        let hash = composed(Argon2.room) { writer in
            isMade = password.utf8Bytes { Argon2.hash($0, into: &writer) }
        }
        guard isMade else { throw Failure(ExitCode.file, "Argon2 needs libargon2, which is not installed") }
        return hash
    }

    private func plain(_ password: Password) throws -> String {
        print("Warning: storing passwords as plain text might just not work on this platform.", to: &standardError)
        guard let text = password.utf8Bytes({ String(validating: $0.buffer, as: UTF8.self) }) else {
            throw Failure(ExitCode.usage, "the password is no UTF-8")
        }
        return text
    }

    private func composed(_ capacity: Int, _ body: (inout ByteWriter) -> Void) -> String {
        withUnsafeTemporaryAllocation(byteCount: capacity, alignment: 8) { room in
            var writer = ByteWriter(room.baseAddress.unsafelyUnwrapped, capacity: capacity)
            body(&writer)
            return writer.written.string
        }
    }

    private func crypted(_ password: Password, _ setting: [UInt8]) throws -> String {
        let hash = password.utf8Bytes { password in
            setting.withUnsafeBytes { PasswordHash.withCrypted(password, setting: Bytes($0)) { $0.string } }
        }
        guard let hash else { throw Failure(ExitCode.file, "crypt(3) cannot hash the password") }
        return hash
    }

    /// The nearest number of rounds that the method knows; 0: its own.
    private static func bounded(_ rounds: Int?) -> Int { rounds.map { min(max($0, 1000), 999_999_999) } ?? 0 }

    private static func setting(_ prefix: String, _ cost: Int) throws -> [UInt8] {
        var room = [CChar](repeating: 0, count: 192)
        guard let setting = ccrypt_setting(prefix, UInt(cost), &room, Int32(room.count)) else {
            throw Failure(ExitCode.file, "crypt(3) does not know the method \(prefix)")
        }
        return Array(Bytes(cString: setting).buffer)
    }

    /// Characters of crypt's alphabet, from the system's generator.
    private static func salt(_ count: Int) -> [UInt8] {
        let alphabet = Array("./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
        return (0..<count).map { _ in alphabet[Int.random(in: 0..<64)] }
    }
}
