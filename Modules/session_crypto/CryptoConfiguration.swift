import COpenSSL
import Glibc
import ModuleKit

/// How sessions are encrypted in a directory.
struct CryptoConf: Configuration, BitwiseCopyable {
    /// The first one encrypts, all of them are tried to decrypt. None: sessions are not encrypted.
    var passphrases = PoolArray<Bytes>()
    var hasCipher = false
    var cipher = Cipher.aes256

    func merged(
        over base: CryptoConf, settings: [(inout CryptoConf) -> Void], in pool: Pool
    ) -> CryptoConf {
        var merged = self
        if passphrases.isEmpty { merged.passphrases = base.passphrases }
        if !hasCipher {
            merged.hasCipher = base.hasCipher
            merged.cipher = base.cipher
        }
        return merged
    }

    /// The same for the same passphrases and cipher; not set: nothing is encrypted.
    func digest(in pool: Pool) -> Bytes {
        guard !passphrases.isEmpty else { return .none }
        var text = [cipher.rawValue]
        for passphrase in passphrases.elements { text += Array("\(passphrase.count):".utf8) + Array(passphrase.buffer) }
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var length: UInt32 = 0
        guard EVP_Digest(text, text.count, &digest, &length, EVP_sha256(), nil) == 1 else {
            return text.withUnsafeBytes { pool.copy(Bytes($0)) }
        }
        return digest.withUnsafeBytes { pool.copy(Bytes($0).upTo(Int(length))) }
    }
}

let cryptoDirectives: [Directive] = [
    Directive(
        "SessionCryptoPassphrase", .each, in: .any, override: .auth, flags: APUS_DIRECTIVE_SECRET,
        help: "secret, or exec:PROGRAM …"
    ) { command, words in
        try add(words[0].hasPrefix("exec:") ? try output(of: words[0].from(5), command) : words[0], command)
    },
    Directive("SessionCryptoPassphraseFile", .one, in: .sections.union(.server), help: "a file, a secret a line") {
        command, words in
        let path = command.resolve(words[0])
        let lines = try readLines(path)
        guard !lines.isEmpty else { throw DirectiveError("\(path.string) holds no passphrase") }
        for line in lines { try addWords(of: line, command) }
    },
    Directive("SessionCryptoCipher", .one, in: .any, override: .auth, help: "aes256, aes192, aes128 or 3des192") { command, words in
        guard let cipher = Cipher(name: words.string(0).lowercased()) else {
            throw DirectiveError("\"\(words.string(0))\" is no cipher for sessions: aes256, aes192, aes128 or 3des192")
        }
        let conf = command.configuration(CryptoConf.self)
        conf.pointee.cipher = cipher
        conf.pointee.hasCipher = true
    },
    Directive("SessionCryptoDriver", .many(1), in: .global, help: "openssl [engine=NAME]") { command, words in
        guard words[0].equalsIgnoringCase("openssl") else {
            throw DirectiveError("\"\(words.string(0))\" is no driver that is there: sessions are encrypted with openssl")
        }
        if words.count > 1 { throw DirectiveError("SessionCryptoDriver: engines are not supported; leave \"\(words.string(1))\" out") }
    },
]

private func add(_ secret: Bytes, _ command: Command) throws {
    guard !secret.isEmpty else { throw DirectiveError("\(command.name.string): a passphrase is empty") }
    command.configuration(CryptoConf.self).pointee.passphrases.append(command.pool.copy(secret), in: command.pool)
}

/// A line may hold several passphrases; one with spaces in it stands in quotation marks.
private func addWords(of line: [UInt8], _ command: Command) throws {
    let words = line.withUnsafeBytes { command.pool.copy(Bytes($0)) }.arguments(in: command.pool)
    for word in words.elements {
        if word.hasPrefix("#") { break }
        try add(word, command)
    }
}

/// The lines of a file that are neither blank nor comments.
private func readLines(_ path: Bytes) throws -> [[UInt8]] {
    let file = open(path.ptr!, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw DirectiveError("cannot read \(path.string): \(String(cString: strerror(errno)))") }
    defer { close(file) }
    var text: [UInt8] = []
    let limit = 1 << 20
    var chunk = [UInt8](repeating: 0, count: 4096)
    while true {
        let count = read(file, &chunk, chunk.count)
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else { throw DirectiveError("cannot read \(path.string): \(String(cString: strerror(errno)))") }
        if count == 0 { break }
        text += chunk[..<count]
        guard text.count <= limit else { throw DirectiveError("\(path.string) is too long for a file of passphrases") }
    }
    return text.split(separator: 0x0a).compactMap { line in
        line.withUnsafeBytes { bytes in
            let line = Bytes(bytes).trimmed
            let plain = line.hasSuffix(Bytes("\r")) ? line.upTo(line.count - 1).trimmed : line
            return plain.isEmpty || plain[0] == UInt8(ascii: "#") ? nil : Array(plain.buffer)
        }
    }
}
