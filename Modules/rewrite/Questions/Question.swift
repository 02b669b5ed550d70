import ModuleKit

/// What a question is about: two that are equal have the same answer within a run.
struct Subject: BitwiseCopyable, Equatable {
    enum Kind: UInt8, BitwiseCopyable {
        case program, map, fileTest, userOfFile, groupOfFile, home, existence
    }

    let kind: Kind
    /// Of the map, or of the test.
    let name: Bytes
    var key: Bytes

    static func == (left: Subject, right: Subject) -> Bool {
        left.kind == right.kind && left.name == right.name && left.key == right.key
    }
}

/// Something that takes time to find out, on its way to a thread of the pool and back. Its thread is one at a time: the
/// loop's, then the pool's, then the loop's.
class Question: @unchecked Sendable {
    let subject: Subject

    init(_ subject: Subject) { self.subject = subject }

    /// Finds it out. What it needs it has a copy of: the request may end meanwhile. [pool]
    func ask() {}

    /// What was found out, in request memory; none: nothing. [loop]
    func answer(for run: Run) -> Bytes { .none }
}

extension Run {
    /// The answer to a question. The run ends here, and begins again at this rule when it is known. A sub-request and an
    /// explanation cannot wait: they hold the loop.
    func ask(_ subject: Subject, _ question: (Subject) -> Question) throws -> Bytes {
        let progress = Progress.make(request)
        if let known = progress.pointee.answer(to: subject) { return known }
        var subject = subject
        subject.key = pool.copy(subject.key)
        let question = question(subject)
        guard !isSubrequest, !request.isExplain else {
            question.ask()
            return question.answer(for: self)
        }
        pool.onDestroy { withExtendedLifetime(question) {} }
        progress.pointee.question = Unmanaged.passUnretained(question)
        throw Interruption.waiting
    }
}

extension RewriteProcess {
    /// Suspends the hook until the question is answered that the run met.
    func wait(_ run: Run, _ progress: UnsafeMutablePointer<Progress>) throws -> Status {
        guard let question = progress.pointee.question?.takeUnretainedValue() else { return .failed }
        progress.pointee.keep(run.state)
        let task = try run.request.suspend()
        task.runBlocking {
            question.ask()
            return .again
        }
        return .suspended
    }

    /// Keeps the answer to the question that was waited for.
    func takeAnswer(_ run: Run, _ progress: UnsafeMutablePointer<Progress>) {
        guard let question = progress.pointee.question?.takeUnretainedValue() else { return }
        progress.pointee.question = nil
        let known = Answer(subject: question.subject, value: question.answer(for: run))
        progress.pointee.answers.append(known, in: run.pool)
    }
}
