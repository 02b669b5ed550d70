import ModuleKit
import Support

private let group = "abi-greet/1"

/// The vtable of the test's own group.
struct Greeting {
    var size = UInt32(MemoryLayout<Greeting>.size)
    var flags: UInt32 = 0
    var greet: @convention(c) (UnsafeMutableRawPointer?, Int32) -> Int32 = { ctx, n in
        n * 10 + ctx!.load(as: Int32.self)
    }
}

private func fn<T>(_ function: T) -> apus_fn { unsafeBitCast(function, to: apus_fn.self) }

private let add: @convention(c) (UnsafeMutableRawPointer?, Int32, Int32) -> Int32 = { ctx, a, b in
    a + b + (ctx == nil ? 0 : 1)
}
private let scale: @convention(c) (UnsafeMutableRawPointer?, Double) -> Double = { $1 * 2.5 }
private let length: @convention(c) (UnsafeMutableRawPointer?, apus_str) -> Int64 = { Int64($1.count) << 33 }
private let mixed:
    @convention(c) (
        UnsafeMutableRawPointer?, Int32, UInt32, Int64, UInt64, Double, apus_str, UnsafeMutableRawPointer?
    ) -> UInt64 = { _, a, b, c, d, e, s, p in
        UInt64(bitPattern: Int64(a)) &+ UInt64(b) &+ UInt64(bitPattern: c) &+ d &+ UInt64(e)
            &+ UInt64(s.count)
            &+ (p == nil ? 0 : 1)
    }
private let nothing: @convention(c) (UnsafeMutableRawPointer?, UnsafeMutablePointer<Int32>?) -> Void = {
    $1?.pointee = 7
}

final class Giver: Module {
    static let info = ModuleInfo(
        "abi_providers_giver_module", version: "1.0", requires: [APUS_EXT_PROVIDERS, APUS_EXT_FUNCTIONS])

    init(_ host: Host) throws {
        let one = UnsafeMutablePointer<Int32>.allocate(capacity: 2)
        one[0] = 1
        one[1] = 2
        try host.provide(group, "hello", Greeting(), rawContext: one)
        try host.provide(group, "bye", Greeting(), rawContext: one + 1)
        try host.publish("abi.add", "i(xii)", fn(add), context: nil)
        try host.publish("abi.add-one", "i(xii)", fn(add), context: self)
        try host.publish("abi.scale", "d(xd)", fn(scale), context: nil)
        try host.publish("abi.length", "I(xs)", fn(length), context: nil)
        try host.publish("abi.mixed", "U(xiuIUdsp)", fn(mixed), context: nil)
        try host.publish("abi.nothing", "v(xp)", fn(nothing), context: nil)
    }
}

final class Taker: Module {
    static let info = ModuleInfo(
        "abi_providers_taker_module", version: "1.0", requires: [APUS_EXT_PROVIDERS, APUS_EXT_FUNCTIONS])

    private let host: Host
    private let functions: UnsafePointer<apus_functions_v1>
    private let providers: UnsafePointer<apus_providers_v1>
    private var found = apus_link()
    private var statuses: [apus_status] = []

    init(_ host: Host) throws {
        self.host = host
        functions = host.table(APUS_EXT_FUNCTIONS, as: apus_functions_v1.self)
        providers = host.table(APUS_EXT_PROVIDERS, as: apus_providers_v1.self)
        try host.hooks.optionalFunctions(retrieve)
        try host.hooks.handler(.middle, handle)
    }

    private func retrieve() {
        var wrong = apus_link()
        statuses = [
            functions.pointee.find(host.raw, "abi.add", "i(xii)", &found),
            functions.pointee.find(host.raw, "abi.add", "i(xiI)", &wrong),
            functions.pointee.find(host.raw, "abi.absent", "v(x)", &wrong),
            host.provider(group, Bytes("hello"), as: Greeting.self) == nil ? APUS_E_NOT_FOUND : APUS_OK,
        ]
    }

