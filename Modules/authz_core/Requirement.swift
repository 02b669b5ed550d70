import ModuleKit

/// What a requirement, or a container of them, says about a request.
enum Verdict: BitwiseCopyable {
    case denied, granted
    /// It does not decide.
    case neutral
    /// Denied as long as no user is known.
    case needsUser
    /// It could not be found out.
    case failed
    /// A <Limit> around it leaves the request's method out.
    case exempt
    /// A provider hands out work that has to be done before.
    case later

    init(_ answer: apus_status) {
        switch answer {
        case APUS_AUTHZ_DENIED: self = .denied
        case APUS_AUTHZ_GRANTED: self = .granted
        case APUS_AUTHZ_NEUTRAL: self = .neutral
        case APUS_AUTHZ_NEEDS_USER: self = .needsUser
        case APUS_AUTHZ_LATER: self = .later
        default: self = .failed
        }
    }

    /// What `not` makes of it. A negated requirement can forbid but never grant.
    var negated: Verdict {
        switch self {
        case .granted: .denied
        case .failed, .later, .exempt: self
        case .denied, .neutral, .needsUser: .neutral
        }
    }
}

/// A Require, or a container with others in it: a tree in pool memory, evaluated without allocation.
struct Requirement: BitwiseCopyable {
    enum Kind: UInt8, BitwiseCopyable {
        /// Asks a provider.
        case provider
        /// Granted when one grants and none denies.
        case all
        /// Granted when one grants.
        case any
    }

    var kind: Kind
    var isNegated = false
    var provider: UnsafePointer<apus_authz_v1>?
    var context: UnsafeMutableRawPointer?
    var parsed: UnsafeMutableRawPointer?
    /// What follows `Require`, and `not`, as it was written.
    var words = Bytes.none
    /// The methods it is about; nil: all of them.
    var limit: MethodLimit?
    /// No container was written: it is about the methods that its members are about.
    private(set) var isImplicit = false
    private(set) var first: UnsafeMutablePointer<Requirement>?
    private var last: UnsafeMutablePointer<Requirement>?
    private var next: UnsafeMutablePointer<Requirement>?

    init(_ kind: Kind, isNegated: Bool = false, limit: MethodLimit? = nil) {
        self.kind = kind
        self.isNegated = isNegated
        self.limit = limit
    }

    /// The container around requirements that stand in none.
    static func implicit(_ kind: Kind) -> Requirement {
        var container = Requirement(kind)
        container.isImplicit = true
        return container
    }

    /// The same without its neighbour.
    var alone: Requirement {
        var copy = self
        copy.next = nil
        return copy
    }

    /// Whether every member is negated, so that it could never grant.
    var onlyForbids: Bool {
        var member = first
        while let each = member {
            if !each.pointee.isNegated { return false }
            member = each.pointee.next
        }
        return true
    }

    mutating func append(_ member: UnsafeMutablePointer<Requirement>) {
        if let last { last.pointee.next = member } else { first = member }
        last = member
    }

    /// Takes over all members of another container.
    mutating func appendMembers(of other: Requirement) {
        guard let member = other.first else { return }
        append(member)
        last = other.last
    }

    func forEachMember(_ body: (Requirement) -> Void) {
        var member = first
        while let each = member {
            body(each.pointee)
            member = each.pointee.next
        }
    }

    /// What it says about the request. `.later`: the evaluation's `work` is to be done before it is asked again.
    func decide(_ evaluation: inout Evaluation) -> Verdict {
        let line = evaluation.trace?.pointee.enter()
        let verdict = answer(&evaluation)
        if let line { evaluation.trace?.pointee.leave(line, self, verdict) }
        return verdict
    }

    private func answer(_ evaluation: inout Evaluation) -> Verdict {
        if let limit, !limit.holds(for: evaluation.request.raw) { return .exempt }
        let verdict =
            switch kind {
            case .provider: ask(&evaluation)
            case .all: decideAll(&evaluation)
            case .any: decideAny(&evaluation)
            }
        return isNegated ? verdict.negated : verdict
    }

    private func ask(_ evaluation: inout Evaluation) -> Verdict {
        guard let provider else { return .failed }
        let verdict = Verdict(provider.pointee.check(context, evaluation.request.raw, parsed))
        guard verdict == .later else { return verdict }
        return deferred(evaluation.request.raw, &evaluation.work) ? .later : .failed
    }

    /// Gets the work that the provider waits for.
    func deferred(_ r: OpaquePointer, _ work: inout apus_work) -> Bool {
        guard let provider, let hand = provider.pointee.defer else { return false }
        return hand(context, r, parsed, &work) == APUS_OK
    }

    /// A denial ends it. "Needs a user" outlasts what grants, for only a user can change the outcome. Who is exempt from a
    /// member passes it.
    private func decideAll(_ evaluation: inout Evaluation) -> Verdict {
        var verdict = Verdict.neutral
        var isExempt = isImplicit
        var member = first
        while let each = member {
            let answer = each.pointee.decide(&evaluation)
            if answer != .exempt { isExempt = false }
            switch answer {
            case .failed, .later, .denied:
                each.pointee.skipRest(&evaluation)
                return answer
            case .needsUser: verdict = .needsUser
            case .granted where verdict == .neutral, .exempt where verdict == .neutral: verdict = .granted
            case .granted, .exempt, .neutral: break
            }
            member = each.pointee.next
        }
        return isExempt && first != nil ? .exempt : verdict
    }

    /// What grants ends it. "Needs a user" outlasts a denial, for a user may yet be granted.
    private func decideAny(_ evaluation: inout Evaluation) -> Verdict {
        var verdict = Verdict.neutral
        var isExempt = isImplicit
        var member = first
        while let each = member {
            let answer = each.pointee.decide(&evaluation)
            if answer != .exempt { isExempt = false }
            switch answer {
            case .failed, .later, .granted:
                each.pointee.skipRest(&evaluation)
                return answer
            case .needsUser: verdict = .needsUser
            case .denied where verdict == .neutral: verdict = .denied
            case .denied, .exempt, .neutral: break
            }
            member = each.pointee.next
        }
        return isExempt && first != nil ? .exempt : verdict
    }

    /// Those that follow are not asked.
    private func skipRest(_ evaluation: inout Evaluation) {
        guard evaluation.trace != nil else { return }
        var member = next
        while let each = member {
            evaluation.trace?.pointee.skip(each.pointee)
            member = each.pointee.next
        }
    }
}
