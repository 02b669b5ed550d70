import AuthKit
import ModuleKit

/// The check_user_id hook, and what follows from it.
final class DigestAuthentication {
    private let host: Host
    private let settings: AuthSettings
    private let nonces: NonceTable
    /// What holds where AuthDigestProvider says nothing.
    private var defaultProvider: DigestProvider?

    init(_ host: Host, _ settings: AuthSettings, _ nonces: NonceTable) {
        self.host = host
        self.settings = settings
        self.nonces = nonces
    }

    func findDefaultProvider() {
        guard let (table, context) = host.provider(APUS_GROUP_AUTHN, Bytes("file"), as: apus_authn_v1.self) else { return }
        defaultProvider = DigestProvider(table: table, context: context)
    }

    func authenticate(_ request: Request) -> Status {
        guard settings.type(of: request).equalsIgnoringCase("Digest") else { return .declined }
        let realm = settings.realm(of: request)
        guard realm.isSet else {
            report(request, "AH01781", "AuthType Digest needs an AuthName, and there is none")
            return .status(500)
        }
        request.set(APUS_R_AUTH_TYPE, Bytes("Digest"))
        guard let field = request.headersIn["Authorization"] else { return refuse(request) }
        let credentials: DigestCredentials
        do throws(DigestCredentials.Problem) {
            credentials = try DigestCredentials(field, in: request.pool)
        } catch {
            switch error {
            case .otherScheme: report(request, "AH01782", "client used wrong authentication scheme")
            case .invalid: report(request, "AH01783", "the Authorization field is incomplete, or not written as Digest wants it")
            }
            return refuse(request)
        }
        request.user = credentials.user
        return check(request, credentials, realm)
    }

    // MARK: Checks

    private func check(_ request: Request, _ credentials: DigestCredentials, _ realm: Bytes) -> Status {
        guard isSameTarget(credentials.uri, first(request).target) else {
            report(request, "AH01786", "uri mismatch - <\(credentials.uri.string)> does not match the request")
            return .status(400)
        }
        guard credentials.realm == unescaped(realm, in: request.pool) else {
            report(request, "AH01788", "realm mismatch - got `\(credentials.realm.string)' but expected `\(realm.string)'")
            return refuse(request)
        }
        guard let algorithm = algorithm(request, credentials) else {
            report(request, "AH01789", "algorithm `\(credentials.algorithm.string)' is not offered here")
            return refuse(request)
        }
        guard isQualityOffered(request, credentials) else {
            report(request, "AH01793", "invalid qop `\(credentials.quality.string)' received")
            return refuse(request)
        }
        var hash = Bytes.none
        switch find(request, credentials.user, unescaped(realm, in: request.pool), algorithm, &hash) {
        case APUS_AUTHN_GRANTED: break
        case APUS_AUTHN_NOT_FOUND:
            report(request, "AH01790", "user `\(credentials.user.string)' in realm `\(realm.string)' not found")
            return refuse(request)
        case APUS_AUTHN_DENIED:
            report(request, "AH01791", "user `\(credentials.user.string)' in realm `\(realm.string)' denied by provider")
            return refuse(request)
        default: return .status(500)
        }
        let method = first(request).method
        guard response(credentials, hash, algorithm, method, request).equalsInConstantTime(credentials.response) else {
            report(request, "AH01792", "user \(credentials.user.string): password mismatch: \(request.path.string)")
            return refuse(request)
        }
        guard isFresh(request, credentials, realm) else { return refuse(request, isStale: true) }
        note(request, credentials, hash, algorithm)
        return .ok
    }

    /// The request that the client sent, of which this one came.
    private func first(_ request: Request) -> Request {
        var first = request
        while let before = first.main ?? first.previous { first = before }
        return first
    }

    /// The client may leave out what the request line has of the server, or the other way round.
    private func isSameTarget(_ uri: Bytes, _ target: Bytes) -> Bool { withoutAuthority(uri) == withoutAuthority(target) }

    private func withoutAuthority(_ uri: Bytes) -> Bytes {
        guard uri.hasPrefixIgnoringCase("http://") || uri.hasPrefixIgnoringCase("https://"),
            let start = uri.firstIndex(of: UInt8(ascii: ":"))
        else { return uri }
        return uri.firstIndex(of: UInt8(ascii: "/"), from: start + 3).map { uri.from($0) } ?? Bytes("/")
    }

    /// The realm without the backslashes that it has in a challenge.
    private func unescaped(_ realm: Bytes, in pool: Pool) -> Bytes {
        guard realm.contains(UInt8(ascii: "\\")) else { return realm }
        return pool.compose(capacity: realm.count) { writer in
            var index = 0
            while index < realm.count {
                if realm[index] == UInt8(ascii: "\\"), index + 1 < realm.count { index += 1 }
                writer.append(realm[index])
                index += 1
            }
        }
    }

