import Glibc
import ModuleABI.Draft
@_spi(Draft) import ModuleKit
import Support

/// What the leader does for modules: watched files, messages, leases; and what generations leave each other.
final class Leader: Module, @unchecked Sendable {
    static let info = ModuleInfo(
        "abi_leader_module", version: "1.0", requires: [APUS_EXT_SHM, APUS_EXT_LEADER, APUS_EXT_HANDOVER])

    private let host: Host
    // What this process knows: the leader's copy is what later workers inherit.
    private var told = "nothing"
    private var messages = 0
    private var left = "nothing"
    private var lasting: UnsafeMutablePointer<Int64>?
    private var inherited = false
    private var previousLength = 0
    private var lateWatch: apus_status = 0
    private var latePut: apus_status = 0

    init(_ host: Host) throws {
        self.host = host
        try host.hooks.openConfig { reason, _ in
            if reason != APUS_OPEN_CHECK { try self.open() }
        }
        try host.hooks.childInit {
            self.lateWatch = self.status { try host.watchFile("other") { _ in } }
            self.latePut = self.status { try host.leave("late", Bytes("x")) }
        }
        try host.hooks.handler(.middle, handle)
    }

    private func open() throws {
        try host.watchFile("watched", changed)
        try host.onMessage { name, bytes in
            self.messages += 1
            self.told = "\(name.string)=\(bytes.count):\(bytes.upTo(min(bytes.count, 40)).string)"
        }
        if let value = host.inherited("last file") { left = value.string }
        previousLength = host.previousMemory("lasting")?.count ?? 0
        let bytes = access("\(host.serverRoot.string)/larger", F_OK) == 0 ? 8192 : 4096
        let (memory, isOld) = try host.lastingMemory("lasting", bytes: bytes)
        lasting = memory.baseAddress?.bindMemory(to: Int64.self, capacity: 1)
        inherited = isOld
    }

    private func changed(_ path: String) {
        var text = [UInt8](repeating: 0, count: 99)
        let fd = Glibc.open(path, O_RDONLY)
        let count = fd >= 0 ? max(read(fd, &text, text.count), 0) : 0
        if fd >= 0 { close(fd) }
        text[..<count].withUnsafeBytes { bytes in
            try? host.broadcast("file", fd >= 0 ? Bytes(bytes) : Bytes("(gone)"))
            try? host.leave("last file", Bytes(bytes))
        }
    }

    private func status(_ body: () throws -> Void) -> apus_status {
        do {
            try body()
            return APUS_OK
        } catch { return (error as? ModuleError)?.status.rawValue ?? APUS_E_FAIL }
    }

    private func handle(_ request: Request) throws -> Status {
        guard request.handler == "abi" else { return .declined }
        guard let text = answer(request.path.string, request.query) else { return .declined }
        return try request.reply(200, text: text)
    }

    private func answer(_ path: String, _ query: Bytes) -> String? {
        let raw = host.table(APUS_EXT_LEADER, as: apus_leader_v1.self)
        switch path {
        case "/told": return "\(host.worker) \(messages) \(told)"
        case "/say": return "\(status { try host.broadcast("said", query) })"
        case "/say-large":
            let large = [UInt8](repeating: 0x78, count: 3 << 20)
            return "\(large.withUnsafeBytes { bytes in status { try host.broadcast("large", Bytes(bytes)) } })"
        case "/say-badly":
            return "\(status { try host.broadcast("", query) }) \(status { try host.broadcast("a\nb", query) })"
        case "/lease": return "\(host.worker) \(host.holdsLease("work") ? APUS_OK : APUS_DECLINED)"
        case "/release": return "\(host.worker) \(raw.pointee.release(host.raw, Bytes("work")))"
        case "/left": return left
        case "/count":
            guard let lasting else { return nil }
            lasting.pointee += 1
            return "\(lasting.pointee) \(inherited ? 1 : 0) \(previousLength)"
        case "/late": return "\(lateWatch) \(latePut)"
        case "/generation":
            let table = host.table(APUS_EXT_SERVER, as: apus_server_v1.self)
            return "\(table.pointee.process_number(host.raw, APUS_P_GENERATION))"
        default: return nil
        }
    }
}

@c(apus_module_entry)
public func entry(_ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>) -> UnsafePointer<
    apus_module
>? {
    Leader.descriptor(for: host, named: name)
}
