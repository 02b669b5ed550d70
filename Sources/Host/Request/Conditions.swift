import ByteKit
import ModuleABI

/// An <If>, <ElseIf> or <Else>.
struct ConditionalSection: BitwiseCopyable {
    var section: Section
    /// Nil: an <Else>.
    var condition: Expression.Ref?
    /// An <ElseIf> or <Else>: it is passed over when one before it in its chain holds.
    var continues: Bool
}

/// The sections that hold for a request, as they are gathered; more than there is room for is noticed, never left out.
struct FoundSections {
    let places: UnsafeMutableBufferPointer<UnsafePointer<Section>>
    private(set) var count = 0
    private(set) var isTooMany = false
    /// Whether some of them have <If> sections inside.
    private(set) var hasConditions = false
    private let fromWalk: Int

    /// Begins with the sections of a walk.
    @inline(__always)
    init(_ places: UnsafeMutableBufferPointer<UnsafePointer<Section>>, _ walk: DirectoryWalk.Ref?) {
        self.places = places
        guard let walk else {
            fromWalk = 0
            return
        }
        hasConditions = walk.pointee.hasConditions
        fromWalk = walk.pointee.sections.count
        isTooMany = fromWalk > places.count
        for section in walk.pointee.sections.prefix(places.count) {
            places.initializeElement(at: count, to: section)
            count &+= 1
        }
    }

    @inline(__always)
    mutating func add(_ section: UnsafePointer<Section>) {
        guard count < places.count else { return isTooMany = true }
        places.initializeElement(at: count, to: section)
        count &+= 1
        if !section.pointee.conditions.isEmpty { hasConditions = true }
    }

    var sections: UnsafeBufferPointer<UnsafePointer<Section>> { UnsafeBufferPointer(rebasing: places[..<count]) }

    /// Whether nothing has been added to the sections of the walk.
    var isOnlyWalk: Bool { count == fromWalk }

    /// Adds the <If> sections that hold: those of the server, then those inside what was found, in its order. All of one
    /// depth come before those nested in them, as in httpd.
    @inline(__always)
    mutating func addConditions(_ r: Request.Ref) {
        guard hasConditions || r.pointee.server.hasConditions else { return }
        addAllConditions(r)
    }

    @inline(never)
    private mutating func addAllConditions(_ r: Request.Ref) {
        var (start, end) = (0, count)
        if let table = r.pointee.server.pointee.sections { addHolding(table.pointee.conditions, r) }
        while start < end {
            for index in start..<end { addHolding(places[index].pointee.conditions, r) }
            (start, end) = (end, count)
        }
    }

    private mutating func addHolding(_ chain: UnsafeBufferPointer<ConditionalSection>, _ r: Request.Ref) {
        guard let first = chain.baseAddress else { return }
        var isDecided = false
        for index in 0..<chain.count {
            let each = first + index
            if !each.pointee.continues { isDecided = false }
            // A condition that fails does not hold, which the log tells.
            if isDecided || each.pointee.condition.map({ $0.test(r) ?? false }) == false { continue }
            isDecided = true
            // The section is the first member, so its address is the structure's.
            add(UnsafeRawPointer(each).assumingMemoryBound(to: Section.self))
        }
    }
}

extension UnsafeMutablePointer where Pointee == Server {
    /// Whether there are <If> sections outside all others.
    @inline(__always)
    var hasConditions: Bool { pointee.sections.map { !$0.pointee.conditions.isEmpty } ?? false }
}