    private func algorithms(_ request: Request) -> PoolArray<DigestAlgorithm> {
        request.confPointer(DigestConf.self).pointee.algorithms
    }

    /// MD5 is what a client means that says nothing.
    private func algorithm(_ request: Request, _ credentials: DigestCredentials) -> DigestAlgorithm? {
        let asked: DigestAlgorithm
        if !credentials.algorithm.isSet || credentials.algorithm.equalsIgnoringCase("MD5") {
            asked = .md5
        } else if credentials.algorithm.equalsIgnoringCase("SHA-256") {
            asked = .sha256
        } else {
            return nil
        }
        let offered = algorithms(request)
        guard !offered.isEmpty else { return asked == .md5 ? .md5 : nil }
        return offered.elements.contains { $0 == asked } ? asked : nil
    }

    private func isQualityOffered(_ request: Request, _ credentials: DigestCredentials) -> Bool {
        if request.confPointer(DigestConf.self).pointee.quality == .none { return !credentials.quality.isSet }
        return credentials.quality.equalsIgnoringCase("auth") && credentials.countValue != nil
    }

    private func find(
        _ request: Request, _ user: Bytes, _ realm: Bytes, _ algorithm: DigestAlgorithm, _ hash: inout Bytes
    ) -> apus_status {
        let providers = request.confPointer(DigestConf.self).pointee.providers
        guard !providers.isEmpty else {
            guard let provider = defaultProvider else {
                report(request, "AH01779", "no provider of users is set here, and the default, \"file\", is not loaded")
                return APUS_E_FAIL
            }
            return ask(provider, request, user, realm, algorithm, &hash)
        }
        for provider in providers.elements {
            let answer = ask(provider, request, user, realm, algorithm, &hash)
            if answer != APUS_AUTHN_NOT_FOUND { return answer }
        }
        return APUS_AUTHN_NOT_FOUND
    }

    private func ask(
        _ provider: DigestProvider, _ request: Request, _ user: Bytes, _ realm: Bytes, _ algorithm: DigestAlgorithm,
        _ hash: inout Bytes
    ) -> apus_status {
        provider.table.pointee.realm_hash?(
            provider.context, request.raw, user, realm, algorithm == .md5 ? APUS_AUTHN_MD5 : APUS_AUTHN_SHA256, &hash) ?? APUS_E_FAIL
    }

    // MARK: Nonces

    private func isFresh(_ request: Request, _ credentials: DigestCredentials, _ realm: Bytes) -> Bool {
        guard let key = nonces.key, let nonce = Nonce(credentials.nonce, key, realm: realm, in: request.pool) else {
            report(request, "AH01776", "invalid nonce received - it was not made here")
            return false
        }
        let lifetime = request.confPointer(DigestConf.self).pointee.lifetime ?? DigestConf.standardLifetime
        let age = host.now - nonce.time
        guard age >= 0 else {
            report(request, "AH01777", "invalid nonce received - user attempted time travel")
            return false
        }
        // One for a single request is not to lie about for ever either.
        let longest = lifetime == 0 ? DigestConf.standardLifetime : lifetime
        if longest > 0, age > longest * 1_000_000 {
            report(request, "AH01778", "user \(credentials.user.string): nonce expired - sending new nonce", .info)
            return false
        }
        guard credentials.quality.isSet, !request.isExplain else { return true }
        let first = first(request)
        // The request that the client sent has been counted already when another came of it.
        if first.raw != request.raw, first.slot != nil { return true }
        guard let count = credentials.countValue, lifetime != 0 || count == 1,
            nonces.take(time: nonce.time, number: nonce.number, count: count)
        else {
            report(request, "AH01774", "Warning, possible replay attack: nonce-count check failed: \(credentials.count.string)")
            return false
        }
        return true
    }

    // MARK: Hashes

    private func response(
        _ credentials: DigestCredentials, _ hash: Bytes, _ algorithm: DigestAlgorithm, _ method: Bytes, _ request: Request
    ) -> Bytes {
        let colon = Bytes(":")
        let action = hexadecimal(algorithm, [method, colon, credentials.uri], request)
        guard credentials.quality.isSet else {
            return hexadecimal(algorithm, [hash, colon, credentials.nonce, colon, action], request)
        }
        return hexadecimal(
            algorithm,
            [
                hash, colon, credentials.nonce, colon, credentials.count, colon, credentials.clientNonce, colon,
                credentials.quality, colon, action,
            ], request)
    }

