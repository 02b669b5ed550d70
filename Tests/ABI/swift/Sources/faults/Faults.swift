import Glibc
import ModuleKit
import Support

/// When the configuration wants a fault; static, because a directive has no instance yet.
nonisolated(unsafe) private var faultMoment = ""

@inline(never)
private func faultHere() {
    UnsafeMutablePointer<Int32>(bitPattern: 8)!.pointee = 1
}

/// Swift does not let `fork` be called by its name.
@_silgen_name("fork")
private func forkProcess() -> pid_t

private func fault(_ moment: String) {
    if faultMoment == moment { faultHere() }
}

/// A module that faults where it is told to: in a hook, on the blocking pool, or while the server starts.
final class Faults: Module {
    static let info = ModuleInfo("abi_faults_module", version: "1.0")
    static let directives = [
        Directive("AbiFault", .one, in: .global, help: "when") { _, arguments in
            faultMoment = arguments.string(0)
            fault("directive")
            if faultMoment == "quit" { exit(0) }
        }
    ]

    init(_ host: Host) throws {
        try host.hooks.openConfig { reason, _ in
            if reason != APUS_OPEN_CHECK { try Self.open() }
        }
        try host.hooks.childInit { fault("init") }
        try host.hooks.childExit { fault("leave") }
        try host.hooks.fixups(Order(.middle, flags: .mayBlock)) { request in
            if request.path == "/pool" { faultHere() }
            return .declined
        }
        try host.hooks.handler(.middle) { request in
            guard request.handler == "abi" else { return .declined }
            let path = request.path.string
            if path.hasPrefix("/fault") { faultHere() }
            if path == "/abort" { abort() }
            if path == "/hang" { Self.hang() }
            if path == "/hold" { usleep(200_000) }
            if path == "/leave" { _exit(9) }
            if path == "/quit" { exit(0) }
            if path == "/child" { Self.loseChild() }
            return try request.reply(200, text: "\(getpid())")
        }
    }

    private static func open() throws {
        fault("open")
        switch faultMoment {
        case "hang": pause()
        case "exit": _exit(3)
        case "thread":
            var id = pthread_t()
            pthread_create(
                &id, nil,
                { _ in
                    while true { pause() }
                }, nil)
        case "refuse": throw ModuleError("it refuses to open")
        default: break
        }
    }

    private static func loseChild() {
        let child = forkProcess()
        if child == 0 { faultHere() }
        waitpid(child, nil, 0)
    }

    @inline(never)
    private static func hang() {
        while getpid() > 0 {}
    }
}

@c(apus_module_entry)
public func entry(_ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>) -> UnsafePointer<
    apus_module
>? {
    Faults.descriptor(for: host, named: name)
}
