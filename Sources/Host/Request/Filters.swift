import ByteKit
import ModuleABI

/// One filter on one request: what a module knows as apus_filter. In the order from the handler to the wire.
struct FilterInstance {
    typealias Ref = UnsafeMutablePointer<FilterInstance>

    var kind: UnsafePointer<FilterKind>
    var request: Request.Ref
    var next: Ref?
    var state: UnsafeMutableRawPointer?
    var isRemoved = false
    var isPrepared = false
    var hasEnded = false
    /// Its last answer was SUSPENDED.
    var waits = false
    /// It has what it waited for, or one behind it that waited takes more: it is to be called.
    var isDue = false
}

/// Puts filters on requests and hands bodies along them.
enum Filters {
    static func insert(_ r: Request.Ref, _ kind: UnsafePointer<FilterKind>) -> apus_status {
        let instance = r.pointee.arena.allocate(FilterInstance.self)
        instance.initialize(to: FilterInstance(kind: kind, request: r, next: nil))
        if let begin = kind.pointee.registration.begin {
            let status = begin(kind.pointee.registration.ctx, OpaquePointer(instance))
            guard status == APUS_OK else { return status == APUS_DECLINED ? APUS_OK : status }
        }
        let isOutput = kind.pointee.direction == APUS_OUTPUT
        let head = isOutput ? r.pointee.outputFilters : r.pointee.inputFilters
        let first = place(instance, in: head)
        if isOutput { r.pointee.outputFilters = first } else { r.pointee.inputFilters = first }
        if isOutput, r.pointee.filtersArePrepared { prepare(instance) }
        return APUS_OK
    }

    /// Puts an output filter at its stage, but never before `filter`.
    static func insert(behind filter: FilterInstance.Ref, _ kind: UnsafePointer<FilterKind>) -> apus_status {
        let r = filter.pointee.request
        let instance = r.pointee.arena.allocate(FilterInstance.self)
        instance.initialize(to: FilterInstance(kind: kind, request: r, next: nil))
        if let begin = kind.pointee.registration.begin {
            let status = begin(kind.pointee.registration.ctx, OpaquePointer(instance))
            guard status == APUS_OK else { return status == APUS_DECLINED ? APUS_OK : status }
        }
        place(instance, behind: filter)
        if r.pointee.filtersArePrepared { prepare(instance) }
        return APUS_OK
    }

    /// The head is complete and the body about to come: each filter may take itself off. Once.
    static func prepare(_ r: Request.Ref) {
        guard !r.pointee.filtersArePrepared, r.pointee.outputFilters != nil else { return }
        r.pointee.filtersArePrepared = true
        var next = r.pointee.outputFilters
        while let filter = next {
            prepare(filter)
            next = filter.pointee.next
        }
    }

    private static func prepare(_ filter: FilterInstance.Ref) {
        guard !filter.pointee.isPrepared, !filter.pointee.isRemoved else { return }
        filter.pointee.isPrepared = true
        let kind = filter.pointee.kind
        guard let prepare = kind.pointee.registration.prepare else { return }
        let status = Activity.during(.init(module: Int(kind.pointee.moduleIndex), .outputFilter)) {
            prepare(kind.pointee.registration.ctx, OpaquePointer(filter))
        }
        if status == APUS_DECLINED { filter.pointee.isRemoved = true }
    }

    /// Whether an output filter is on the request.
    static func hasAny(_ r: Request.Ref) -> Bool { live(r.pointee.outputFilters) != nil }

    /// Whether one of them works on the representation itself, so that parts of what it is made of are none of it.
    static func changeContent(_ r: Request.Ref) -> Bool {
        live(r.pointee.outputFilters).map { $0.pointee.kind.pointee.stage < APUS_STAGE_FRAME } ?? false
    }

    /// Puts the instance at its place in the list and returns the list.
    private static func place(_ instance: FilterInstance.Ref, in head: FilterInstance.Ref?) -> FilterInstance.Ref {
        guard let head, !precedes(instance, head) else {
            instance.pointee.next = head
            return instance
        }
        place(instance, behind: head)
        return head
    }

    /// As far behind as it may be: filters whose order is open run in that in which they are put on the request.
    private static func place(_ instance: FilterInstance.Ref, behind first: FilterInstance.Ref) {
        var before = first
        while let next = before.pointee.next, !precedes(instance, next) { before = next }
        instance.pointee.next = before.pointee.next
        before.pointee.next = instance
    }

    private static func precedes(_ early: FilterInstance.Ref, _ late: FilterInstance.Ref) -> Bool {
        early.pointee.kind.pointee.precedes?[late.pointee.kind.pointee.number] == true
    }

