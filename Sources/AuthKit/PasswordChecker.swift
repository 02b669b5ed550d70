import ByteKit
import ModuleABI
import ModuleKit
import PasswordKit

/// Checks passwords against stored ones, and remembers for a while which were right. Used on the loop only.
final class PasswordChecker {
    private let host: Host
    private let verified = VerifiedCache()
    private let settings = AuthSettings()
    /// The last password that was refused, and in which turn of the loop: a request that makes many others inside the server,
    /// none of which can wait, costs one check and not many.
    private var refused: (tag: KeyedHash.Tag, answer: apus_status, turn: Int64)?

    /// From the module's `init`.
    init(_ host: Host) throws {
        self.host = host
        try host.hooks.optionalFunctions { [settings] in settings.find(host) }
    }

    /// The answer of `check_password`.
    func check(
        _ request: Request, _ found: StoredUser, user: Bytes, password: Bytes,
        _ work: UnsafeMutablePointer<apus_work>?
    ) -> apus_status {
        guard !found.password.isEmpty else { return PasswordTrial.answer(isKnown: found.isKnown, isRight: false) }
        let tag = verified.tag(settings.realm(of: request), found.source, user, found.password, password)
        // What is remembered is asked for an unknown user, too, so that it takes as long.
        if verified.contains(tag, now: host.now), found.isKnown { return APUS_AUTHN_GRANTED }
        if PasswordHash.isQuick(found.password) {
            let isRight = PasswordHash.verify(password, found.password)
            if isRight, found.isKnown { verified.insert(tag, now: host.now) }
            return PasswordTrial.answer(isKnown: found.isKnown, isRight: isRight)
        }
        if let refused, refused.tag == tag, refused.turn == host.now, request.isSubrequest { return refused.answer }
        let trial = PasswordTrial(source: Array(found.source.buffer), user: user, password: password)
        let check = PasswordCheck(trial, found) { [unowned self] request, answer, stored in
            if let stored { self.note(request, trial, stored, answer) }
            if answer != APUS_AUTHN_GRANTED { self.refused = (tag, answer, self.host.now) }
        }
        work?.hand(out: check, host: host.raw)
        return APUS_AUTHN_LATER
    }

    /// Whether the password is known to be right for that stored one.
    func isProven(_ request: Request, _ trial: PasswordTrial, _ stored: [UInt8]) -> Bool {
        verified.contains(tag(request, trial, stored), now: host.now)
    }

    /// Remembers a password that was right, and says why one could not be checked.
    func note(_ request: Request, _ trial: PasswordTrial, _ stored: [UInt8], _ answer: apus_status) {
        if answer == APUS_AUTHN_GRANTED { return verified.insert(tag(request, trial, stored), now: host.now) }
        stored.withUnsafeBytes { stored in
            guard let problem = PasswordHash.problem(Bytes(stored)) else { return }
            host.log.write(
                .error, code: "APUS3106", request: request,
                "the stored password of user \(String(decoding: trial.user, as: UTF8.self)) is not used: \(problem)")
        }
    }

    private func tag(_ request: Request, _ trial: PasswordTrial, _ stored: [UInt8]) -> KeyedHash.Tag {
        trial.withBytes { source, user, password in
            stored.withUnsafeBytes { verified.tag(settings.realm(of: request), source, user, Bytes($0), password) }
        }
    }
}

/// A user's try with a password, in memory of its own.
final class PasswordTrial {
    let source, user: [UInt8]
    private var password: [UInt8]

    init(source: [UInt8], user: Bytes, password: Bytes) {
        self.source = source
        self.user = Array(user.buffer)
        self.password = Array(password.buffer)
    }

    deinit { for index in password.indices { password[index] = 0 } }

    func withBytes<R>(_ body: (_ source: Bytes, _ user: Bytes, _ password: Bytes) -> R) -> R {
        source.withUnsafeBytes { source in
            user.withUnsafeBytes { user in
                password.withUnsafeBytes { body(Bytes(source), Bytes(user), Bytes($0)) }
            }
        }
    }

    /// Checks it. [any thread]
    func verdict(stored: [UInt8]?, decoy: [UInt8]) -> apus_status {
        let isRight = withBytes { _, _, password in
            decoy.withUnsafeBytes { decoy in
                guard let stored else { return PasswordHash.verify(password, nil, decoy: Bytes(decoy)) }
                return stored.withUnsafeBytes { PasswordHash.verify(password, Bytes($0), decoy: Bytes(decoy)) }
            }
        }
        return PasswordTrial.answer(isKnown: stored != nil, isRight: isRight)
    }

    static func answer(isKnown: Bool, isRight: Bool) -> apus_status {
        let ofKnown = isRight ? APUS_AUTHN_GRANTED : APUS_AUTHN_DENIED
        return isKnown ? ofKnown : APUS_AUTHN_NOT_FOUND
    }
}

/// One check on a pool thread.
private final class PasswordCheck: DeferredWork {
    private let trial: PasswordTrial
    private let stored: [UInt8]?
    private let decoy: [UInt8]
    private let note: (Request, apus_status, [UInt8]?) -> Void

    init(_ trial: PasswordTrial, _ found: StoredUser, note: @escaping (Request, apus_status, [UInt8]?) -> Void) {
        self.trial = trial
        stored = found.isKnown ? Array(found.password.buffer) : nil
        decoy = Array(found.decoy.buffer)
        self.note = note
    }

    func run() -> apus_status { trial.verdict(stored: stored, decoy: decoy) }

    func finish(_ request: Request, _ answer: apus_status) { note(request, answer, stored) }
}
