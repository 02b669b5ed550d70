import AuthKit
import ModuleKit

/// Finds out who the user of a request is: by the session, or by a form that the request brings.
final class LoginDesk {
    private let host: Host
    private let settings = AuthSettings()
    private var sessions: SessionFunctions?
    /// What holds where AuthFormProvider says nothing.
    private var standardProviders: [UserProvider] = []

    init(_ host: Host) { self.host = host }

    func findOthers() {
        settings.find(host)
        sessions = SessionFunctions(host)
        if let (table, context) = host.provider(APUS_GROUP_AUTHN, Bytes("file"), as: apus_authn_v1.self) {
            standardProviders = [UserProvider(table: table, context: context)]
        }
    }

    func checkSessions() throws {
        guard sessions == nil else { return }
        throw ModuleError("auth_form_module keeps users in sessions: session_module must be loaded as well")
    }

    private func providers(_ conf: UnsafePointer<FormConf>) -> [UserProvider] {
        conf.pointee.providers.isEmpty ? standardProviders : conf.pointee.providers
    }

    // MARK: check_user_id

    func authenticate(_ request: Request) throws -> Status {
        guard settings.type(of: request).equalsIgnoringCase("form") else { return .declined }
        let realm = settings.realm(of: request)
        guard realm.isSet else {
            report(request, "AH01808", "AuthType form needs an AuthName, and there is none")
            return .status(500)
        }
        request.set(APUS_R_AUTH_TYPE, Bytes("form"))
        let conf = request.confPointer(FormConf.self)
        let attempt = LoginAttempt.of(request)
        if attempt.step == .begin || attempt.step == .session {
            guard let verdict = try checkSession(request, conf, realm, attempt) else { return .suspended }
            let isForm = request.method == "POST" && request.previous == nil && !request.isSubrequest
            guard verdict == .status(401), isForm else { return finish(request, conf, verdict) }
            attempt.step = .form
        }
        guard let verdict = try checkForm(request, conf, attempt) else { return .suspended }
        guard verdict == .ok, let form = attempt.form else { return finish(request, conf, verdict, attempt.form?.location) }
        remember(request, conf, realm, form)
        return try goOn(request, conf, form)
    }

    /// Whether the session knows the user. Nil: that will be known later.
    private func checkSession(
        _ request: Request, _ conf: UnsafePointer<FormConf>, _ realm: Bytes, _ attempt: LoginAttempt
    ) throws -> Status? {
        guard let sessions else { return .status(500) }
        let user = sessions.value("user", of: realm, request)
        let password = sessions.value("pw", of: realm, request)
        guard user.isSet, password.isSet else { return .status(401) }
        request.user = user
        if attempt.step == .begin, conf.pointee.sitePassphrase.isSet {
            let proof = sessions.value("site", of: realm, request)
            if proof.isSet, proof.equalsInConstantTime(siteProof(user, conf, request.pool)) {
                fakeBasic(request, conf, user, password)
                return .ok
            }
        }
        attempt.step = .session
        guard let answer = try attempt.check(user, password, providers(conf), request) else { return nil }
        let verdict = judge(request, conf, user, answer)
        if verdict == .ok { fakeBasic(request, conf, user, password) }
        return verdict
    }

    /// The same for a form.
    private func checkForm(
        _ request: Request, _ conf: UnsafePointer<FormConf>, _ attempt: LoginAttempt
    ) throws -> Status? {
        if attempt.step != .login {
            attempt.step = .form
            guard request.hasForm else { return .status(401) }
            guard let body = try attempt.read(request, limit: conf.pointee.size) else { return nil }
            if let refusal = body.refusal { return refusal }
            let form = LoginForm(body.text, conf, request.pool)
            attempt.form = form
            if !form.user.isEmpty { request.user = form.user }
            guard form.hasCredentials else { return .status(401) }
            attempt.step = .login
        }
        guard let form = attempt.form else { return .status(500) }
        guard let answer = try attempt.check(form.user, form.password, providers(conf), request) else { return nil }
        return judge(request, conf, form.user, answer)
    }

    private func judge(_ request: Request, _ conf: UnsafePointer<FormConf>, _ user: Bytes, _ answer: apus_status) -> Status {
        if answer == APUS_AUTHN_GRANTED { return .ok }
        if !conf.pointee.isAuthoritative, answer != APUS_AUTHN_DENIED { return .declined }
        switch answer {
        case APUS_AUTHN_DENIED:
            report(
                request, "AH01807",
                "user '\(user.string)': authentication failure for \"\(request.path.string)\": password Mismatch")
            return .status(401)
        case APUS_AUTHN_NOT_FOUND:
            report(request, "AH01806", "user '\(user.string)' not found: \(request.path.string)")
            return .status(401)
        default: return .status(500)
        }
    }

    // MARK: Outcome

    /// What the client is told when it has not just logged in.
    private func finish(
        _ request: Request, _ conf: UnsafePointer<FormConf>, _ verdict: Status, _ location: Bytes? = nil
    ) -> Status {
        guard verdict == .status(401) else { return verdict }
        // Nobody is who has not been let in.
        if conf.pointee.loginRequired.isSet { return send(request, to: conf.pointee.loginRequired) }
        if let location, !location.isEmpty { return send(request, toURL: location) }
        if !conf.pointee.storesLogin { forbidStoring(request) }
        return verdict
    }

