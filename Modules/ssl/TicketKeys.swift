import COpenSSL
import Glibc
import ModuleKit

/// One key that session tickets are sealed with (RFC 5077 section 4). Raw memory.
struct TicketKey {
    static let nameLength = 16
    /// What an SSLSessionTicketKeyFile holds: name, secret of the HMAC, key of AES-128, 16 bytes each, as in httpd.
    static let fileLength = 48

    private let name = RawBytes32()
    private let secret = RawBytes32()
    private let cipherKey = RawBytes32()
    /// Of the two secrets.
    private let length: Int

    /// A new key: AES-256 and HMAC-SHA256.
    static func random() -> TicketKey {
        var key = TicketKey(length: 32)
        withUnsafeMutableBytes(of: &key) { bytes in
            _ = RAND_priv_bytes(bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), 96)
        }
        return key
    }

    /// - Returns: nil when the bytes are not as many as a key file has.
    init?(file bytes: [UInt8]) {
        guard bytes.count == TicketKey.fileLength else { return nil }
        self.init(length: 16)
        withUnsafeMutableBytes(of: &self) { place in
            for part in 0..<3 {
                for index in 0..<16 { place[part * 32 + index] = bytes[part * 16 + index] }
            }
        }
    }

    private init(length: Int) { self.length = length }

    func isNamed(_ wanted: UnsafePointer<UInt8>) -> Bool {
        withUnsafeBytes(of: self) { memcmp($0.baseAddress.unsafelyUnwrapped, wanted, TicketKey.nameLength) == 0 }
    }

    func copyName(to place: UnsafeMutablePointer<UInt8>) {
        withUnsafeBytes(of: self) { _ = memcpy(place, $0.baseAddress.unsafelyUnwrapped, TicketKey.nameLength) }
    }

    /// Prepares sealing or opening one ticket.
    func use(_ cipher: OpaquePointer, _ mac: OpaquePointer, _ iv: UnsafeMutablePointer<UInt8>, sealing: Bool) -> Bool {
        withUnsafeBytes(of: self) { bytes in
            guard let base = bytes.baseAddress else { return false }
            let key = (base + 64).assumingMemoryBound(to: UInt8.self)
            let kind = length == 32 ? EVP_aes_256_cbc() : EVP_aes_128_cbc()
            guard EVP_CipherInit_ex(cipher, kind, nil, key, iv, sealing ? 1 : 0) == 1 else { return false }
            return cossl_mac_use_sha256(mac, base + 32, length) == 1
        }
    }
}

/// 32 bytes of raw memory.
private struct RawBytes32: BitwiseCopyable {
    private let words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
}

/// The keys of tickets: one seals, all open. In shared memory for the keys that are made here, or in a process's
/// own for those of a file.
struct TicketKeyRing {
    /// The one before, the one at work and the one after it.
    static let count = 3

    private var keys: (TicketKey, TicketKey, TicketKey)
    private var current: Int
    /// Seconds since 1970.
    private var rotated: Int

    /// Seconds that a key seals for; it opens as long again.
    static let period = 12 * 3600

    /// Three new keys.
    init(now: Int) {
        keys = (.random(), .random(), .random())
        current = 0
        rotated = now
    }

    /// The key of a file, and the one it replaced.
    init(_ key: TicketKey, previous: TicketKey?) {
        keys = (key, previous ?? key, previous ?? key)
        current = 0
        rotated = Int.max
    }

    var sealing: TicketKey { self[current] }

    func isDue(_ now: Int) -> Bool { rotated != Int.max && now - rotated >= TicketKeyRing.period }

    /// The next key takes over, and the oldest one is forgotten.
    mutating func rotate(now: Int) {
        let next = (current + 1) % TicketKeyRing.count
        current = next
        rotated = now
        let fresh = TicketKey.random()
        switch (next + 1) % TicketKeyRing.count {
        case 0: keys.0 = fresh
        case 1: keys.1 = fresh
        default: keys.2 = fresh
        }
    }

    /// The key that a ticket names; nil: it is unknown.
    func opening(_ name: UnsafePointer<UInt8>) -> (key: TicketKey, isCurrent: Bool)? {
        for index in 0..<TicketKeyRing.count where self[index].isNamed(name) {
            return (self[index], index == current)
        }
        return nil
    }

    private subscript(index: Int) -> TicketKey {
        switch index {
        case 0: keys.0
        case 1: keys.1
        default: keys.2
        }
    }
}

/// The ring that all workers share, and that outlives reloads.
struct SharedTicketKeys {
    private let ring: UnsafeMutablePointer<TicketKeyRing>
    private let lock: SharedMutex

    init(_ host: Host) throws {
        let (memory, inherited) = try host.lastingMemory("ticket-keys-1", bytes: MemoryLayout<TicketKeyRing>.size)
        let lockMemory = try host.sharedMemory("ticket-lock", bytes: SharedMutex.bytes)
        guard let base = memory.baseAddress, let lockBase = lockMemory.baseAddress else {
            throw ModuleError("there is no memory for the keys of session tickets")
        }
        ring = base.bindMemory(to: TicketKeyRing.self, capacity: 1)
        lock = try SharedMutex(at: lockBase)
        if !inherited { ring.initialize(to: TicketKeyRing(now: time(nil))) }
    }

    /// The ring, with a new key when its time has come.
    func settled() -> UnsafeMutablePointer<TicketKeyRing> {
        let now = time(nil)
        guard ring.pointee.isDue(now) else { return ring }
        lock.withLock { _ in if ring.pointee.isDue(now) { ring.pointee.rotate(now: now) } }
        return ring
    }
}

/// OpenSSL's ticket key callback. 0: no ticket, or not one of ours; 2: good, but sealed with an old key.
func onTicketKey(
    _ ssl: OpaquePointer?, _ name: UnsafeMutablePointer<UInt8>?, _ iv: UnsafeMutablePointer<UInt8>?,
    _ cipher: OpaquePointer?, _ mac: OpaquePointer?, _ sealing: Int32
) -> Int32 {
    guard let tls = tlsConnection(of: ssl), let name, let iv, let cipher, let mac,
        let ring = tls.pointee.context.pointee.ticketKeys ?? tls.pointee.process.pointee.tickets?.settled()
    else { return 0 }
    if sealing == 1 {
        let key = ring.pointee.sealing
        key.copyName(to: name)
        guard RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) == 1 else { return -1 }
        return key.use(cipher, mac, iv, sealing: true) ? 1 : -1
    }
    guard let (key, isCurrent) = ring.pointee.opening(name) else { return 0 }
    guard key.use(cipher, mac, iv, sealing: false) else { return -1 }
    return isCurrent ? 1 : 2
}
