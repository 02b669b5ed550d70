public import ByteKit
import Glibc

/// The salted MD5 password hash that begins with $apr1$: MD5-crypt with a name of its own.
public enum APR1 {
    public static let prefix = "$apr1$" as StaticString
    private static let alphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" as StaticString
    /// Characters of a whole hash at most: prefix, salt, dollar sign, digest.
    public static let room = 6 + 8 + 1 + 22

    /// The salt of a stored hash: what follows the prefix up to a dollar sign, eight characters at most.
    public static func salt(of stored: Bytes) -> Bytes {
        let rest = stored.from(Bytes(prefix).count)
        let end = rest.firstIndex(of: 0x24) ?? rest.count
        return rest.upTo(min(end, 8))
    }

    /// Writes "$apr1$SALT$HASH" for a password.
    public static func hash(_ password: Bytes, salt: Bytes, into writer: inout ByteWriter) {
        withUnsafeTemporaryAllocation(byteCount: MD5.length, alignment: 8) { room in
            let digest = Bytes(UnsafeRawBufferPointer(room))
            let place = room.baseAddress.unsafelyUnwrapped
            begin(password, salt, digest, place)
            for round in 0..<1000 { stretch(password, salt, digest, place, round) }
            writer.append(prefix)
            writer.append(salt)
            writer.append(0x24)
            spell(digest, into: &writer)
        }
    }

    private static func begin(_ password: Bytes, _ salt: Bytes, _ digest: Bytes, _ place: UnsafeMutableRawPointer) {
        var other = BlockHasher<MD5>()
        for part in [password, salt, password] { other.update(part) }
        other.finish(into: place)

        var hasher = BlockHasher<MD5>()
        hasher.update(password)
        hasher.update(prefix)
        hasher.update(salt)
        var left = password.count
        while left > 0 {
            hasher.update(digest.upTo(min(left, digest.count)))
            left -= digest.count
        }
        // One byte for each bit of the length: NUL for a set one, else the first of the password.
        var length = password.count
        while length != 0 {
            hasher.update(length & 1 != 0 ? Bytes("\0") : password.upTo(1))
            length >>= 1
        }
        hasher.finish(into: place)
    }

    private static func stretch(
        _ password: Bytes, _ salt: Bytes, _ digest: Bytes, _ place: UnsafeMutableRawPointer, _ round: Int
    ) {
        var hasher = BlockHasher<MD5>()
        hasher.update(round & 1 != 0 ? password : digest)
        if round % 3 != 0 { hasher.update(salt) }
        if round % 7 != 0 { hasher.update(password) }
        hasher.update(round & 1 != 0 ? digest : password)
        hasher.finish(into: place)
    }

    /// The digest's bytes in the order the format has them, six bits a character.
    private static func spell(_ digest: Bytes, into writer: inout ByteWriter) {
        let groups = [(0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5)]
        func spell(_ value: UInt32, _ count: Int) {
            var rest = value
            for _ in 0..<count {
                writer.append(alphabet.utf8Start[Int(rest & 63)])
                rest >>= 6
            }
        }
        for (first, second, third) in groups {
            spell(UInt32(digest[first]) << 16 | UInt32(digest[second]) << 8 | UInt32(digest[third]), 4)
        }
        spell(UInt32(digest[11]), 2)
    }
}
