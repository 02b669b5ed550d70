import Glibc
import ModuleKit
import Support

/// The set of settings that holds when asked for; written while the configuration is read.
nonisolated(unsafe) private var set: ConfigurationSet?

/// How many pieces of work there are, on whatever threads.
private final class Live: @unchecked Sendable {
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private var value = 0

    init() { pthread_mutex_init(lock, nil) }

    func add(_ change: Int) -> Int {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        value += change
        return value
    }
}

private let live = Live()

final class Access: Module {
    struct DirConf: Configuration { var word = "" }

    static let info = ModuleInfo(
        "abi_access_module", version: "1.0", requires: [APUS_EXT_PROVIDERS, APUS_EXT_TASKS, APUS_EXT_CONFSET])
    static let directives = [
        Directive("AbiWord", .one, in: .any, help: "a word") { try $0.set(\DirConf.word, $1) },
        Directive("AbiSet", .section, in: .global, help: "settings") { command, _ in set = try command.walkAsSet() },
    ]

    init(_ host: Host) throws {
        let users = apus_authn_v1(
            size: UInt32(MemoryLayout<apus_authn_v1>.size), flags: 0, check_password: checkPassword, realm_hash: nil)
        try host.provide(
            APUS_GROUP_AUTHN, "abi", users, rawContext: UnsafeMutableRawPointer(mutating: host.raw))
        try host.provideRequirement(
            "abi", parse: { $0.pool.copy($1) },
            check: { request, wanted in
                guard request.user.isSet else { return .needsUser }
                guard request.slot != nil else { return .later }
                return request.user == wanted ? .granted : .denied
            }, later: { _, wanted in Work(APUS_OK, slot: UnsafeMutableRawPointer(mutating: wanted.ptr)) })
        try host.hooks.noteAuthFailure(.middle) { request, type in
            guard type == "Abi" else { return .declined }
            request.errorHeadersOut["WWW-Authenticate"] = Bytes("Abi")
            return .ok
        }
        try host.hooks.checkUserID(Order(.first, flags: .maySuspend), checkUser)
        try host.hooks.handler(.middle, handle)
    }
}

private final class Work: DeferredWork {
    private let status: apus_status
    private nonisolated(unsafe) let slot: UnsafeMutableRawPointer?

    init(_ status: apus_status, slot: UnsafeMutableRawPointer?) {
        self.status = status
        self.slot = slot
        _ = live.add(1)
    }

    deinit { _ = live.add(-1) }

    func run() -> apus_status { status }
    func finish(_ request: Request, _ answer: apus_status) { request.slot = slot }
}

private let checkPassword:
    @convention(c) (
        UnsafeMutableRawPointer?, OpaquePointer?, apus_str, apus_str, UnsafeMutablePointer<apus_work>?
    ) -> apus_status = { context, _, user, password, work in
        let host = UnsafePointer(context.unsafelyUnwrapped.assumingMemoryBound(to: apus_host.self))
        let isKnown = user == "now" || user == "later"
        let status =
            isKnown
            ? user == password ? APUS_AUTHN_GRANTED : APUS_AUTHN_DENIED
            : user == "broken" ? APUS_E_FAIL : APUS_AUTHN_NOT_FOUND
        guard user.hasPrefix("later") || user == "broken" else { return status }
        work?.hand(out: Work(status, slot: nil), host: host)
        return APUS_AUTHN_LATER
    }

private func checkUser(_ request: Request) throws -> Status {
    guard request.path.hasPrefix("/again") else { return .declined }
    let calls = Int(bitPattern: request.slot) + 1
    request.slot = UnsafeMutableRawPointer(bitPattern: calls)
    guard calls < 3 else {
        request.slot = nil
        request.user = Bytes("patient")
        return .ok
    }
    let task = try request.suspend()
    if calls == 1 { task.runBlocking { .again } } else { task.resume(.again) }
    return .suspended
}

private func handle(_ request: Request) throws -> Status {
    guard request.handler == "abi" else { return .declined }
    if request.path == "/live" { return try request.reply(200, text: "\(live.add(0))") }
    let own = request.conf(Access.DirConf.self).word
    var other = ""
    let status = set?.during(request) { () -> Int in
        other = request.conf(Access.DirConf.self).word
        return 7
    }
    let after = request.conf(Access.DirConf.self).word
    return try request.reply(200, text: "\(own) \(other) \(status ?? 0) \(after) \(request.user.string)")
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    Access.descriptor(for: host, named: name)
}