    /// Hands a chain to the first output filter from `filter` on, or to the connection.
    static func push(_ filter: FilterInstance.Ref?, _ r: Request.Ref, _ chain: Chain.Ref) -> apus_status {
        guard let filter = live(filter) else { return Response.write(r, chain) }
        let kind = filter.pointee.kind
        let registration = kind.pointee.registration
        let status = Activity.during(.init(module: Int(kind.pointee.moduleIndex), .outputFilter)) {
            registration.process?(registration.ctx, OpaquePointer(filter), chain.handle) ?? APUS_E_INVALID
        }
        filter.pointee.waits = status == APUS_SUSPENDED
        if status == APUS_SUSPENDED { ModuleAccounts.add(to: .suspensions, of: Int(kind.pointee.moduleIndex)) }
        if status < 0 { noteFailure(status, of: kind, r) }
        return status
    }

    // MARK: Filters that wait

    /// The filter to be called next, the nearest to the client first; nil: none is.
    static func due(_ r: Request.Ref) -> FilterInstance.Ref? { last(from: r.pointee.outputFilters) { $0.pointee.isDue } }

    /// Whether one of the filters from `filter` on waits.
    static func waits(from filter: FilterInstance.Ref?) -> Bool { last(from: filter) { $0.pointee.waits } != nil }

    private static func last(
        from filter: FilterInstance.Ref?, to end: FilterInstance.Ref? = nil, _ holds: (FilterInstance.Ref) -> Bool
    ) -> FilterInstance.Ref? {
        var (next, found) = (filter, FilterInstance.Ref?.none)
        while let filter = next, filter != end {
            if !filter.pointee.isRemoved, holds(filter) { found = filter }
            next = filter.pointee.next
        }
        return found
    }

    /// Calls a filter that is due with an empty chain. Those before it may have waited for it: the nearest of them is next.
    static func goOn(_ filter: FilterInstance.Ref, _ empty: Chain.Ref) -> apus_status {
        let r = filter.pointee.request
        filter.pointee.isDue = false
        let status = push(filter, r, empty)
        guard !filter.pointee.waits else { return status }
        last(from: r.pointee.outputFilters, to: filter) { $0.pointee.waits }?.pointee.isDue = true
        return status
    }

    /// The answer begins anew.
    static func forgetWaits(_ r: Request.Ref) {
        var next = r.pointee.outputFilters
        while let filter = next {
            filter.pointee.waits = false
            filter.pointee.isDue = false
            next = filter.pointee.next
        }
    }

    /// Asks the input filters from `filter` on, and below them the connection, for bytes of the body.
    static func pull(_ filter: FilterInstance.Ref?, _ r: Request.Ref, _ max: Int, _ chain: Chain.Ref) -> apus_status {
        guard let filter = live(filter) else { return BodyInput.read(r, max, chain) }
        let kind = filter.pointee.kind
        let registration = kind.pointee.registration
        let status = Activity.during(.init(module: Int(kind.pointee.moduleIndex), .inputFilter)) {
            registration.fill?(registration.ctx, OpaquePointer(filter), max, chain.handle) ?? APUS_E_INVALID
        }
        if status < 0 { noteFailure(status, of: kind, r) }
        return status
    }

    /// A filter failed, and those before it pass that on: the first to say so is whose fault it is. That the client has gone
    /// is nobody's.
    @inline(never)
    private static func noteFailure(_ status: apus_status, of kind: UnsafePointer<FilterKind>, _ r: Request.Ref) {
        guard status != APUS_E_CLOSED, !r.pointee.conn.pointee.wasAborted, !r.pointee.filterHasFailed else { return }
        r.pointee.filterHasFailed = true
        ModuleAccounts.add(to: .errors, of: Int(kind.pointee.moduleIndex))
    }

    private static func live(_ filter: FilterInstance.Ref?) -> FilterInstance.Ref? {
        var at = filter
        while let found = at, found.pointee.isRemoved { at = found.pointee.next }
        return at
    }

    /// An error page is not the content that filters were put on for, and one of them may be what failed.
    static func bypass(_ r: Request.Ref) {
        var next = r.pointee.outputFilters
        while let filter = next {
            filter.pointee.isRemoved = true
            next = filter.pointee.next
        }
    }

    /// The request ends, and those whose place it took: every filter hears of it once.
    static func end(_ r: Request.Ref) {
        var each: Request.Ref? = r
        while let request = each {
            endOwn(request)
            each = request.pointee.previous
        }
    }

    private static func endOwn(_ r: Request.Ref) {
        if r.pointee.outputFilters == nil, r.pointee.inputFilters == nil { return }
        for head in [r.pointee.outputFilters, r.pointee.inputFilters] {
            var next = head
            while let filter = next {
                next = filter.pointee.next
                guard !filter.pointee.hasEnded else { continue }
                filter.pointee.hasEnded = true
                let registration = filter.pointee.kind.pointee.registration
                registration.end?(registration.ctx, OpaquePointer(filter))
            }
        }
    }
}