    private func hexadecimal(_ algorithm: DigestAlgorithm, _ parts: [Bytes], _ request: Request) -> Bytes {
        request.pool.compose(capacity: algorithm.digits) { writer in
            switch algorithm {
            case .md5: DigestAuthentication.append(MD5.self, parts, &writer)
            case .sha256: DigestAuthentication.append(SHA256.self, parts, &writer)
            }
        }
    }

    private static func append<Function: BlockHash>(_ type: Function.Type, _ parts: [Bytes], _ writer: inout ByteWriter) {
        var hasher = BlockHasher<Function>()
        for part in parts { hasher.update(part) }
        withUnsafeTemporaryAllocation(byteCount: Function.length, alignment: 8) { room in
            hasher.finish(into: room.baseAddress.unsafelyUnwrapped)
            writer.append(hexadecimal: Bytes(UnsafeRawBufferPointer(room)))
        }
    }

    // MARK: Answers

    /// What the fixups hook needs to prove to the client that the server knows the password, too.
    private struct Confirmation: BitwiseCopyable {
        let credentials: DigestCredentials
        let proof: Bytes
        let isOneTime: Bool
    }

    private func note(
        _ request: Request, _ credentials: DigestCredentials, _ hash: Bytes, _ algorithm: DigestAlgorithm
    ) {
        let lifetime = request.confPointer(DigestConf.self).pointee.lifetime ?? DigestConf.standardLifetime
        // The hash that proves it has no method in it (RFC 7616 section 3.5).
        let proof = response(credentials, hash, algorithm, .none, request)
        let place = request.pool.allocate(Confirmation.self)
        place.initialize(to: Confirmation(credentials: credentials, proof: proof, isOneTime: lifetime == 0))
        request.slot = UnsafeMutableRawPointer(place)
        let first = first(request)
        if first.slot == nil { first.slot = UnsafeMutableRawPointer(place) }
    }

    /// The fixups hook.
    func confirm(_ request: Request) -> Status {
        guard !request.isSubrequest, let slot = request.slot else { return .declined }
        let confirmation = slot.assumingMemoryBound(to: Confirmation.self).pointee
        let credentials = confirmation.credentials
        guard credentials.quality.isSet else { return .declined }
        var next = Bytes.none
        if confirmation.isOneTime, let key = nonces.key {
            next = Nonce.make(key, realm: settings.realm(of: request), now: host.now, in: request.pool)
        }
        let capacity = next.count + confirmation.proof.count + credentials.clientNonce.count * 2 + 96
        request.headersOut["Authentication-Info"] = request.pool.compose(capacity: capacity) {
            if next.isSet {
                $0.append("nextnonce=\"")
                $0.append(next)
                $0.append("\", ")
            }
            $0.append("rspauth=\"")
            $0.append(confirmation.proof)
            $0.append("\", cnonce=\"")
            $0.append(quoted: credentials.clientNonce)
            $0.append("\", nc=")
            $0.append(credentials.count)
            $0.append(", qop=")
            $0.append(credentials.quality)
        }
        return .ok
    }

    private func refuse(_ request: Request, isStale: Bool = false) -> Status {
        challenge(request, isStale: isStale)
        return .status(401)
    }

    /// Tells the client what to hash, for each algorithm that is offered, in a field of its own.
    func challenge(_ request: Request, isStale: Bool) {
        let field = Bytes("WWW-Authenticate")
        request.errorHeadersOut[field] = nil
        guard let key = nonces.key else { return }
        let realm = settings.realm(of: request)
        let conf = request.confPointer(DigestConf.self)
        let nonce = Nonce.make(key, realm: realm, now: host.now, in: request.pool)
        let offered = conf.pointee.algorithms
        for index in 0..<max(offered.count, 1) {
            let algorithm = offered.isEmpty ? .md5 : offered[index]
            let domain = conf.pointee.domain
            let value = request.pool.compose(capacity: realm.count + nonce.count + domain.count + 128) {
                $0.append("Digest realm=\"")
                $0.append(realm)
                $0.append("\", nonce=\"")
                $0.append(nonce)
                $0.append("\", algorithm=")
                $0.append(algorithm.name)
                if domain.isSet {
                    $0.append(", domain=\"")
                    $0.append(domain)
                    $0.append("\"")
                }
                if isStale { $0.append(", stale=true") }
                if conf.pointee.quality != .none { $0.append(", qop=\"auth\"") }
            }
            request.errorHeadersOut.add(field, value)
        }
    }

    private func report(
        _ request: Request, _ code: StaticString, _ message: @autoclosure () -> String, _ level: LogLevel = .error
    ) {
        host.log.write(level, code: code, request: request, message())
    }
}

extension ByteWriter {
    /// Appends what stands between quotation marks.
    fileprivate mutating func append(quoted text: Bytes) {
        for byte in text.buffer {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { append(UInt8(ascii: "\\")) }
            append(byte)
        }
    }
}
