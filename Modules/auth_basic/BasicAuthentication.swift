import AuthKit
import ModuleKit

/// The check_user_id hook.
final class BasicAuthentication {
    private let host: Host
    private let settings: AuthSettings
    private let throttle: Throttle
    /// What holds where AuthBasicProvider says nothing.
    private var defaultProvider: UserProvider?

    /// What a pause is known by among what can be waited for, which is the number of a provider.
    private static let pauseTag = -1

    init(_ host: Host, _ settings: AuthSettings, _ throttle: Throttle) {
        self.host = host
        self.settings = settings
        self.throttle = throttle
    }

    func findDefaultProvider() {
        let name = Bytes("file")
        guard let (table, context) = host.provider(APUS_GROUP_AUTHN, name, as: apus_authn_v1.self) else { return }
        defaultProvider = UserProvider(name: name, table: table, context: context)
    }

    func authenticate(_ request: Request) throws -> Status {
        guard settings.type(of: request).equalsIgnoringCase("Basic") else { return .declined }
        let realm = settings.realm(of: request)
        guard realm.isSet else {
            report(request, "AH01612", "AuthType Basic needs an AuthName, and there is none")
            return .status(500)
        }
        request.set(APUS_R_AUTH_TYPE, Bytes("Basic"))
        guard let credentials = credentials(of: request) else { return refuse(request) }
        request.user = credentials.user
        let finished = request.finishedWork()
        // A try is held once, however often it comes here for its answer.
        if finished == nil, let verdict = try hold(request, credentials.user) { return verdict }
        return try check(request, credentials, realm, finished)
    }

    /// What AuthThrottle makes of the try; nil: it goes on.
    private func hold(_ request: Request, _ user: Bytes) throws -> Status? {
        guard let rule = request.confPointer(AuthBasicConf.self).pointee.throttle, !request.isExplain else { return nil }
        switch throttle.verdict(request, user, rule) {
        case .goesOn: return nil
        case .waits(let microseconds):
            guard !request.isSubrequest else { return nil }
            try request.pause(microseconds: microseconds, tag: BasicAuthentication.pauseTag)
            return .suspended
        case .refused(let seconds):
            request.errorHeadersOut["Retry-After"] = request.pool.compose(capacity: 20) { $0.append(decimal: seconds) }
            return .status(429)
        }
    }

    /// What the client sent; nil: nothing, or nothing of use.
    private func credentials(of request: Request) -> BasicCredentials? {
        guard let field = request.headersIn["Authorization"] else { return nil }
        do throws(BasicCredentials.Problem) {
            return try BasicCredentials(field, in: request.pool)
        } catch {
            if case .otherScheme = error {
                let scheme = field.split(at: UInt8(ascii: " ")).0
                report(request, "AH01614", "client used wrong authentication scheme: \(scheme.string)")
            }
            return nil
        }
    }

    // MARK: Providers

    /// Asks one provider after the other, beginning with the one that was waited for.
    private func check(
        _ request: Request, _ credentials: BasicCredentials, _ realm: Bytes, _ finished: (answer: apus_status, tag: Int)?
    ) throws -> Status {
        let conf = request.confPointer(AuthBasicConf.self)
        var index = 0
        var answer = APUS_AUTHN_NOT_FOUND
        if let finished, finished.tag != BasicAuthentication.pauseTag {
            answer = finished.answer
            index = finished.tag + 1
        }
        while answer == APUS_AUTHN_NOT_FOUND {
            guard let provider = provider(conf, index) else { break }
            if conf.pointee.usesDigest == .on {
                answer = checkDigest(request, provider, credentials, realm)
            } else {
                guard let now = try checkPassword(request, provider, credentials, tag: index) else { return .suspended }
                answer = now
            }
            index += 1
        }
        if index == 0 {
            report(request, "AH01616", "no provider of users is set here, and the default, \"file\", is not loaded")
            answer = APUS_E_FAIL
        }
        return verdict(request, conf, credentials.user, answer)
    }

    private func provider(_ conf: UnsafePointer<AuthBasicConf>, _ index: Int) -> UserProvider? {
        guard !conf.pointee.providers.isEmpty else { return index == 0 ? defaultProvider : nil }
        return index < conf.pointee.providers.count ? conf.pointee.providers[index] : nil
    }

