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

    /// Why it is never checked, for an operator; nil: it is, as far as can be seen from outside.
    public static func problem(_ stored: Bytes) -> String? {
        if stored.hasPrefix(Argon2.prefix) {
            guard Argon2.Stored(stored) != nil else { return "it is no Argon2 hash as its tools write them" }
            guard Argon2.isAvailable else { return "Argon2 needs \(Argon2.library), which is not installed" }
        }
        let cost = PasswordCost(of: stored)
        let limit = PasswordCost.limit
        if cost.kibibytes > limit.kibibytes {
            return "a check would take more than \(Int(limit.kibibytes) >> 10) MiB of memory"
        }
        if cost.microseconds > limit.microseconds {
            return "a check would take more than \(Int(limit.microseconds / 1_000_000)) seconds"
        }
        return nil
    }

    /// Whether the password is the one that was stored. [any thread] A password with a NUL byte is never right.
    public static func verify(_ password: Bytes, _ stored: Bytes) -> Bool { outcome(password, stored) ?? false }

    /// The same for a user who may be unknown, or whose stored password cannot be checked: then it takes as long as a check
    /// against `decoy`.
    public static func verify(_ password: Bytes, _ stored: Bytes?, decoy: Bytes) -> Bool {
        if let stored, let isRight = outcome(password, stored) { return isRight }
        _ = outcome(password, decoy)
        return false
    }

    /// Nil: nothing could be found out.
    private static func outcome(_ password: Bytes, _ stored: Bytes) -> Bool? {
        guard !password.contains(0), !stored.contains(0), !stored.isEmpty, stored.count <= longest else { return nil }
        if stored.hasPrefix(sha) { return verifySHA(password, stored) }
        if stored.hasPrefix(APR1.prefix) { return verifyAPR1(password, stored) }
        guard problem(stored) == nil else { return nil }
        if stored.hasPrefix(Argon2.prefix) { return Argon2.verify(password, stored) }
        return withCrypted(password, setting: stored) { $0.equalsInConstantTime(stored) }
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
