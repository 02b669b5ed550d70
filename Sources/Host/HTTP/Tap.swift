import ByteKit
import Glibc
import ModuleABI
import ModuleABI.Draft

/// Somebody who is shown a connection's plain bytes. Output then goes the way it goes through a transport, piece by piece
/// in memory, whether there is one or not.
struct Tap {
    let vtable: UnsafePointer<apus_tap_v0>
    let ctx: UnsafeMutableRawPointer?

    /// Puts the first tap that wants the connection on it.
    static func open(_ conn: Connection.Ref) {
        for index in theWorker.pointee.taps.indices {
            let tap = theWorker.pointee.taps.baseAddress.unsafelyUnwrapped + index
            guard tap.pointee.vtable.pointee.wants?(tap.pointee.ctx, conn.handle) == APUS_OK else { continue }
            return conn.pointee.tap = tap
        }
    }

    func received(_ conn: Connection.Ref, _ bytes: UnsafeRawPointer, _ count: Int) {
        vtable.pointee.received?(ctx, conn.handle, bytes, count)
    }

    /// The first `count` bytes of the parts have been sent.
    func sent(_ conn: Connection.Ref, _ parts: UnsafeMutableBufferPointer<apus_str>, _ count: Int) {
        var left = count
        for part in parts where left > 0 && !part.isEmpty {
            let taken = min(left, part.count)
            vtable.pointee.sent?(ctx, conn.handle, part.ptr, taken)
            left -= taken
        }
    }
}
