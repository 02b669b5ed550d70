import ModuleKit

/// One walk through the requirements on behalf of a request.
struct Evaluation {
    let request: Request
    /// Nil: nobody wants to know.
    let trace: UnsafeMutablePointer<VerdictTrace>?
    /// What has to be done before the walk can come to its end.
    var work = apus_work.empty

    init(_ request: Request, _ trace: UnsafeMutablePointer<VerdictTrace>? = nil) {
        self.request = request
        self.trace = trace
    }
}

/// What each requirement said and why, a line each in the order of the configuration: members stand farther in than their
/// container.
struct VerdictTrace {
    private var lines: [String] = []
    private var depth = 0

    /// Begins the line of a requirement, before those of its members.
    mutating func enter() -> Int {
        lines.append("")
        depth += 1
        return lines.count - 1
    }

    mutating func leave(_ line: Int, _ requirement: Requirement, _ verdict: Verdict) {
        depth -= 1
        lines[line] = text(requirement, verdict.title, requirement.reason(for: verdict))
    }

    /// Notes a requirement, and all in it, that was not asked.
    mutating func skip(_ requirement: Requirement) {
        lines.append(text(requirement, "not asked", "it could change nothing"))
        depth += 1
        requirement.forEachMember { skip($0) }
        depth -= 1
    }

    private func text(_ requirement: Requirement, _ verdict: String, _ reason: String?) -> String {
        let indentation = String(repeating: "  ", count: depth)
        let because = reason.map { ": \($0)" } ?? ""
        return "\(indentation)authorization result of \(requirement.title): \(verdict)\(because)"
    }

    func write(_ log: Log, _ request: Request) {
        for line in lines { log.write(.debug, code: "AH01626", request: request, line) }
    }
}

extension Verdict {
    fileprivate var title: String {
        switch self {
        case .denied: "denied"
        case .granted: "granted"
        case .neutral: "neutral"
        case .needsUser: "denied (no authenticated user yet)"
        case .failed: "error"
        case .exempt: "not asked"
        case .later: "not known yet"
        }
    }
}

extension Requirement {
    /// As the configuration has it.
    var title: String {
        switch kind {
        case .provider: "Require \(isNegated ? "not " : "")\(words.string)"
        case .all: "<RequireAll>"
        case .any: isNegated ? "<RequireNone>" : "<RequireAny>"
        }
    }

    /// Why it says so, as far as its members' lines do not tell.
    fileprivate func reason(for verdict: Verdict) -> String? {
        switch (kind, verdict) {
        case (_, .exempt): "a <Limit> around it leaves this method out"
        case (_, .failed), (_, .later), (_, .needsUser): nil
        case (.provider, .denied): isNegated ? "what it forbids is so" : nil
        case (.provider, .neutral): isNegated ? "what it forbids is not so" : nil
        case (.provider, .granted): nil
        case (.all, .denied): "a member denies"
        case (.all, .granted): "no member denies"
        case (.any, .denied): isNegated ? "what a member forbids is so" : "no member grants"
        case (.any, .granted): "a member grants"
        case (.any, .neutral) where isNegated: "what the members forbid is not so"
        case (.all, .neutral), (.any, .neutral): "no member decides"
        }
    }
}
