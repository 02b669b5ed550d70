import ByteKit
import ModuleABI

/// apus/hooks.h
enum HooksExtension {
    static let table = apus_hooks_v1(
        size: Extensions.size(apus_hooks_v1.self), reserved: 0,
        add: { host, registration in add(host, registration) },
        declare: { host, name, signature, kind, out in declare(host, name, signature, kind, out) },
        links: { hook, count, stride in
            let frozen = frozenHook(hook)
            count?.pointee = UInt32(frozen.pointee.count)
            stride?.pointee = UInt32(MemoryLayout<apus_link>.stride)
            return frozen.pointee.links
        },
        invoke: { hook, result, arguments in invoke(hook, result, arguments) },
        find: { host, name, signature, out in find(host, name, signature, out) })

    private static func frozenHook(_ hook: OpaquePointer?) -> UnsafeMutablePointer<FrozenHook> {
        UnsafeMutablePointer(hook.unsafelyUnwrapped)
    }

    private static func add(_ host: UnsafePointer<apus_host>?, _ raw: UnsafePointer<apus_hook_reg>?) -> apus_status {
        guard let host, let raw, let runtime = Runtime.current else { return APUS_E_INVALID }
        let module = LoadedModule.of(host)
        guard raw.pointee.size >= FirstRevision.hookRegistration, let name = raw.pointee.hook,
            let signature = raw.pointee.signature
        else {
            return Extensions.refuse(module, RegistrationError("registers a hook with an incomplete registration"))
        }
        guard runtime.attaching === module else {
            return Extensions.refuse(
                module, RegistrationError(status: APUS_E_THREAD, "registers for hook \"\(String(cString: name))\" outside attach"))
        }
        let registration = Hook.Registration(
            module: module, position: raw.pointee.position, after: Extensions.strings(raw.pointee.after),
            before: Extensions.strings(raw.pointee.before), flags: raw.pointee.flags, fn: raw.pointee.fn, ctx: raw.pointee.ctx)
        do throws(RegistrationError) {
            try runtime.hooks.add(String(cString: name), String(cString: signature), registration)
            return APUS_OK
        } catch {
            return Extensions.refuse(module, error)
        }
    }

    private static func declare(
        _ host: UnsafePointer<apus_host>?, _ name: UnsafePointer<CChar>?, _ signature: UnsafePointer<CChar>?, _ kind: UInt32,
        _ out: UnsafeMutablePointer<OpaquePointer?>?
    ) -> apus_status {
        guard let host, let name, let signature, let runtime = Runtime.current else { return APUS_E_INVALID }
        let module = LoadedModule.of(host)
        do throws(RegistrationError) {
            let hook = try runtime.hooks.declare(String(cString: name), String(cString: signature), kind, by: module)
            out?.pointee = OpaquePointer(hook.frozen)
            return APUS_OK
        } catch {
            return Extensions.refuse(module, error)
        }
    }

    private static func find(
        _ host: UnsafePointer<apus_host>?, _ name: UnsafePointer<CChar>?, _ signature: UnsafePointer<CChar>?,
        _ out: UnsafeMutablePointer<OpaquePointer?>?
    ) -> apus_status {
        guard let host, let name, let signature else { return APUS_E_INVALID }
        guard let hook = Runtime.current?.hooks.hooks[String(cString: name)] else { return APUS_E_NOT_FOUND }
        let wanted = String(cString: signature)
        guard hook.signature.text == wanted else {
            ErrorLog.write(
                .error, code: "APUS1503",
                "\(LoadedModule.of(host).name) looks for the hook \(hook.name) as \"\(wanted)\", "
                    + "but \(hook.owner?.name ?? "the server") declares it as \"\(hook.signature.text)\"")
            return APUS_E_TYPE
        }
        out?.pointee = OpaquePointer(hook.frozen)
        return APUS_OK
    }

    private static func invoke(
        _ handle: OpaquePointer?, _ result: UnsafeMutableRawPointer?, _ arguments: UnsafePointer<UnsafeMutableRawPointer?>?
    ) -> apus_status {
        guard let handle else { return APUS_E_INVALID }
        let frozen = frozenHook(handle)
        let hook = frozen.pointee.hook.takeUnretainedValue()
        guard let invocation = hook.invocation else { return APUS_E_UNSUPPORTED }
        var last: Invocation.Result = (hook.kind == .first ? Int64(APUS_DECLINED) : Int64(APUS_OK), 0)
        for index in 0..<frozen.pointee.count {
            guard let link = frozen.pointee.links?[index] else { break }
            let answer = invocation.call(link, arguments)
            if hook.kind == .void { continue }
            // The result register of a narrow type holds no more than 32 meaningful bits.
            let status = hook.signature.result == .int32 ? Int64(Int32(truncatingIfNeeded: answer.0)) : answer.0
            if hook.kind == .first, status == Int64(APUS_DECLINED) { continue }
            if hook.kind == .all, status == Int64(APUS_OK) || status == Int64(APUS_DECLINED) { continue }
            last = (status, answer.1)
            break
        }
        invocation.store(last, result)
        return APUS_OK
    }
}