    private func handle(_ request: Request) throws -> Status {
        guard request.handler == "abi" else { return .declined }
        switch request.path.string {
        case "/found":
            return try request.reply(200, text: statuses.map { "\($0)" }.joined(separator: " ") + "\n")
        case "/call":
            guard let function = found.fn else { return try request.reply(200, text: "none\n") }
            typealias Add = @convention(c) (UnsafeMutableRawPointer?, Int32, Int32) -> Int32
            return try request.reply(
                200, text: "\(unsafeBitCast(function, to: Add.self)(found.ctx, 40, 2))\n")
        case "/each":
            var text = ""
            for group in [group, "abi-absent/1"] {
                host.eachProvider(group) { name, module in
                    guard let (table, ctx) = host.provider(group, name, as: Greeting.self) else { return }
                    text += "\(name.string) of \(module.string) \(table.pointee.greet(ctx, 4))\n"
                }
            }
            return try request.reply(200, text: text)
        case "/find": return try request.reply(200, text: find())
        case "/invoke": return try request.reply(200, text: invoke())
        default: return .declined
        }
    }

    private func find() -> String {
        var vtable: UnsafeRawPointer?
        var ctx: UnsafeMutableRawPointer?
        var text = "\(providers.pointee.find(host.raw, group, Bytes("bye"), &vtable, &ctx))"
        if let table = vtable?.assumingMemoryBound(to: Greeting.self) {
            text += " \(table.pointee.greet(ctx, 5)) \(table.pointee.size)"
        }
        let absent = providers.pointee.find(host.raw, group, Bytes("absent"), &vtable, &ctx)
        return text
            + " \(absent) \(providers.pointee.find(host.raw, "abi-greet/2", Bytes("bye"), &vtable, &ctx))\n"
    }

    /// Calls a function with values of any trivial types; returns the result, int64 wide.
    private func call(_ name: String, _ signature: String, _ arguments: [UnsafeMutableRawPointer?]) -> (
        apus_status, Int64
    ) {
        var result: Int64 = 0
        let status = functions.pointee.invoke(host.raw, name, signature, &result, arguments)
        return (status, result)
    }

    private func place<T: BitwiseCopyable>(_ value: T) -> UnsafeMutableRawPointer? {
        let place = UnsafeMutablePointer<T>.allocate(capacity: 1)
        place.initialize(to: value)
        return UnsafeMutableRawPointer(place)
    }

    private func invoke() -> String {
        let a = place(Int32(-50))
        let b = place(Int32(8))
        let outcome = place(Int32(0))
        let (status, sum) = call("abi.add", "i(xii)", [a, b])
        var text = "\(status) \(Int32(truncatingIfNeeded: sum))\nwide \(sum)\n"
        text += "ctx \(call("abi.add-one", "i(xii)", [b, b]).1)\n"
        let scaled = Double(bitPattern: UInt64(bitPattern: call("abi.scale", "d(xd)", [place(1.5)]).1))
        text += "double \(scaled == 3.75 ? "3.75" : "\(scaled)")\n"
        text += "string \(call("abi.length", "I(xs)", [place(Bytes("four"))]).1 >> 33)\n"
        let all = [
            a, place(UInt32(4_000_000_000)), place(Int64(-1)), place(UInt64(1) << 40), place(3.9),
            place(Bytes("four")),
            place(a),
        ]
        text += "mixed \(call("abi.mixed", "U(xiuIUdsp)", all).1)\n"
        text += "void \(functions.pointee.invoke(host.raw, "abi.nothing", "v(xp)", nil, [place(outcome)]))"
        text += " \(outcome!.load(as: Int32.self))\n"
        let wrong = functions.pointee.invoke(host.raw, "abi.add", "v(x)", nil, nil)
        return text + "wrong \(wrong) \(functions.pointee.invoke(host.raw, "abi.absent", "v(x)", nil, nil))\n"
    }
}

final class Rival: Module {
    static let info = ModuleInfo("abi_providers_rival_module", version: "1.0")
    init(_ host: Host) throws { try host.provide(group, "hello", Greeting(), rawContext: nil) }
}

final class RivalFunction: Module {
    static let info = ModuleInfo("abi_providers_rivalfn_module", version: "1.0")
    init(_ host: Host) throws { try host.publish("abi.add", "i(xii)", fn(add), context: nil) }
}

final class BadFunction: Module {
    static let info = ModuleInfo("abi_providers_badfn_module", version: "1.0")
    init(_ host: Host) throws { try host.publish("abi.bad", "q(z)", fn(add), context: nil) }
}

@c(apus_module_entry)
public func entry(_ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>) -> UnsafePointer<
    apus_module
>? {
    let modules: [any Module.Type] = [
        Giver.self, Taker.self, Rival.self, RivalFunction.self, BadFunction.self,
    ]
    for module in modules {
        if let descriptor = module.descriptor(for: host, named: name) { return descriptor }
    }
    return nil
}
