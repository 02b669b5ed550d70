import ModuleKit

/// One request on its way to a user: what it waits for, and what has been found out so far. In the request's slot, since a
/// hook that has waited is called again from its begin.
final class LoginAttempt {
    enum Step {
        case begin
        /// What the session says is being checked.
        case session
        /// The form is being read.
        case form
        /// What the form says is being checked.
        case login
    }

    var step = Step.begin
    private var body: WholeBody?
    var form: LoginForm?
    /// The provider that is asked.
    private var provider = 0
    private var work: apus_work?
    private let answer = Answer()

    /// What a thread of the pool comes to; outlives a request that goes before.
    private final class Answer: @unchecked Sendable {
        var status: apus_status = APUS_E_FAIL
        var work: apus_work?

        deinit { work?.release?(work?.state) }
    }

    static func of(_ request: Request) -> LoginAttempt {
        if let known = request.slot { return Unmanaged<LoginAttempt>.fromOpaque(known).takeUnretainedValue() }
        let attempt = LoginAttempt()
        request.slot = Unmanaged.passUnretained(attempt).toOpaque()
        request.pool.onDestroy { withExtendedLifetime(attempt) {} }
        return attempt
    }

    // MARK: Providers

    /// Asks one provider after the other. Nil: the hook waits, and is to be called again.
    func check(_ user: Bytes, _ password: Bytes, _ providers: [UserProvider], _ request: Request) throws -> apus_status? {
        while provider < providers.count {
            guard let status = try ask(providers[provider], user, password, request) else { return nil }
            provider += 1
            if status != APUS_AUTHN_NOT_FOUND {
                provider = 0
                return status
            }
        }
        provider = 0
        return APUS_AUTHN_NOT_FOUND
    }

    private func ask(_ provider: UserProvider, _ user: Bytes, _ password: Bytes, _ request: Request) throws -> apus_status? {
        if let work {
            self.work = nil
            work.finish?(work.state, request.raw, answer.status)
            return answer.status
        }
        var deferred = apus_work.empty
        let check = provider.table.pointee.check_password
        let status = check?(provider.context, request.raw, user, password, &deferred) ?? APUS_E_FAIL
        guard status == APUS_AUTHN_LATER else { return status }
        answer.work.map { $0.release?($0.state) }
        answer.work = deferred
        guard !request.isSubrequest else {
            let status = deferred.run?(deferred.state) ?? APUS_E_FAIL
            deferred.finish?(deferred.state, request.raw, status)
            return status
        }
        work = deferred
        let answer = answer
        try request.suspend().runBlocking {
            answer.status = answer.work.flatMap { work in work.run?(work.state) } ?? APUS_E_FAIL
            return .again
        }
        return nil
    }

    // MARK: The form

    /// Reads the form. Nil: the hook waits, and is to be called again.
    func read(_ request: Request, limit: Int) throws -> WholeBody? {
        let body = self.body ?? WholeBody(request, limit: limit)
        self.body = body
        guard !body.read() else { return body }
        try body.wait()
        return nil
    }
}
