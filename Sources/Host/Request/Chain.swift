import ByteKit
import Glibc
import ModuleABI

/// A sequence of body segments in a module's hands: what it knows as apus_chain.
struct Chain {
    typealias Ref = UnsafeMutablePointer<Chain>

    var queue = OutputQueue()

    /// An empty chain that lives as long as the arena; what it still holds then is released.
    static func make(_ arena: Arena.Ref) -> Ref {
        let chain = arena.allocate(Chain.self)
        chain.initialize(to: Chain())
        arena.pointee.onDestroy(UnsafeMutableRawPointer(chain)) { raw in
            raw?.assumingMemoryBound(to: Chain.self).pointee.queue.removeAll()
        }
        return chain
    }

    mutating func append(copy bytes: Bytes) -> Bool {
        guard !bytes.isEmpty else { return true }
        guard let copy = malloc(bytes.count) else { return false }
        memcpy(copy, bytes.ptr, bytes.count)
        append(borrowed: Bytes(copy, count: bytes.count), release: { free($0) }, context: copy)
        return true
    }

    mutating func append(
        borrowed bytes: Bytes, release: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?,
        context: UnsafeMutableRawPointer?
    ) {
        queue.append(
            OutputSegment(
                kind: .memory, bytes: bytes, length: Int64(bytes.count), release: release, releaseContext: context))
    }

    mutating func append(file fd: Int32, offset: Int64, length: Int64, isOwned: Bool) {
        queue.append(OutputSegment(kind: .file, ownsFile: isOwned, fd: fd, offset: offset, length: length))
    }

    mutating func append(mark: OutputSegment.Kind) { queue.append(OutputSegment(kind: mark)) }

    /// Whether the body ends in this chain.
    var holdsEnd: Bool {
        var next = queue.first
        while let segment = next {
            if segment.pointee.kind == .end { return true }
            next = segment.pointee.next
        }
        return false
    }

    /// Moves up to `count` bytes, with the marks between them, to the end of another chain.
    mutating func move(to other: Ref, _ count: Int64) {
        var left = count
        while let segment = queue.first {
            if segment.pointee.length > 0, left == 0 { return }
            if segment.pointee.length > left {
                other.pointee.queue.append(Chain.split(&queue, segment, left))
                return
            }
            left -= segment.pointee.length
            if let taken = queue.takeFirst() { other.pointee.queue.append(taken: taken) }
        }
    }

    /// The first `count` bytes of a queue's first segment as one of their own. Memory is copied, so that each is released
    /// once.
    static func split(
        _ queue: inout OutputQueue, _ segment: UnsafeMutablePointer<OutputSegment>, _ count: Int64
    ) -> OutputSegment {
        defer { queue.drop(count) }
        guard segment.pointee.kind == .memory else {
            return OutputSegment(
                kind: .file, ownsFile: true, fd: dup(segment.pointee.fd), offset: segment.pointee.offset, length: count)
        }
        guard let copy = malloc(Int(count)) else { return OutputSegment(kind: .memory) }
        memcpy(copy, segment.pointee.bytes.ptr, Int(count))
        return OutputSegment(
            kind: .memory, bytes: Bytes(copy, count: Int(count)), length: count, release: { free($0) }, releaseContext: copy)
    }
}

extension UnsafeMutablePointer where Pointee == Chain {
    var handle: OpaquePointer { OpaquePointer(self) }
    static func of(_ handle: OpaquePointer?) -> Chain.Ref { Chain.Ref(handle.unsafelyUnwrapped) }
}
