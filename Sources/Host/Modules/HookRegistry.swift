import ByteKit
import ModuleABI

/// How the callbacks of a hook are run; the raw values are the ABI's.
enum RunKind: UInt32 {
    case void = 0
    case all = 1
    case first = 2
}

/// A hook as its runner sees it: frozen once the configuration is read.
struct FrozenHook {
    var links: UnsafePointer<apus_link>?
    var count: Int
    var kind: UInt32
    /// Keeps the hook's name and signature.
    var hook: Unmanaged<Hook>
}

/// A declared hook and who registered for it.
final class Hook {
    struct Registration {
        let module: LoadedModule
        let position: Int32
        let after: [String]
        let before: [String]
        let flags: UInt32
        let fn: apus_fn?
        let ctx: UnsafeMutableRawPointer?
    }

    let name: String
    let signature: Signature
    let kind: RunKind
    /// Who declared it; nil for the built-in ones.
    let owner: LoadedModule?
    var registrations: [Registration] = []
    /// In their order, once sorted.
    private(set) var ordered: [Registration] = []
    let frozen: UnsafeMutablePointer<FrozenHook>
    lazy var invocation = Invocation(signature)

    init(name: String, signature: Signature, kind: RunKind, owner: LoadedModule?) {
        self.name = name
        self.signature = signature
        self.kind = kind
        self.owner = owner
        frozen = .allocate(capacity: 1)
        frozen.initialize(
            to: FrozenHook(links: nil, count: 0, kind: kind.rawValue, hook: .passUnretained(self)))
    }

    /// Sorts the registrations and lays them out for the runner. Throws the cycle that prevents it.
    func freeze() throws(HookOrder.Cycle) {
        ordered = try HookOrder.sorted(registrations)
        let links = UnsafeMutablePointer<apus_link>.allocate(capacity: max(ordered.count, 1))
        for (index, entry) in ordered.enumerated() {
            // Whose it is rides along, so that a running callback can be named.
            let callback = Activity.Callback(module: entry.module.index, Activity.Kind(hook: name))
            (links + index).initialize(
                to: apus_link(fn: entry.fn, ctx: entry.ctx, flags: entry.flags, reserved: callback.word))
        }
        frozen.pointee.links = UnsafePointer(links)
        frozen.pointee.count = ordered.count
    }
}

/// All hooks, the built-in ones and those that modules declare.
final class HookRegistry {
    private(set) var hooks: [String: Hook] = [:]
    /// Registrations for hooks that nobody has declared yet: the declaring module may attach later.
    private var waiting: [(name: String, signature: String, registration: Hook.Registration)] = []

    private static let knownFlags =
        APUS_HOOK_MAY_BLOCK | APUS_HOOK_MAY_SUSPEND | APUS_HOOK_EXPLAINABLE | APUS_HOOK_INITIAL_ONLY

    init() {
        for builtIn in BuiltInHook.allCases {
            guard let signature = Signature(builtIn.signature) else { continue }
            hooks[builtIn.name] = Hook(name: builtIn.name, signature: signature, kind: builtIn.kind, owner: nil)
        }
    }

    subscript(builtIn: BuiltInHook) -> UnsafePointer<FrozenHook> {
        UnsafePointer(hooks[builtIn.name].unsafelyUnwrapped.frozen)
    }

    func declare(_ name: String, _ signature: String, _ kind: UInt32, by module: LoadedModule) throws(RegistrationError) -> Hook {
        if let existing = hooks[name] {
            throw RegistrationError(
                status: APUS_E_EXISTS,
                "declares hook \"\(name)\", which \(existing.owner?.name ?? "the server") already has")
        }
        guard let parsed = Signature(signature) else {
            throw RegistrationError("declares hook \"\(name)\" with \"\(signature)\", which is no signature")
        }
        guard let kind = RunKind(rawValue: kind) else {
            throw RegistrationError("declares hook \"\(name)\" with the unknown run kind \(kind)")
        }
        let hook = Hook(name: name, signature: parsed, kind: kind, owner: module)
        hooks[name] = hook
        return hook
    }

    func add(_ name: String, _ signature: String, _ registration: Hook.Registration) throws(RegistrationError) {
        let unknown = registration.flags & ~HookRegistry.knownFlags
        guard unknown == 0 else {
            throw RegistrationError(
                "registers for hook \"\(name)\" with flags 0x\(String(unknown, radix: 16)) that this host does not know")
        }
        guard registration.fn != nil else {
            throw RegistrationError("registers for hook \"\(name)\" without a function")
        }
        guard let hook = hooks[name] else {
            waiting.append((name, signature, registration))
            return
        }
        guard hook.signature.text == signature else {
            throw RegistrationError(
                status: APUS_E_TYPE,
                "registers for hook \"\(name)\" as \"\(signature)\", but it is declared as \"\(hook.signature.text)\"")
        }
        hook.registrations.append(registration)
    }

    /// Settles what waited for a declaration, sorts everything, and reports what cannot be.
    func freeze(report: (LoadedModule, String) -> Void) {
        let late = waiting
        waiting = []
        for (name, signature, registration) in late {
            guard hooks[name] != nil else {
                report(registration.module, unknownHook(name))
                continue
            }
            do throws(RegistrationError) {
                try add(name, signature, registration)
            } catch {
                report(registration.module, error.message)
            }
        }
        for hook in hooks.values {
            do throws(HookOrder.Cycle) {
                try hook.freeze()
            } catch {
                let inCycle = hook.registrations.first { error.modules.contains($0.module.name) && $0.module.location != nil }
                if let culprit = inCycle ?? hook.registrations.first { report(culprit.module, error.describe(hook.name)) }
            }
        }
    }

    private func unknownHook(_ name: String) -> String {
        let near = EditDistance.nearest(to: name, in: hooks.keys.sorted()).map { "; did you mean \"\($0)\"?" } ?? ""
        return "registers for hook \"\(name)\", which neither this host nor a loaded module has\(near)"
    }
}

/// Why the host refuses a registration; continues a sentence that begins with the module's name.
struct RegistrationError: Error {
    let status: apus_status
    let message: String

    init(status: apus_status = APUS_E_INVALID, _ message: String) {
        self.status = status
        self.message = message
    }
}
