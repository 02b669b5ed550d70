import COpenSSL
import Glibc
import ModuleKit

/// The ciphers for sessions, by httpd's names; all in CBC mode.
enum Cipher: UInt8, BitwiseCopyable {
    case aes256, aes192, aes128, tripleDES

    init?(name: String) {
        switch name {
        case "aes256": self = .aes256
        case "aes192": self = .aes192
        case "aes128": self = .aes128
        case "3des192": self = .tripleDES
        default: return nil
        }
    }

    var evp: OpaquePointer? {
        switch self {
        case .aes256: EVP_aes_256_cbc()
        case .aes192: EVP_aes_192_cbc()
        case .aes128: EVP_aes_128_cbc()
        case .tripleDES: EVP_des_ede3_cbc()
        }
    }

    var keyLength: Int { self == .aes256 ? 32 : self == .aes128 ? 16 : 24 }
    var blockLength: Int { self == .tripleDES ? 8 : 16 }
}

/// httpd's form of an encrypted session, in Base 64: a SipHash-2-4 of what follows, whose key is the MD5 of the passphrase;
/// the salt of the cipher's key; the initialisation vector; the encrypted text. The key is PBKDF2 of the passphrase.
enum SealedText {
    static let saltLength = 16
    private static let tagLength = 8

    static func seal(_ text: Bytes, _ passphrase: Bytes, _ cipher: Cipher, in pool: Pool) -> Bytes? {
        guard let (salt, key) = DerivedKeys.own(passphrase, cipher) else { return nil }
        let ivEnd = tagLength + saltLength + cipher.blockLength
        var message = [UInt8](repeating: 0, count: ivEnd) + Array(text.buffer) + [UInt8](repeating: 0, count: cipher.blockLength)
        message.replaceSubrange(tagLength..<(tagLength + saltLength), with: salt)
        let isDone = message.withUnsafeMutableBytes { raw -> Bool in
            let iv = UnsafeMutableRawBufferPointer(rebasing: raw[(tagLength + saltLength)..<ivEnd])
            guard RAND_bytes(iv.bindMemory(to: UInt8.self).baseAddress, Int32(iv.count)) == 1 else { return false }
            return true
        }
        guard isDone,
            let length = crypt(Array(text.buffer), key, Array(message[(tagLength + saltLength)..<ivEnd]), cipher, encrypts: true, &message, at: ivEnd)
        else { return nil }
        message.removeLast(message.count - ivEnd - length)
        guard let tag = tag(message[tagLength...], passphrase) else { return nil }
        message.replaceSubrange(0..<tagLength, with: tag)
        return message.withUnsafeBytes { bytes in
            pool.compose(capacity: Base64.encodedLength(bytes.count)) { Base64.encode(Bytes(bytes), &$0) }
        }
    }

    /// Nil: it was not sealed with this passphrase and cipher, or was changed since.
    static func open(_ sealed: Bytes, _ passphrase: Bytes, _ cipher: Cipher, in pool: Pool) -> Bytes? {
        let room = sealed.count / 4 * 3 + 4
        var isBase64 = false
        let decoded = pool.compose(capacity: room) { isBase64 = Base64.decode(sealed, &$0) }
        let ivStart = tagLength + saltLength
        let ivEnd = ivStart + cipher.blockLength
        guard isBase64, decoded.count >= ivEnd + cipher.blockLength, (decoded.count - ivEnd).isMultiple(of: cipher.blockLength)
        else { return nil }
        let message = Array(decoded.buffer)
        // Before anything that costs time: whoever does not know the passphrase comes no further.
        guard let tag = tag(message[tagLength...], passphrase) else { return nil }
        let isOwn = tag.withUnsafeBytes { Bytes($0).equalsInConstantTime(decoded.upTo(tagLength)) }
        guard isOwn, let key = DerivedKeys.key(passphrase, Array(message[tagLength..<ivStart]), cipher) else { return nil }
        var plain = [UInt8](repeating: 0, count: message.count - ivEnd + cipher.blockLength)
        guard let length = crypt(Array(message[ivEnd...]), key, Array(message[ivStart..<ivEnd]), cipher, encrypts: false, &plain, at: 0)
        else { return nil }
        return plain[..<length].withUnsafeBytes { pool.copy(Bytes($0)) }
    }

