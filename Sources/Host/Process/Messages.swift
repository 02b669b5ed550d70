import ByteKit
import CSystem
import Glibc
import ModuleABI

/// Messages of a module to itself, in every process of a generation: from the leader, or from a worker by way of the leader.
///
/// A packet names module and message; the bytes lie in a sealed memory file, so that their length is no matter.
enum Messages {
    static let verb = "message"

    struct Receiver {
        let fn: @convention(c) (UnsafeMutableRawPointer?, apus_str, apus_str) -> Void
        let ctx: UnsafeMutableRawPointer?
    }

    enum Sender { case leader, worker }

    nonisolated(unsafe) private static var receivers: [Int: Receiver] = [:]
    /// In the leader: passes a packet to all workers.
    nonisolated(unsafe) static var leader: ((Packet) -> Void)?

    static func receive(_ module: LoadedModule, _ receiver: Receiver) { receivers[module.index] = receiver }

    static func broadcast(_ module: LoadedModule, _ name: String, _ bytes: Bytes) -> apus_status {
        guard bytes.count <= sizeLimit else { return APUS_E_TOO_BIG }
        let descriptor = cs_memfd_sealed("apus message", bytes.ptr, bytes.count)
        guard descriptor >= 0 else { return APUS_E_NOMEM }
        defer { close(descriptor) }
        let packet = Packet(verb, [module.name, name], descriptor: descriptor)
        if theWorkerIfAny == nil {
            deliver(module.index, name, bytes)
            leader?(packet)
        } else if !WorkerProcess.send(packet) {
            // The process that is all there is.
            deliver(module.index, name, bytes)
        }
        return APUS_OK
    }

    /// A packet has come. In the leader `forward` passes it to all workers, after the leader's own copy is up to date: so a
    /// worker that is forked later inherits what the others were told.
    static func arrived(_ packet: Packet, from sender: Sender, forward: (Packet) -> Void) {
        guard let module = Runtime.current?.modules.first(where: { $0.name == packet[0] }) else { return }
        withMapped(packet.descriptor) { deliver(module.index, packet[1], $0) }
        forward(packet)
    }

    private static func deliver(_ module: Int, _ name: String, _ bytes: Bytes) {
        guard let receiver = receivers[module] else { return }
        var name = name
        name.withUTF8 { name in
            Activity.during(.init(module: module, .message)) {
                receiver.fn(receiver.ctx, Bytes(UnsafeRawBufferPointer(name)), bytes)
            }
        }
    }

    /// Longer ones are nobody's messages.
    static let sizeLimit = 64 << 20

    /// Calls `body` with the content of a memory file. One that its maker could still change is not looked at: a file that
    /// shrinks under a mapping ends the process that mapped it.
    static func withMapped(_ descriptor: Int32, _ body: (Bytes) -> Void) {
        var info = stat()
        guard descriptor >= 0, cs_is_sealed(descriptor) != 0, fstat(descriptor, &info) == 0 else { return }
        let count = Int(info.st_size)
        guard count <= sizeLimit else { return }
        guard count > 0 else { return body(Bytes("")) }
        let raw = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0)
        guard let raw, raw != MAP_FAILED else { return }
        defer { munmap(raw, count) }
        body(Bytes(UnsafeRawPointer(raw), count: count))
    }
}

/// Files that modules want to hear of, looked at by the leader about once a second: so it works for links, mounts and
/// files that are not there yet, and costs one stat a file.
enum FileWatch {
    private struct Entry {
        let module: Int
        let path: String
        let fn: @convention(c) (UnsafeMutableRawPointer?, apus_str) -> Void
        let ctx: UnsafeMutableRawPointer?
        var last: FileInfo
    }

    nonisolated(unsafe) private static var entries: [Entry] = []

    static func add(
        _ module: LoadedModule, _ path: String, _ fn: @escaping @convention(c) (UnsafeMutableRawPointer?, apus_str) -> Void,
        _ ctx: UnsafeMutableRawPointer?
    ) {
        entries.append(Entry(module: module.index, path: path, fn: fn, ctx: ctx, last: state(path)))
    }

    static func look() {
        for index in entries.indices {
            let now = state(entries[index].path)
            guard now.kind != entries[index].last.kind || !now.isSame(as: entries[index].last) else { continue }
            entries[index].last = now
            let entry = entries[index]
            var path = entry.path
            path.withUTF8 { path in
                Activity.during(.init(module: entry.module, .fileWatch)) { entry.fn(entry.ctx, Bytes(UnsafeRawBufferPointer(path))) }
            }
        }
    }

    private static func state(_ path: String) -> FileInfo {
        var info = stat()
        return stat(path, &info) == 0 ? FileInfo(info) : FileInfo()
    }
}
