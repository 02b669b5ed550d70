import ByteKit
import ModuleABI

/// The host's own hooks: what remains to be done when no module has done it.
enum CoreModule {
    static func attach(_ runtime: Runtime) {
        add(runtime, .translateName, translate)
        add(runtime, .mapToStorage, map)
        add(runtime, .fixups, setType, position: .min)
        // What the file is comes before what its place is: mod_mime is FIRST.
        add(runtime, .insertFilter, insertFilters, position: APUS_EARLY)
        add(runtime, .handler, serve)
    }

    /// By default behind every module's LAST.
    private static func add(_ runtime: Runtime, _ hook: BuiltInHook, _ fn: RequestHook, position: Int32 = .max) {
        let registration = Hook.Registration(
            module: runtime.core, position: position, after: [], before: [], flags: APUS_HOOK_EXPLAINABLE,
            fn: unsafeBitCast(fn, to: apus_fn.self), ctx: nil)
        runtime.hooks.hooks[hook.name]?.registrations.append(registration)
    }

    private static let translate: RequestHook = { _, r in MapToStorage.translate(.of(r)) }
    private static let map: RequestHook = { _, r in MapToStorage.map(.of(r)) }

    private static let insertFilters: RequestHook = { _, r in
        CoreFilters.insert(.of(r))
        return APUS_OK
    }

    /// What no module has answered. As in httpd a handler's name that nobody bears changes nothing; but where it is that of
    /// programs, the file is not sent in place of what it would have printed: that would tell its source.
    private static let serve: RequestHook = { _, r in
        let r = Request.Ref.of(r)
        let isOwn = r.pointee.handler.isEmpty || r.pointee.handler == "default-handler"
        // The name that directories bear when no module has answered for them.
        if isOwn || r.pointee.handler == "httpd/unix-directory" { return StaticFile.handle(r) }
        let runsPrograms = r.pointee.file.kind == .regular && runsPrograms(r.pointee.handler)
        ErrorLog.write(
            runsPrograms ? .error : .warn, code: "AH01219", request: r,
            "no loaded module answers for the handler \(r.pointee.handler.string); load the one that does, or remove "
                + "the SetHandler, AddHandler or ScriptAlias that asks for it")
        return runsPrograms ? 500 : StaticFile.handle(r)
    }

    private static func runsPrograms(_ handler: Bytes) -> Bool {
        if handler.hasPrefix("proxy:") || handler.hasPrefix("application/x-httpd-") { return true }
        let names: [StaticString] = [
            "cgi-script", "fcgid-script", "fastcgi-script", "wsgi-script", "php-script", "perl-script", "lua-script",
        ]
        return names.contains { handler == $0 }
    }

    /// SetHandler and ForceType have the last word about a file's handler and type.
    private static let setType: RequestHook = { _, r in
        let r = Request.Ref.of(r)
        let conf = r.core
        if conf.handler.isSet { r.pointee.handler = conf.handler }
        if let expression = conf.handlerExpression {
            guard let handler = expression.text(r) else { return 500 }
            if !handler.isEmpty, !handler.equalsIgnoringCase("none") { r.pointee.handler = handler }
        }
        if !conf.forcedType.isEmpty { r.pointee.contentType = conf.forcedType }
        return APUS_DECLINED
    }
}
