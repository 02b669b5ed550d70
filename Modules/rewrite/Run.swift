import ModuleKit

/// Why a run of the rules ends before its time.
enum Interruption: Error {
    /// A map look-up takes time: the run goes on when its result is there.
    case waiting
    /// The request is answered with a status; the reason has been logged.
    case answered(Int32)
}

/// What the rules have made of a request so far.
struct RunState: BitwiseCopyable {
    enum Change: UInt8, BitwiseCopyable {
        case none, changed, changedWithoutEscaping
    }

    /// The path or file name that is rewritten; it may have become a URL.
    var uri: Bytes
    var query: Bytes
    var pathInfo: Bytes
    /// The rule that is next.
    var index = 0
    var rounds: Int32 = 0
    var change = Change.none
    /// The status a redirect will have.
    var status: Int32 = 200
    /// The last rule that substituted something.
    var lastRule: UnsafePointer<Rule>?
    /// A URL of this server was cut down to its path.
    var wasReduced = false
    var passesThrough = false
    var goesToProxy = false
    var ends = false
}

/// One run of a list of rules over a request.
struct Run {
    let module: RewriteProcess
    let request: Request
    let pool: Pool
    let trace: Trace
    /// The directory whose rules they are; none: the server's.
    let directory: Bytes
    let rules: UnsafeBufferPointer<Rule>
    let isSubrequest: Bool
    var state: RunState

    /// What the rule at hand is matched against.
    var subject = Bytes.none
    /// A rule has substituted something since it was found.
    var subjectIsOld = false
    var ruleGroups: Groups
    var conditionGroups: Groups
    var scratch: Groups
    /// Header fields that the condition at hand, and those that held before it, asked for.
    var asked = PoolArray<Bytes>()
    var vary = PoolArray<Bytes>()

    init(
        _ module: RewriteProcess, _ request: Request, _ trace: Trace, rules: PoolArray<Rule>, directory: Bytes = .none,
        _ state: RunState
    ) {
        self.module = module
        self.request = request
        self.trace = trace
        self.directory = directory
        self.rules = UnsafeBufferPointer(rules.elements)
        self.state = state
        pool = request.pool
        isSubrequest = request.isSubrequest
        ruleGroups = Groups(in: pool)
        conditionGroups = Groups(in: pool)
        scratch = Groups(in: pool)
    }

    enum Outcome {
        case unchanged, changed, waiting
        case answered(Int32)
    }

    mutating func applyAll() -> Outcome {
        do {
            try walk()
        } catch Interruption.waiting {
            return .waiting
        } catch Interruption.answered(let status) {
            return .answered(status)
        } catch {
            return .answered(500)
        }
        return state.change == .none ? .unchanged : .changed
    }

    private mutating func walk() throws {
        guard let first = rules.baseAddress else { return }
        findSubject()
        while state.index < rules.count {
            let rule = first + state.index
            if isSubrequest, !rule.pointee.flags.isDisjoint(with: [.noSubrequest, .redirect]) {
                trace.line(8, rule, "not for sub-requests: passed over")
                state.index += 1
                continue
            }
            guard try matches(rule), try holds(rule) else {
                skipChain(from: rule)
                continue
            }
            try carryOut(rule)
            if try !goOn(after: rule) { return }
        }
    }

    /// What follows a rule that did not apply: with C, all that it is chained to are passed over.
    @inline(__always)
    private mutating func skipChain(from rule: UnsafePointer<Rule>) {
        var rule = rule
        while rule.pointee.flags.contains(.chain), state.index + 1 < rules.count {
            state.index += 1
            rule += 1
            trace.line(8, rule, "chained to one that did not apply: passed over")
        }
        state.index += 1
    }

    /// What follows one that did. False: it was the last.
    private mutating func goOn(after rule: UnsafePointer<Rule>) throws -> Bool {
        let flags = rule.pointee.flags
        if flags.contains(.passThrough) {
            trace.line(
                2, rule, "forcing '\(state.uri.string)' to get passed through to next API URI-to-filename handler")
            state.passesThrough = true
            return false
        }
        if flags.contains(.end) {
            trace.line(8, rule, "Rule has END flag, no further rewriting for this request")
            state.ends = true
            return false
        }
        if !flags.isDisjoint(with: [.last, .proxy]) {
            trace.line(8, rule, "the last rule of this pass")
            return false
        }
        if subjectIsOld { findSubject() }
        if flags.contains(.next) {
            try beginAgain(rule)
        } else {
            if rule.pointee.skip > 0 { trace.line(8, rule, "passing over the next \(rule.pointee.skip) rules") }
            state.index += 1 + Int(rule.pointee.skip)
        }
        return true
    }

