import ByteKit
import Glibc
import ModuleABI

/// Part of a body, or of what is to be sent: bytes, part of a file, or a mark.
struct OutputSegment {
    enum Kind: UInt8 {
        case memory, file, flush, end
    }

    var next: UnsafeMutablePointer<OutputSegment>?
    var kind: Kind
    /// The descriptor is closed when the segment goes.
    var ownsFile = false
    var fd: Int32 = -1
    var bytes = Bytes.none
    var offset: Int64 = 0
    var length: Int64 = 0
    /// Called once when the segment is no longer needed.
    var release: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?
    var releaseContext: UnsafeMutableRawPointer?
}

/// Segments in order.
struct OutputQueue {
    private(set) var first: UnsafeMutablePointer<OutputSegment>?
    private var last: UnsafeMutablePointer<OutputSegment>?
    /// Bytes in the queue.
    private(set) var length: Int64 = 0

    var isEmpty: Bool { first == nil }

    mutating func append(_ segment: OutputSegment) {
        let place = SegmentStore.take()
        place.initialize(to: segment)
        append(taken: place)
    }

    /// Appends a segment that was taken out of another queue.
    mutating func append(taken place: UnsafeMutablePointer<OutputSegment>) {
        place.pointee.next = nil
        if let last { last.pointee.next = place } else { first = place }
        last = place
        length += place.pointee.length
    }

    mutating func prepend(_ segment: OutputSegment) {
        let place = SegmentStore.take()
        place.initialize(to: segment)
        place.pointee.next = first
        first = place
        if last == nil { last = place }
        length += segment.length
    }

    /// Takes the first segment out; it is the caller's now.
    mutating func takeFirst() -> UnsafeMutablePointer<OutputSegment>? {
        guard let segment = first else { return nil }
        first = segment.pointee.next
        if first == nil { last = nil }
        length -= segment.pointee.length
        return segment
    }

    mutating func removeFirst() {
        if let segment = takeFirst() { SegmentStore.give(segment) }
    }

    /// Takes `count` bytes off the front; whole segments go, and the marks before the next byte with them.
    mutating func drop(_ count: Int64) {
        var left = count
        while let segment = first, left >= segment.pointee.length {
            left -= segment.pointee.length
            removeFirst()
        }
        guard left > 0, let segment = first else { return }
        length -= left
        segment.pointee.length -= left
        segment.pointee.offset += left
        if segment.pointee.kind == .memory { segment.pointee.bytes = segment.pointee.bytes.from(Int(left)) }
    }

    mutating func removeAll() {
        while first != nil { removeFirst() }
    }
}

/// Segments that are reused on the loop's thread; other threads use malloc.
enum SegmentStore {
    nonisolated(unsafe) private static var unused: UnsafeMutablePointer<OutputSegment>?

    static func take() -> UnsafeMutablePointer<OutputSegment> {
        guard Worker.isLoopThread, let segment = unused else { return .allocate(capacity: 1) }
        unused = segment.pointee.next
        return segment
    }

    static func give(_ segment: UnsafeMutablePointer<OutputSegment>) {
        segment.pointee.release?(segment.pointee.releaseContext)
        if segment.pointee.ownsFile { close(segment.pointee.fd) }
        guard Worker.isLoopThread else { return segment.deallocate() }
        segment.pointee.next = unused
        unused = segment
    }
}
