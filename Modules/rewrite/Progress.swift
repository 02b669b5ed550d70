import ModuleKit

/// What the module remembers of a request. Lies in request memory, behind the module's slot.
struct Progress: BitwiseCopyable {
    /// A rule with END has been applied: nothing is rewritten any more.
    var hasEnded = false
    /// A run waits for an answer.
    private(set) var isWaiting = false
    private var state: RunState?
    /// What took time to find out during the run at hand.
    var answers = PoolArray<Answer>()
    /// What is being asked; the request's memory keeps it.
    var question: Unmanaged<Question>?

    /// Nil: it is not known yet.
    func answer(to subject: Subject) -> Bytes? { answers.elements.first { $0.subject == subject }?.value }

    /// That of the request, or of one before it that was internally redirected to it.
    static func of(_ request: Request) -> UnsafeMutablePointer<Progress>? {
        var next: Request? = request
        while let current = next {
            if let slot = current.slot { return slot.assumingMemoryBound(to: Progress.self) }
            next = current.previous
        }
        return nil
    }

    /// That of the request; what ended before stays ended.
    static func make(_ request: Request) -> UnsafeMutablePointer<Progress> {
        if let slot = request.slot { return slot.assumingMemoryBound(to: Progress.self) }
        let place = request.pool.allocate(Progress.self)
        place.initialize(to: Progress(hasEnded: of(request)?.pointee.hasEnded ?? false))
        request.slot = UnsafeMutableRawPointer(place)
        return place
    }

    private init(hasEnded: Bool) { self.hasEnded = hasEnded }

    mutating func keep(_ state: RunState) {
        self.state = state
        isWaiting = true
    }

    /// Where a run that waited goes on, or where one begins.
    mutating func takeState(or fresh: RunState) -> RunState {
        defer {
            if !isWaiting { answers = PoolArray() }
            state = nil
            isWaiting = false
        }
        return isWaiting ? state ?? fresh : fresh
    }
}

/// What has been found out.
struct Answer: BitwiseCopyable {
    let subject: Subject
    /// None: nothing.
    let value: Bytes
}