    /// A login by form: the client is sent on, or gets what it would have got had it been known before.
    private func goOn(_ request: Request, _ conf: UnsafePointer<FormConf>, _ form: LoginForm) throws -> Status {
        if !form.location.isEmpty { return send(request, toURL: form.location) }
        if conf.pointee.loginSuccess.isSet { return send(request, to: conf.pointee.loginSuccess) }
        let method = form.method.isEmpty ? Bytes("GET") : form.method
        guard isAllowed(method) else {
            report(request, "APUS3140", "the form asks for the method \"\(method.string)\", which no form may")
            return .status(400)
        }
        let hasBody = form.body.isSet && !form.mediaType.isEmpty
        request.headersIn["Content-Type"] = hasBody ? form.mediaType : nil
        try request.replaceBody(hasBody ? form.body : Bytes(""))
        if !hasBody { request.headersIn["Content-Length"] = nil }
        guard method != request.method else { return .ok }
        request.set(APUS_R_METHOD, method)
        // What keeps the answer from being kept for others is the session's, and goes with it.
        if let field = request.headersOut["Cache-Control"] { request.errorHeadersOut["Cache-Control"] = field }
        return try request.internalRedirect(request.target)
    }

    private func isAllowed(_ method: Bytes) -> Bool {
        method.buffer.allSatisfy { $0 &- 0x41 < 26 || $0 == UInt8(ascii: "-") } && method != "CONNECT" && method != "TRACE"
    }

    private func send(_ request: Request, to place: DirectiveText) -> Status {
        guard let url = place.value(request) else { return .status(500) }
        return send(request, toURL: url)
    }

    private func send(_ request: Request, toURL url: Bytes, status: Int32 = 302) -> Status {
        guard request.headersOut.replace(Bytes("Location"), url) else { return .status(500) }
        return .status(status)
    }

    private func forbidStoring(_ request: Request) {
        request.errorHeadersOut.add(Bytes("Cache-Control"), Bytes("no-store"))
    }

    // MARK: Sessions

    private func remember(_ request: Request, _ conf: UnsafePointer<FormConf>, _ realm: Bytes, _ form: LoginForm) {
        fakeBasic(request, conf, form.user, form.password)
        sessions?.set("user", of: realm, request, form.user)
        sessions?.set("pw", of: realm, request, form.password)
        let proof = conf.pointee.sitePassphrase.isSet ? siteProof(form.user, conf, request.pool) : .none
        sessions?.set("site", of: realm, request, proof)
    }

    /// What shows that the user was known to whoever has the passphrase: as httpd makes it.
    private func siteProof(_ user: Bytes, _ conf: UnsafePointer<FormConf>, _ pool: Pool) -> Bytes {
        MD5.digest(user, Bytes(":"), conf.pointee.sitePassphrase) { digest in
            pool.compose(capacity: 32) { $0.append(hexadecimal: digest) }
        }
    }

    /// AuthFormFakeBasicAuth: whoever answers is told as if the client had said it.
    private func fakeBasic(_ request: Request, _ conf: UnsafePointer<FormConf>, _ user: Bytes, _ password: Bytes) {
        guard conf.pointee.fakesBasic else { return }
        let pair = request.pool.compose(capacity: user.count + password.count + 1) {
            $0.append(user)
            $0.append(":")
            $0.append(password)
        }
        request.headersIn["Authorization"] = request.pool.compose(capacity: Base64.encodedLength(pair.count) + 6) {
            $0.append("Basic ")
            Base64.encode(pair, &$0)
        }
    }

    // MARK: Handlers

    /// form-login-handler: the form's action.
    func logIn(_ request: Request) throws -> Status {
        guard request.method == "POST" else {
            report(request, "AH01811", "the form-login-handler takes POST only, and \(request.path.string) was asked for otherwise")
            request.errorHeadersOut["Allow"] = Bytes("POST")
            return .status(405)
        }
        let realm = settings.realm(of: request)
        guard realm.isSet else {
            report(request, "AH01808", "form-login-handler needs an AuthName, and there is none")
            return .status(500)
        }
        let conf = request.confPointer(FormConf.self)
        let attempt = LoginAttempt.of(request)
        guard let verdict = try checkForm(request, conf, attempt) else { return .suspended }
        guard verdict == .ok, let form = attempt.form else {
            if verdict == .status(401), conf.pointee.loginRequired.isSet { return send(request, to: conf.pointee.loginRequired) }
            return verdict == .declined ? .status(401) : verdict
        }
        remember(request, conf, realm, form)
        if !form.location.isEmpty { return send(request, toURL: form.location) }
        if conf.pointee.loginSuccess.isSet { return send(request, to: conf.pointee.loginSuccess) }
        return try page(request, "Logged in", "You are logged in.")
    }

    /// form-logout-handler: the session forgets the user.
    func logOut(_ request: Request) throws -> Status {
        let conf = request.confPointer(FormConf.self)
        let realm = settings.realm(of: request)
        if realm.isSet {
            sessions?.set("user", of: realm, request, .none)
            sessions?.set("pw", of: realm, request, .none)
            sessions?.set("site", of: realm, request, .none)
        }
        if !conf.pointee.storesLogin { forbidStoring(request) }
        if conf.pointee.logout.isSet {
            guard let url = conf.pointee.logout.value(request) else { return .status(500) }
            return send(request, toURL: url, status: 307)
        }
        return try page(request, "Logged out", "You are logged out.")
    }

    private func page(_ request: Request, _ title: String, _ sentence: String) throws -> Status {
        try request.reply(
            200,
            text: "<!DOCTYPE html>\n<html lang=\"en\"><head><title>\(title)</title></head><body>\n<p>\(sentence)</p>\n</body></html>\n",
            contentType: "text/html; charset=utf-8")
    }

    private func report(_ request: Request, _ code: StaticString, _ message: @autoclosure () -> String) {
        host.log.write(.error, code: code, request: request, message())
    }
}
