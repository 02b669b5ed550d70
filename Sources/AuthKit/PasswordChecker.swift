public import ModuleABI
public import ModuleKit
import PasswordKit

/// Checks passwords for providers of group authn/1: at once where it is cheap or known, else on a pool thread.
public final class PasswordChecker {
    private let host: Host
    private var verified = VerifiedCache()
    private let settings = AuthSettings()
    /// The last password that was refused, and in which turn of the loop: a request that makes many others inside the server,
    /// none of which can wait, costs one check and not many.
    private var refused: (tag: KeyedHash.Tag, answer: apus_status, turn: Int64)?

    /// From the module's `init`.
    public init(_ host: Host) throws {
        self.host = host
        try host.hooks.optionalFunctions { [settings] in settings.find(host) }
    }

    /// The answer of `check_password`.
    /// - Parameters:
    ///   - source: where the stored password is from.
    ///   - stored: nil: there is no such user.
    ///   - decoy: what is checked in that case, so that it takes as long.
    public func check(
        _ request: Request, source: Bytes, user: Bytes, password: Bytes, stored: Bytes?, decoy: Bytes,
        _ work: UnsafeMutablePointer<apus_work>?
    ) -> apus_status {
        let against = stored ?? decoy
        guard !against.isEmpty else { return PasswordCheck.answer(isKnown: stored != nil, isRight: false) }
        guard !PasswordHash.isQuick(against) else {
            return PasswordCheck.answer(isKnown: stored != nil, isRight: PasswordHash.verify(password, against))
        }
        let tag = verified.tag(settings.realm(of: request), source, user, against, password)
        if verified.contains(tag, now: host.now), stored != nil { return APUS_AUTHN_GRANTED }
        if let refused, refused.tag == tag, refused.turn == host.now, request.isSubrequest { return refused.answer }
        let check = PasswordCheck(password, against, isKnown: stored != nil) { [unowned self] answer in
            if answer == APUS_AUTHN_GRANTED {
                self.verified.insert(tag, now: self.host.now)
            } else {
                self.refused = (tag, answer, self.host.now)
            }
        }
        work?.pointee = apus_work(check, host: host.raw)
        return APUS_AUTHN_LATER
    }
}

/// One check of a password on a pool thread.
public final class PasswordCheck: DeferredWork {
    private var password: [UInt8]
    private let stored: [UInt8]
    private let isKnown: Bool
    private let note: (apus_status) -> Void

    init(_ password: Bytes, _ stored: Bytes, isKnown: Bool, note: @escaping (apus_status) -> Void) {
        self.password = Array(password.buffer)
        self.stored = Array(stored.buffer)
        self.isKnown = isKnown
        self.note = note
    }

    deinit { for index in password.indices { password[index] = 0 } }

    public static func answer(isKnown: Bool, isRight: Bool) -> apus_status {
        guard isKnown else { return APUS_AUTHN_NOT_FOUND }
        return isRight ? APUS_AUTHN_GRANTED : APUS_AUTHN_DENIED
    }

    public func run() -> apus_status {
        let isRight = password.withUnsafeBytes { password in
            stored.withUnsafeBytes { PasswordHash.verify(Bytes(password), Bytes($0)) }
        }
        return PasswordCheck.answer(isKnown: isKnown, isRight: isRight)
    }

    public func finish(_ request: Request, _ answer: apus_status) { note(answer) }
}
