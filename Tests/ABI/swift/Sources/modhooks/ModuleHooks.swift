import ModuleKit
import Support

private func fn<T>(_ function: T) -> apus_fn { unsafeBitCast(function, to: apus_fn.self) }

private typealias Sum = @convention(c) (UnsafeMutableRawPointer?, Int32, Int32) -> Int32
private typealias Seen = @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, apus_str) -> Void
private typealias Every = @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?) -> apus_status

/// Declares hooks of its own and runs them.
final class Owner: Module {
    static let info = ModuleInfo("abi_modhooks_owner_module", version: "1.0")

    private let host: Host
    private let table: UnsafePointer<apus_hooks_v1>
    private var sum, seen, every: OpaquePointer?

    init(_ host: Host) throws {
        self.host = host
        table = host.table(APUS_EXT_HOOKS, as: apus_hooks_v1.self)
        _ = table.pointee.declare(host.raw, "abi.sum", "i(xii)", APUS_RUN_FIRST, &sum)
        _ = table.pointee.declare(host.raw, "abi.seen", "v(xRs)", APUS_RUN_VOID, &seen)
        _ = table.pointee.declare(host.raw, "abi.every", "i(xR)", APUS_RUN_ALL, &every)
        try host.hooks.handler(.middle, handle)
    }

    /// Walks the links and calls through the typed pointer, as the owner of a hook does.
    private func runSum(_ a: Int32, _ b: Int32) -> Int32 {
        var count: UInt32 = 0
        var stride: UInt32 = 0
        guard let first = table.pointee.links(sum, &count, &stride) else { return APUS_DECLINED }
        for index in 0..<Int(count) {
            let link = (UnsafeRawPointer(first) + index * Int(stride)).load(as: apus_link.self)
            let status = unsafeBitCast(link.fn, to: Sum.self)(link.ctx, a, b)
            if status != APUS_DECLINED { return status }
        }
        return APUS_DECLINED
    }

    private func handle(_ request: Request) throws -> Status {
        guard request.handler == "abi" else { return .declined }
        var a = Int32(request.query.string) ?? 0
        var b: Int32 = 5
        var r: OpaquePointer? = request.raw
        var result: Int64 = 77
        switch request.path.string {
        case "/links": return try request.reply(200, text: "\(runSum(a, b))")
        case "/invoke":
            let status = withUnsafeMutablePointer(to: &a) { a in
                withUnsafeMutablePointer(to: &b) { b in
                    table.pointee.invoke(
                        sum, &result, [UnsafeMutableRawPointer(a), UnsafeMutableRawPointer(b)])
                }
            }
            return try request.reply(200, text: "\(status) \(Int32(truncatingIfNeeded: result))")
        case "/every":
            let status = withUnsafeMutablePointer(to: &r) {
                table.pointee.invoke(every, &result, [UnsafeMutableRawPointer($0)])
            }
            let note = request.notes["seen"]?.string ?? ""
            return try request.reply(200, text: "\(status) \(Int32(truncatingIfNeeded: result)) \(note)")
        case "/seen":
            var text = Bytes("said")
            withUnsafeMutablePointer(to: &r) { r in
                withUnsafeMutablePointer(to: &text) { text in
                    _ = table.pointee.invoke(
                        seen, nil, [UnsafeMutableRawPointer(r), UnsafeMutableRawPointer(text)])
                }
            }
            return try request.reply(200, text: request.notes["seen"]?.string ?? "")
        case "/count":
            var count: UInt32 = 0
            var stride: UInt32 = 0
            _ = table.pointee.links(every, &count, &stride)
            return try request.reply(
                200, text: "\(count) \(Int(stride) >= MemoryLayout<apus_link>.size ? 1 : 0)")
        case "/find":
            var found: OpaquePointer?
            var own: OpaquePointer?
            var none: OpaquePointer?
            let answers = [
                table.pointee.find(host.raw, "abi.sum", "i(xii)", &found), table.pointee.find(host.raw, "abi.sum", "v(x)", &none),
                table.pointee.find(host.raw, "abi.absent", "v(x)", &none), table.pointee.find(host.raw, "handler", "i(xR)", &own),
                found == sum && own != nil && none == nil ? 1 : 0,
            ]
            return try request.reply(200, text: answers.map { "\($0)" }.joined(separator: " "))
        default: return .declined
        }
    }
}

/// What stands behind the context of an implementation.
private final class Letter {
    let letter: String
    let host: UnsafePointer<apus_host>
    init(_ letter: String, _ host: Host) {
        self.letter = letter
        self.host = host.raw
    }
    static func of(_ ctx: UnsafeMutableRawPointer?) -> Letter {
        Unmanaged<Letter>.fromOpaque(ctx!).takeUnretainedValue()
    }

    func note(_ request: Request, _ text: String) {
        request.notes.merge(Bytes("seen"), request.pool.copy("\(letter):\(text)"))
    }
}

private let note: Seen = { ctx, r, text in
    let its = Letter.of(ctx)
    its.note(Request(r!, host: its.host), text.string)
}

private let everyOne: Every = { ctx, r in
    let its = Letter.of(ctx)
    let request = Request(r!, host: its.host)
    its.note(request, "every")
    return its.letter == "1" ? Int32(request.query.string) ?? APUS_OK : APUS_OK
}

private func implement(_ host: Host, _ letter: String, _ sum: Sum) throws {
    try host.hooks.register("abi.sum", "i(xii)", .middle, fn(sum), Letter(letter, host))
    try host.hooks.register("abi.seen", "v(xRs)", .middle, fn(note), Letter(letter, host))
    try host.hooks.register("abi.every", "i(xR)", .middle, fn(everyOne), Letter(letter, host))
}

final class One: Module {
    static let info = ModuleInfo("abi_modhooks_one_module", version: "1.0")
    init(_ host: Host) throws { try implement(host, "1") { $1 % 2 != 0 ? APUS_DECLINED : $1 + $2 + 1000 } }
}

final class Two: Module {
    static let info = ModuleInfo("abi_modhooks_two_module", version: "1.0")
    init(_ host: Host) throws { try implement(host, "2") { $1 == 99 ? APUS_DECLINED : $1 + $2 + 3000 } }
}

final class Stranger: Module {
    static let info = ModuleInfo("abi_modhooks_stranger_module", version: "1.0")
    init(_ host: Host) throws { try host.hooks.register("abi.sum", "i(xiI)", .middle, fn(note), self) }
}

final class Rival: Module {
    static let info = ModuleInfo("abi_modhooks_rival_module", version: "1.0")
    init(_ host: Host) throws { try declare(host, "abi.sum", "i(xii)") }
}

final class Bad: Module {
    static let info = ModuleInfo("abi_modhooks_bad_module", version: "1.0")
    init(_ host: Host) throws { try declare(host, "abi.bad", "i(x") }
}

private func declare(_ host: Host, _ name: String, _ signature: String) throws {
    var hook: OpaquePointer?
    let table = host.table(APUS_EXT_HOOKS, as: apus_hooks_v1.self)
    guard table.pointee.declare(host.raw, name, signature, APUS_RUN_FIRST, &hook) == APUS_OK else {
        throw ModuleError("cannot declare \(name)")
    }
}

@c(apus_module_entry)
public func entry(_ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>) -> UnsafePointer<
    apus_module
>? {
    let modules: [any Module.Type] = [Owner.self, One.self, Two.self, Stranger.self, Rival.self, Bad.self]
    for module in modules {
        if let descriptor = module.descriptor(for: host, named: name) { return descriptor }
    }
    return nil
}
