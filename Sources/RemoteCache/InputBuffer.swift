import Glibc
import ModuleKit

/// Bytes that have been read and not yet been understood.
struct InputBuffer {
    private var start: UnsafeMutableRawPointer?
    private var capacity = 0
    private var used = 0
    private var end = 0

    var bytes: Bytes { Bytes(UnsafeRawBufferPointer(start: start.map { $0 + used }, count: end - used)) }

    /// Reads what there is, up to some KiB. As read(2).
    mutating func fill(from descriptor: Int32) -> Int {
        if used > 0, used == end { (used, end) = (0, 0) }
        if capacity - end < 4096 { makeRoom(4096) }
        let n = read(descriptor, start.unsafelyUnwrapped + end, capacity - end)
        if n > 0 { end += n }
        return n
    }

    mutating func append(_ new: UnsafeRawBufferPointer) {
        if used > 0, used == end { (used, end) = (0, 0) }
        if capacity - end < new.count { makeRoom(new.count) }
        if let bytes = new.baseAddress { memcpy(start.unsafelyUnwrapped + end, bytes, new.count) }
        end += new.count
    }

    mutating func drop(_ count: Int) { used += count }

    mutating func clear() {
        start?.deallocate()
        self = InputBuffer()
    }

    private mutating func makeRoom(_ wanted: Int) {
        let count = end - used
        let size = max(16384, count * 2, count + wanted)
        let grown = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
        if let start {
            memcpy(grown, start + used, count)
            start.deallocate()
        }
        start = grown
        capacity = size
        used = 0
        end = count
    }
}