    private static func tag(_ message: ArraySlice<UInt8>, _ passphrase: Bytes) -> [UInt8]? {
        guard let mac = EVP_MAC_fetch(nil, "SIPHASH", nil) else { return nil }
        defer { EVP_MAC_free(mac) }
        guard let context = EVP_MAC_CTX_new(mac) else { return nil }
        defer { EVP_MAC_CTX_free(context) }
        var size = tagLength
        var parameters = [OSSL_PARAM_construct_size_t("size", &size), OSSL_PARAM_construct_end()]
        let isReady = MD5.digest(passphrase) { key in
            EVP_MAC_init(context, key.buffer.bindMemory(to: UInt8.self).baseAddress, key.count, &parameters) == 1
        }
        var tag = [UInt8](repeating: 0, count: tagLength)
        var length = 0
        let isAdded = message.withUnsafeBufferPointer { EVP_MAC_update(context, $0.baseAddress, $0.count) == 1 }
        guard isReady, isAdded, EVP_MAC_final(context, &tag, &length, tagLength) == 1, length == tagLength else { return nil }
        return tag
    }

    /// - Returns: how many bytes were written to `output` at `offset`, where there is room for a block more than comes in.
    private static func crypt(
        _ input: [UInt8], _ key: [UInt8], _ iv: [UInt8], _ cipher: Cipher, encrypts: Bool, _ output: inout [UInt8], at offset: Int
    ) -> Int? {
        guard let context = EVP_CIPHER_CTX_new() else { return nil }
        defer { EVP_CIPHER_CTX_free(context) }
        guard EVP_CipherInit_ex(context, cipher.evp, nil, key, iv, encrypts ? 1 : 0) == 1 else { return nil }
        return output.withUnsafeMutableBufferPointer { place in
            guard let start = place.baseAddress, place.count - offset >= input.count + (encrypts ? 0 : cipher.blockLength) else { return nil }
            var (length, rest): (Int32, Int32) = (0, 0)
            guard EVP_CipherUpdate(context, start + offset, &length, input, Int32(input.count)) == 1,
                EVP_CipherFinal_ex(context, start + offset + Int(length), &rest) == 1
            else { return nil }
            return Int(length + rest)
        }
    }
}

/// Keys derived of passphrases, which takes milliseconds: each salt's is kept, and a worker encrypts with one salt.
private enum DerivedKeys {
    private struct Name: Hashable {
        let passphrase: [UInt8]
        let salt: [UInt8]
        let cipher: UInt8
    }

    private static let iterations: Int32 = 4096
    private static let capacity = 256
    nonisolated(unsafe) private static var known: [Name: [UInt8]] = [:]
    nonisolated(unsafe) private static var ownSalt: [UInt8] = []

    static func own(_ passphrase: Bytes, _ cipher: Cipher) -> (salt: [UInt8], key: [UInt8])? {
        if ownSalt.isEmpty {
            var salt = [UInt8](repeating: 0, count: SealedText.saltLength)
            guard RAND_bytes(&salt, Int32(salt.count)) == 1 else { return nil }
            ownSalt = salt
        }
        return key(passphrase, ownSalt, cipher).map { (ownSalt, $0) }
    }

    static func key(_ passphrase: Bytes, _ salt: [UInt8], _ cipher: Cipher) -> [UInt8]? {
        let name = Name(passphrase: Array(passphrase.buffer), salt: salt, cipher: cipher.rawValue)
        if let key = known[name] { return key }
        var key = [UInt8](repeating: 0, count: cipher.keyLength)
        let isDerived = PKCS5_PBKDF2_HMAC_SHA1(
            passphrase.ptr, Int32(passphrase.count), salt, Int32(salt.count), iterations, Int32(key.count), &key) == 1
        guard isDerived else { return nil }
        if known.count >= capacity { known.removeAll() }
        known[name] = key
        return key
    }
}
