import ByteKit
import ModuleABI

/// apus/config.h
enum ConfigExtension {
    static let table = apus_config_v1(
        size: Extensions.size(apus_config_v1.self), reserved: 0,
        fail: { cmd, message in
            DirectiveContext.of(cmd).fail(DirectiveProblem(message.string))
            return APUS_E_FAIL
        },
        warn: { cmd, message in DirectiveContext.of(cmd).warn(message.string) },
        name: { cmd in
            let context = DirectiveContext.of(cmd)
            return context.arena.copy(context.node.name)
        },
        location: { cmd, line in
            let context = DirectiveContext.of(cmd)
            line?.pointee = UInt32(context.node.location.line)
            return context.arena.copy(context.node.location.file.path)
        },
        data: { cmd in
            guard case .module(_, let row) = DirectiveContext.of(cmd).entry.action else { return nil }
            return row.pointee.data
        },
        pool: { cmd in DirectiveContext.of(cmd).arena.handle },
        server: { cmd in DirectiveContext.of(cmd).server.handle },
        server_conf: { cmd in
            let context = DirectiveContext.of(cmd)
            return owner(context).flatMap { context.builder.serverConf(of: $0, in: context.scope) }
        },
        dir_conf: { cmd in
            let context = DirectiveContext.of(cmd)
            return owner(context).flatMap { context.builder.dirConf(of: $0, in: context.scope) }
        },
        resolve: { cmd, path in
            let context = DirectiveContext.of(cmd)
            return context.arena.copy(context.builder.configuration.resolve(path.string))
        },
        walk: { cmd in
            let context = DirectiveContext.of(cmd)
            let before = context.builder.diagnostics.errorCount
            context.builder.walk(context.node.children, in: context.scope)
            guard context.builder.diagnostics.errorCount == before else {
                context.noteFailure()
                return APUS_E_FAIL
            }
            return APUS_OK
        },
        scope: { cmd in DirectiveContext.of(cmd).scope.handle },
        scope_kind: { scope in ConfigScope.of(scope).kind.rawValue },
        scope_path: { scope in ConfigScope.of(scope).path },
        report: { host, level, code, file, line, message in
            guard let host, let runtime = Runtime.current else { return }
            let said = file.isEmpty ? "\(LoadedModule.of(host).name): \(message.string)" : message.string
            let text = code.isEmpty ? said : "\(code.string): \(said)"
            let location = file.isEmpty ? nil : runtime.configuration.location(file.string, Int(line))
            if level <= APUS_LOG_ERR {
                runtime.openDiagnostics.error(text, at: location)
            } else {
                runtime.openDiagnostics.warning(text, at: location)
            }
        },
        limit: { cmd in
            let context = DirectiveContext.of(cmd)
            context.asksForLimit = true
            return context.scope.limit.map { OpaquePointer($0) }
        },
        limit_holds: { methods, r in
            guard let methods else { return 1 }
            return UnsafePointer<MethodLimit>(methods).pointee.holds(for: Request.Ref.of(r).pointee.method) ? 1 : 0
        })

    private static func owner(_ context: DirectiveContext) -> LoadedModule? {
        guard case .module(let module, _) = context.entry.action else { return nil }
        return module
    }
}