    /// - Returns: nil: the answer will come later.
    private func checkPassword(
        _ request: Request, _ provider: UserProvider, _ credentials: BasicCredentials, tag: Int
    ) throws -> apus_status? {
        var work = apus_work.empty
        let check = provider.table.pointee.check_password
        let answer = check?(provider.context, request.raw, credentials.user, credentials.password, &work) ?? APUS_E_FAIL
        return answer == APUS_AUTHN_LATER ? try request.wait(for: work, tag: tag) : answer
    }

    /// As if the client had sent what it sends for Digest.
    private func checkDigest(
        _ request: Request, _ provider: UserProvider, _ credentials: BasicCredentials, _ realm: Bytes
    ) -> apus_status {
        guard let find = provider.table.pointee.realm_hash else {
            report(
                request, "APUS3111",
                "AuthBasicUseDigestAlgorithm: the provider \"\(provider.name.string)\" has no hashes for Digest")
            return APUS_E_FAIL
        }
        var stored = Bytes.none
        let answer = find(provider.context, request.raw, credentials.user, realm, APUS_AUTHN_MD5, &stored)
        guard answer == APUS_AUTHN_GRANTED else { return answer }
        let colon = Bytes(":")
        let isRight = MD5.digest(credentials.user, colon, realm, colon, credentials.password) { digest in
            withUnsafeTemporaryAllocation(byteCount: 32, alignment: 1) { room in
                var writer = ByteWriter(room.baseAddress.unsafelyUnwrapped, capacity: 32)
                writer.append(hexadecimal: digest)
                return writer.written.equalsInConstantTime(stored)
            }
        }
        return isRight ? APUS_AUTHN_GRANTED : APUS_AUTHN_DENIED
    }

    // MARK: Outcome

    private func verdict(
        _ request: Request, _ conf: UnsafePointer<AuthBasicConf>, _ user: Bytes, _ answer: apus_status
    ) -> Status {
        if let rule = conf.pointee.throttle, !request.isExplain {
            switch answer {
            case APUS_AUTHN_GRANTED: throttle.noteSuccess(request, user, rule)
            case APUS_AUTHN_DENIED, APUS_AUTHN_NOT_FOUND: throttle.noteFailure(request, user, rule)
            default: break
            }
        }
        if answer == APUS_AUTHN_GRANTED { return .ok }
        if conf.pointee.isAuthoritative == .off, answer != APUS_AUTHN_DENIED { return .declined }
        switch answer {
        case APUS_AUTHN_DENIED:
            report(
                request, "AH01617",
                "user \(user.string): authentication failure for \"\(request.path.string)\": Password Mismatch")
            return refuse(request)
        case APUS_AUTHN_NOT_FOUND:
            report(request, "AH01618", "user \(user.string) not found: \(request.path.string)")
            return refuse(request)
        default: return .status(500)
        }
    }

    private func refuse(_ request: Request) -> Status {
        challenge(request)
        return .status(401)
    }

    /// Tells the client what to send (RFC 9110 section 11.6.1).
    func challenge(_ request: Request) {
        let realm = settings.realm(of: request)
        request.errorHeadersOut["WWW-Authenticate"] = request.pool.compose(capacity: realm.count + 16) {
            $0.append("Basic realm=\"")
            $0.append(realm)
            $0.append("\"")
        }
    }

    private func report(_ request: Request, _ code: StaticString, _ message: @autoclosure () -> String) {
        host.log.write(.error, code: code, request: request, message())
    }
}

/// The fixups hook: what AuthBasicFake says goes on to whoever answers, as if the client had sent it.
func fakeCredentials(_ request: Request) -> Status {
    let conf = request.confPointer(AuthBasicConf.self)
    guard conf.pointee.fakes == .on else { return .declined }
    guard let user = conf.pointee.fakeUser.value(request), let password = conf.pointee.fakePassword.value(request) else {
        return .status(500)
    }
    guard !user.isEmpty, !password.isEmpty else { return .declined }
    let pair = request.pool.compose(capacity: user.count + password.count + 1) {
        $0.append(user)
        $0.append(UInt8(ascii: ":"))
        $0.append(password)
    }
    request.headersIn["Authorization"] = request.pool.compose(capacity: Base64.encodedLength(pair.count) + 6) {
        $0.append("Basic ")
        Base64.encode(pair, &$0)
    }
    return .ok
}
