import CSystem
import Glibc

/// The terminals of those who ordered a reload.
enum Terminal {
    /// Writes to a terminal or pipe of somebody else's as long as that does not wait: nobody may hold the supervisor up. It
    /// is opened again for that, for how it waits is not ours to change.
    static func show(_ text: ArraySlice<UInt8>, _ terminal: Int32) {
        let own = open("/proc/self/fd/\(terminal)", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_APPEND | O_CLOEXEC)
        guard own >= 0 else { return showOnSocket(text, terminal) }
        _ = text.withUnsafeBytes { write(own, $0.baseAddress, $0.count) }
        close(own)
    }

    /// A socket cannot be opened again, but told not to wait.
    private static func showOnSocket(_ text: ArraySlice<UInt8>, _ terminal: Int32) {
        _ = text.withUnsafeBytes { send(terminal, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)) }
    }
}
