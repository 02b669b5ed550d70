import ByteKit
import ModuleABI

/// The host's own hooks: what remains to be done when no module has done it.
enum CoreModule {
    static func attach(_ runtime: Runtime) {
        add(runtime, .translateName, translate)
        add(runtime, .mapToStorage, map)
        add(runtime, .fixups, setType, position: .min)
        add(runtime, .handler, serve)
    }

    private static func add(_ runtime: Runtime, _ hook: BuiltInHook, _ fn: RequestHook, position: Int32 = .max) {
        // Outside every module's FIRST and LAST.
        let registration = Hook.Registration(
            module: runtime.core, position: position, after: [], before: [], flags: APUS_HOOK_EXPLAINABLE,
            fn: unsafeBitCast(fn, to: apus_fn.self), ctx: nil)
        runtime.hooks.hooks[hook.name]?.registrations.append(registration)
    }

    private static let translate: RequestHook = { _, r in MapToStorage.translate(.of(r)) }
    private static let map: RequestHook = { _, r in MapToStorage.map(.of(r)) }

    /// A handler that no loaded module has would turn a program into a text that tells its source.
    private static let serve: RequestHook = { _, r in
        let r = Request.Ref.of(r)
        let isOwn = r.pointee.handler.isEmpty || r.pointee.handler == "default-handler"
        // The name that directories bear when no module has answered for them.
        guard isOwn || r.pointee.handler == "httpd/unix-directory" else {
            ErrorLog.write(
                .error, code: "AH01219", request: r,
                "no loaded module answers for the handler \(r.pointee.handler.string); load the one that does, or remove "
                    + "the SetHandler, AddHandler or ScriptAlias that asks for it")
            return 500
        }
        return StaticFile.handle(r)
    }

    /// SetHandler and ForceType have the last word about a file's handler and type.
    private static let setType: RequestHook = { _, r in
        let r = Request.Ref.of(r)
        let conf = r.core
        if conf.handler.isSet { r.pointee.handler = conf.handler }
        if !conf.forcedType.isEmpty { r.pointee.contentType = conf.forcedType }
        return APUS_DECLINED
    }
}
