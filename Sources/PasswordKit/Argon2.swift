public import ByteKit
import CArgon2
import Glibc

/// Argon2 (RFC 9106), a password hash that wants memory as well as time, written
/// "$argon2id$v=19$m=KIBIBYTES,t=PASSES,p=LANES$SALT$DIGEST", the last two in Base64 without padding.
public enum Argon2 {
    static let prefix = "$argon2" as StaticString

    /// How a digest is made.
    struct Parameters: BitwiseCopyable {
        var type = Argon2_id
        var version: UInt32 = 0x13
        var kibibytes, passes, lanes: UInt32
    }

    /// What a stored hash holds.
    struct Stored: BitwiseCopyable {
        let parameters: Parameters
        /// In Base64.
        let salt, digest: Bytes

        /// Nil: it is not as the library writes them.
        init?(_ text: Bytes) {
            var rest = text.from(1)
            func takePart() -> Bytes { rest.take(to: UInt8(ascii: "$")) }
            let type: argon2_type
            switch takePart() {
            case let name where name == "argon2id": type = Argon2_id
            case let name where name == "argon2i": type = Argon2_i
            default: return nil
            }
            // The first version had no number.
            var version: UInt32 = 0x10
            var numbers = takePart()
            if numbers.hasPrefix("v=") {
                guard numbers == "v=19" || numbers == "v=16" else { return nil }
                if numbers == "v=19" { version = 0x13 }
                numbers = takePart()
            }
            func takeNumber(_ name: StaticString) -> UInt32? {
                let word = numbers.take(to: UInt8(ascii: ","))
                guard word.hasPrefix(name) else { return nil }
                return word.from(2).decimal.flatMap { UInt32(exactly: $0) }
            }
            guard let kibibytes = takeNumber("m="), let passes = takeNumber("t="), let lanes = takeNumber("p="),
                numbers.isEmpty
            else { return nil }
            parameters = Parameters(type: type, version: version, kibibytes: kibibytes, passes: passes, lanes: lanes)
            (salt, digest) = (takePart(), takePart())
            // Below, what the library takes at least; above, 64 bytes, more than anybody uses.
            guard rest.isEmpty, (11...86).contains(salt.count), (6...86).contains(digest.count), passes > 0,
                (1...255).contains(lanes), kibibytes >= 8 * lanes
            else { return nil }
        }
    }

    /// The library's function. Set once, by whoever comes first.
    private static let compute: cargon2_function? = cargon2_load()
    static let library = CARGON2_LIBRARY

    /// Whether the library is there.
    public static var isAvailable: Bool { compute != nil }

    /// Digests are made one after the other, so that many who log in at once need no more memory than one.
    nonisolated(unsafe) private static let turn: UnsafeMutablePointer<pthread_mutex_t> = {
        let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        return mutex
    }()

    private static let longestPart = 64

    /// Whether the password is the one that was stored; nil: it cannot be found out.
    static func verify(_ password: Bytes, _ stored: Bytes) -> Bool? {
        guard let stored = Stored(stored) else { return nil }
        return withUnsafeTemporaryAllocation(byteCount: longestPart * 3, alignment: 8) { room in
            let start = room.baseAddress.unsafelyUnwrapped
            var salt = ByteWriter(start, capacity: longestPart)
            var expected = ByteWriter(start + longestPart, capacity: longestPart)
            guard Base64.decode(stored.salt, &salt), Base64.decode(stored.digest, &expected) else { return nil }
            let digest = UnsafeMutableRawBufferPointer(start: start + longestPart * 2, count: expected.count)
            guard make(password, salt.written, stored.parameters, into: digest) else { return nil }
            return Bytes(UnsafeRawBufferPointer(digest)).equalsInConstantTime(expected.written)
        }
    }

    private static func make(
        _ password: Bytes, _ salt: Bytes, _ parameters: Parameters, into digest: UnsafeMutableRawBufferPointer
    ) -> Bool {
        guard let compute else { return false }
        func start(_ bytes: Bytes) -> UnsafeMutablePointer<UInt8>? {
            UnsafeMutablePointer(mutating: bytes.buffer.baseAddress?.assumingMemoryBound(to: UInt8.self))
        }
        var context = argon2_context()
        context.out = digest.baseAddress?.assumingMemoryBound(to: UInt8.self)
        context.outlen = UInt32(digest.count)
        context.pwd = start(password)
        context.pwdlen = UInt32(password.count)
        context.salt = start(salt)
        context.saltlen = UInt32(salt.count)
        context.t_cost = parameters.passes
        context.m_cost = parameters.kibibytes
        context.lanes = parameters.lanes
        // What comes out does not depend on how many threads work on it.
        context.threads = 1
        context.version = parameters.version
        context.allocate_cbk = { cargon2_allocate($0, $1) }
        context.free_cbk = { cargon2_free($0, $1) }
        pthread_mutex_lock(turn)
        defer { pthread_mutex_unlock(turn) }
        return compute(&context, parameters.type) == ARGON2_OK.rawValue
    }

    /// Characters of a fresh hash at most.
    public static let room = 128

    /// Writes a fresh hash of a password, made with 19 MiB and two passes; false: the library is not there.
    public static func hash(_ password: Bytes, into writer: inout ByteWriter) -> Bool {
        let salt = (0..<16).map { _ in UInt8.random(in: 0...255) }
        return withUnsafeTemporaryAllocation(byteCount: 32, alignment: 8) { digest in
            salt.withUnsafeBytes { salt in
                let parameters = Parameters(kibibytes: 19456, passes: 2, lanes: 1)
                guard make(password, Bytes(salt), parameters, into: digest) else { return false }
                writer.append("$argon2id$v=19$m=19456,t=2,p=1$")
                append(Bytes(salt), to: &writer)
                writer.append("$")
                append(Bytes(UnsafeRawBufferPointer(digest)), to: &writer)
                return true
            }
        }
    }

    private static func append(_ bytes: Bytes, to writer: inout ByteWriter) {
        withUnsafeTemporaryAllocation(byteCount: Base64.encodedLength(bytes.count), alignment: 1) { room in
            var text = ByteWriter(room.baseAddress.unsafelyUnwrapped, capacity: room.count)
            Base64.encode(bytes, &text)
            writer.append(text.written.upTo(text.written.firstIndex(of: UInt8(ascii: "=")) ?? text.count))
        }
    }
}

extension Bytes {
    /// Takes off what comes before the first `byte`, and the byte itself; without one, all.
    fileprivate mutating func take(to byte: UInt8) -> Bytes {
        let end = firstIndex(of: byte) ?? count
        defer { self = from(min(end + 1, count)) }
        return upTo(end)
    }
}
