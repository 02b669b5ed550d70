import ModuleKit

/// The hash functions that clients and servers can agree on (RFC 7616 section 3.4).
enum DigestAlgorithm: UInt8, BitwiseCopyable {
    case md5, sha256

    var name: StaticString { self == .md5 ? "MD5" : "SHA-256" }
    /// Hexadecimal digits of a hash.
    var digits: Int { self == .md5 ? 32 : 64 }
}

/// A provider of users.
struct DigestProvider: BitwiseCopyable {
    var table: UnsafePointer<apus_authn_v1>
    var context: UnsafeMutableRawPointer?
}

/// How users are asked for in a directory.
struct DigestConf: Configuration, BitwiseCopyable {
    enum Quality: UInt8, BitwiseCopyable {
        case unset
        /// As before RFC 2617: without a count, so that what was overheard can be sent again.
        case none
        case auth
    }

    var providers = PoolArray<DigestProvider>()
    /// In the order in which they are offered.
    var algorithms = PoolArray<DigestAlgorithm>()
    var quality = Quality.unset
    /// Seconds that a nonce holds; 0: for one request; negative: for ever. Nil: not said here.
    var lifetime: Int64?
    /// As the challenge has it.
    var domain = Bytes.none

    static let standardLifetime: Int64 = 300

    func merged(
        over base: DigestConf, settings: [(inout DigestConf) -> Void], in pool: Pool
    ) -> DigestConf {
        var merged = self
        if providers.isEmpty { merged.providers = base.providers }
        if algorithms.isEmpty { merged.algorithms = base.algorithms }
        if quality == .unset { merged.quality = base.quality }
        if lifetime == nil { merged.lifetime = base.lifetime }
        if !domain.isSet { merged.domain = base.domain }
        return merged
    }
}

/// The memory for nonces in use.
struct DigestServerConf: Configuration {
    var bytes = 1 << 20
}

private let inSections: Scopes = [.directory, .location, .files, .htaccess]

let digestDirectives: [Directive] = [
    Directive("AuthDigestProvider", .each, in: inSections, override: .auth, help: "provider [provider] …") {
        try addProvider($0, $1[0])
    },
    Directive("AuthDigestAlgorithm", .each, in: inSections, override: .auth, help: "MD5, SHA-256 or both") {
        let algorithm = try algorithm($1[0])
        $0.configuration(DigestConf.self).pointee.algorithms.append(algorithm, in: $0.pool)
    },
    Directive("AuthDigestQop", .each, in: inSections, override: .auth, help: "auth or none") {
        $0.configuration(DigestConf.self).pointee.quality = try quality($1[0])
    },
    Directive("AuthDigestNonceLifetime", .one, in: inSections, override: .auth, help: "seconds; 0: one request") {
        $0.configuration(DigestConf.self).pointee.lifetime = Int64(try Int(word: $1[0]))
    },
    Directive("AuthDigestDomain", .each, in: inSections, override: .auth, help: "URI [URI] …") {
        try addDomain($0, $1[0])
    },
    Directive("AuthDigestShmemSize", .one, in: .global, help: "bytes, or a number with K or M") {
        let bytes = try size($1[0])
        $0.updateServer { (conf: inout DigestServerConf) in conf.bytes = bytes }
    },
]

private func addProvider(_ command: Command, _ name: Bytes) throws {
    guard let (table, context) = Host(raw: command.host).provider(APUS_GROUP_AUTHN, name, as: apus_authn_v1.self) else {
        throw DirectiveError("no loaded module has a provider \"\(name.string)\" of users, and no alias bears that name so far")
    }
    guard table.pointee.realm_hash != nil else {
        throw DirectiveError("the provider \"\(name.string)\" has no hashes for Digest authentication")
    }
    let provider = DigestProvider(table: table, context: context)
    command.configuration(DigestConf.self).pointee.providers.append(provider, in: command.pool)
}

private func algorithm(_ word: Bytes) throws -> DigestAlgorithm {
    if word.equalsIgnoringCase("MD5") { return .md5 }
    if word.equalsIgnoringCase("SHA-256") { return .sha256 }
    if word.hasSuffix(Bytes("-sess")) {
        throw DirectiveError("\(word.string) is not implemented, as in httpd; use \(word.upTo(word.count - 5).string)")
    }
    throw DirectiveError("\"\(word.string)\" is neither MD5 nor SHA-256")
}

private func quality(_ word: Bytes) throws -> DigestConf.Quality {
    if word.equalsIgnoringCase("auth") { return .auth }
    if word.equalsIgnoringCase("none") { return .none }
    if word.equalsIgnoringCase("auth-int") {
        throw DirectiveError("auth-int is not implemented, as in httpd, and hardly any client knows it; use auth")
    }
    throw DirectiveError("\"\(word.string)\" is neither auth nor none")
}

private func addDomain(_ command: Command, _ uri: Bytes) throws {
    let isUsable = uri.count > 0 && !uri.buffer.contains { $0 <= 0x20 || $0 == 0x22 || $0 == 0x7f }
    guard isUsable, uri[0] == 0x2f || uri.hasPrefixIgnoringCase("http") else {
        throw DirectiveError("\"\(uri.string)\" is neither a path nor a URL")
    }
    let conf = command.configuration(DigestConf.self)
    let before = conf.pointee.domain
    conf.pointee.domain = command.pool.compose(capacity: before.count + uri.count + 1) {
        $0.append(before)
        if !before.isEmpty { $0.append(UInt8(ascii: " ")) }
        $0.append(uri)
    }
}

private func size(_ word: Bytes) throws -> Int {
    var digits = word
    var unit: Int64 = 1
    switch word.isEmpty ? 0 : word[word.count - 1] | 0x20 {
    case UInt8(ascii: "k"): unit = 1 << 10
    case UInt8(ascii: "m"): unit = 1 << 20
    default: break
    }
    if unit > 1 { digits = word.upTo(word.count - 1) }
    guard let number = digits.decimal, number > 0, number <= (1 << 30) / unit else {
        throw DirectiveError("\"\(word.string)\" is no size from 1 to 1024M")
    }
    return max(Int(number * unit), NonceTable.leastBytes)
}