    private mutating func beginAgain(_ rule: UnsafePointer<Rule>) throws {
        state.rounds += 1
        guard state.rounds < rule.pointee.maxRounds else {
            module.log.write(
                .error, code: "AH02596", request: request,
                "RewriteRule '\(rule.pointee.text.string)' and URI '\(request.path.string)' exceeded maximum number of"
                    + " rounds (\(rule.pointee.maxRounds)) via the [N] flag (\(rule.pointee.place.string))")
            throw Interruption.answered(500)
        }
        trace.line(8, rule, "the rules begin again: round \(state.rounds + 1)")
        state.index = 0
    }

    /// In a directory the rest of the path belongs to what is matched, and the directory does not.
    mutating func findSubject() {
        subjectIsOld = false
        subject = state.uri
        guard directory.isSet else { return }
        if !state.pathInfo.isEmpty {
            let whole = pool.join(state.uri, state.pathInfo)
            trace.line(
                3, "add path info postfix: \(state.uri.string) -> \(whole.string)")
            subject = whole
        }
        guard !state.goesToProxy, subject.hasPrefix(directory) else { return }
        let stripped = subject.from(directory.count)
        trace.line(3, "strip per-dir prefix: \(subject.string) -> \(stripped.string)")
        subject = stripped
    }

    // MARK: Matching

    @inline(__always)
    private mutating func matches(_ rule: UnsafePointer<Rule>) throws -> Bool {
        if trace.isOn {
            trace.line(
                3, rule, "applying pattern '\(rule.pointee.text.string)' to uri '\(subject.string)'")
        }
        let isNegated = rule.pointee.flags.contains(.negated)
        if rule.pointee.literal.excludes(subject) {
            if isNegated { ruleGroups.source = .none }
            if trace.isOn { tell(rule, isFound: false) }
            return isNegated
        }
        let found = try search(rule.pointee.pattern, subject, ruleGroups, rule.pointee.place)
        ruleGroups.source = found && !isNegated ? subject : .none
        if trace.isOn { tell(rule, isFound: found) }
        return found != isNegated
    }

    private func tell(_ rule: UnsafePointer<Rule>, isFound: Bool) {
        let groups = (UInt8(0)...9).map { ($0, ruleGroups[$0]) }.filter { !$0.1.isEmpty }.map { " $\($0.0)='\($0.1.string)'" }
        let negation = rule.pointee.flags.contains(.negated) ? ", which '!' turns round" : ""
        trace.line(8, rule, "pattern \(isFound ? "matches\(groups.joined())" : "does not match")\(negation)")
    }

    /// Runs a regular expression. One that would not come to an end is an attack, or a pattern that invites one: what it
    /// decides about is not known, so the request is refused.
    func search(_ pattern: Pattern, _ subject: Bytes, _ groups: Groups, _ place: Bytes) throws -> Bool {
        switch pattern.outcome(subject, spans: groups.buffer) {
        case .match: return true
        case .noMatch: return false
        case .limit:
            module.log.write(
                .error, code: "APUS2901", request: request,
                "a regular expression reached its match limit on \(subject.count) bytes (\(place.string)); rewrite it so"
                    + " that it cannot match the same text in many ways")
            throw Interruption.answered(500)
        }
    }

    private mutating func holds(_ rule: UnsafePointer<Rule>) throws -> Bool {
        conditionGroups.source = .none
        // A rule before it may have asked for fields, and not have held.
        if !vary.isEmpty { vary = PoolArray() }
        let conditions = rule.pointee.conditions
        guard let first = conditions.elements.baseAddress else { return true }
        var index = 0
        while index < conditions.count {
            var condition = first + index
            asked = PoolArray()
            let isTrue = try test(condition)
            if condition.pointee.flags.contains(.noVary) { asked = PoolArray() }
            if condition.pointee.flags.contains(.orNext) {
                if isTrue {
                    while index + 1 < conditions.count, condition.pointee.flags.contains(.orNext) {
                        index += 1
                        condition = first + index
                    }
                } else {
                    asked = PoolArray()
                }
            } else if !isTrue {
                return false
            }
            for name in asked.elements { vary.append(name, in: pool) }
            index += 1
        }
        return true
    }
}

extension Pool {
    func join(_ first: Bytes, _ second: Bytes) -> Bytes {
        compose(capacity: first.count + second.count + 1) {
            $0.append(first)
            $0.append(second)
        }
    }

    func join(_ first: Bytes, _ second: Bytes, _ third: Bytes) -> Bytes {
        compose(capacity: first.count + second.count + third.count + 1) {
            $0.append(first)
            $0.append(second)
            $0.append(third)
        }
    }
}
