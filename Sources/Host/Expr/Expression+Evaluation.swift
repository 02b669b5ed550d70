import ByteKit
import ModuleABI

extension UnsafePointer where Pointee == Expression {
    /// Whether a condition holds; nil: it failed, which has been logged.
    func test(_ r: Request.Ref) -> Bool? {
        run(r) { run, _ in
            guard case .condition(let condition) = pointee.root else { return nil }
            let holds = run.holds(condition)
            return reported(run) ? nil : holds
        }
    }

    /// The value of a string; nil: it failed, which has been logged.
    func text(_ r: Request.Ref) -> Bytes? {
        run(r) { run, _ in word(&run) }
    }

    /// As `test`, with the last match in it; see apus_expr_v1.match.
    func match(_ r: Request.Ref, _ subject: inout Bytes, _ spans: UnsafeMutablePointer<Int64>?, _ spanCount: Int) -> Bool? {
        run(r) { run, own in
            guard case .condition(let condition) = pointee.root else { return nil }
            let holds = run.holds(condition)
            subject = run.subject
            for index in 0..<spanCount * 2 {
                spans?[index] = run.subject.isSet && index < ExprRun.groupCount * 2 ? own[index] : -1
            }
            return reported(run) ? nil : holds
        }
    }

    /// As `text`, with the groups of an earlier match; see apus_expr_v1.expand.
    func expand(_ r: Request.Ref, _ subject: Bytes, _ spans: UnsafePointer<Int64>?, _ spanCount: Int) -> Bytes? {
        guard let spans else { return text(r) }
        // Nothing in a string matches anew, so the groups are only read.
        var run = ExprRun(self, r, subject: subject, spans: UnsafeMutablePointer(mutating: spans), spanCount: spanCount)
        return word(&run)
    }

    private func run<Outcome>(
        _ r: Request.Ref, _ body: (inout ExprRun, UnsafeMutablePointer<Int64>) -> Outcome
    ) -> Outcome {
        withUnsafeTemporaryAllocation(of: Int64.self, capacity: ExprRun.groupCount * 2) { spans in
            let start = spans.baseAddress.unsafelyUnwrapped
            var run = ExprRun(self, r, spans: start, spanCount: ExprRun.groupCount)
            return body(&run, start)
        }
    }

    private func word(_ run: inout ExprRun) -> Bytes? {
        guard case .word(let word) = pointee.root else { return nil }
        let value = run.value(word)
        return reported(run) ? nil : value
    }

    private func reported(_ run: ExprRun) -> Bool {
        guard let failure = run.failure else { return false }
        ErrorLog.write(
            .error, code: "AH03298", request: run.r, "the expression \"\(pointee.text.string)\" could not be evaluated: \(failure)")
        return true
    }
}
