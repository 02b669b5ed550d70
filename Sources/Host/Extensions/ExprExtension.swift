import ByteKit
import ModuleABI

/// apus/expr.h
enum ExprExtension {
    static let table = apus_expr_v1(
        size: Extensions.size(apus_expr_v1.self), reserved: 0,
        compile: { _, pool, text, flags, out, reason, offset in
            let arena = PoolExtension.arena(pool)
            guard flags & ~(APUS_EXPR_STRING | APUS_EXPR_HTACCESS | APUS_EXPR_NO_VARY) == 0 else {
                reason?.pointee = arena.copy("the flags 0x\(String(flags, radix: 16)) are not known here")
                offset?.pointee = 0
                return APUS_E_INVALID
            }
            do throws(ExprProblem) {
                let expression = try ExprParser.compile(text, flags: flags, in: arena, Runtime.current?.expressions)
                out?.pointee = OpaquePointer(expression)
                return APUS_OK
            } catch {
                reason?.pointee = arena.copy(error.message)
                offset?.pointee = UInt32(clamping: error.offset)
                return APUS_E_INVALID
            }
        },
        test: { expression, r in
            guard let holds = Expression.of(expression).test(.of(r)) else { return APUS_E_FAIL }
            return holds ? 1 : 0
        },
        text: { expression, r, out in
            guard let text = Expression.of(expression).text(.of(r)) else { return APUS_E_FAIL }
            out?.pointee = text
            return APUS_OK
        },
        variable: { _, pool, name, flags, out in
            let arena = PoolExtension.arena(pool)
            guard let found = ExprParser.variable(name, flags: flags, in: arena, Runtime.current?.expressions) else {
                return APUS_E_NOT_FOUND
            }
            out?.pointee = OpaquePointer(found)
            return APUS_OK
        },
        match: { expression, r, subject, spans, count in
            var held = Bytes.none
            guard let holds = Expression.of(expression).match(.of(r), &held, spans, Int(count)) else { return APUS_E_FAIL }
            subject?.pointee = held
            return holds ? 1 : 0
        },
        expand: { expression, r, subject, spans, count, out in
            guard let text = Expression.of(expression).expand(.of(r), subject, spans, Int(count)) else { return APUS_E_FAIL }
            out?.pointee = text
            return APUS_OK
        },
        mentions: { expression, name in
            guard let variable = ExprNames.variables[name.string.asciiLowered] else { return 0 }
            return Expression.of(expression).pointee.variables.contains(variable) ? 1 : 0
        },
        add_variable: { host, name, flags, fn, ctx in
            guard let fn else { return APUS_E_INVALID }
            return add(host, name, flags, .value(fn), ctx) {
                $0.addVariable($1, isPrefix: flags & APUS_EXPR_PREFIX != 0, $2)
            }
        },
        add_function: { host, name, flags, fn, ctx in
            guard let fn else { return APUS_E_INVALID }
            return add(host, name, flags, .value(fn), ctx) { $0.addFunction($1, $2) }
        },
        add_list: { host, name, flags, fn, ctx in
            guard let fn else { return APUS_E_INVALID }
            return add(host, name, flags, .list(fn), ctx) { $0.addList($1, $2) }
        },
        add_operator: { host, name, flags, fn, ctx in
            guard let fn else { return APUS_E_INVALID }
            return add(host, name, flags, .test(fn), ctx) { $0.addOperator($1, $2) }
        })

    private static func add(
        _ host: UnsafePointer<apus_host>?, _ name: Bytes, _ flags: UInt32, _ kind: ExprAddition.Kind,
        _ ctx: UnsafeMutableRawPointer?, _ register: (ExprRegistry, String, ExprAddition) -> apus_status
    ) -> apus_status {
        guard let host, let runtime = Runtime.current, runtime.attaching != nil else { return APUS_E_INVALID }
        let module = LoadedModule.of(host)
        let unknown = flags & ~(APUS_EXPR_RESTRICTED | APUS_EXPR_PREFIX)
        guard unknown == 0 else {
            let message = "brings \(name.string) for expressions with flags 0x\(String(unknown, radix: 16)) that this host does not know"
            return Extensions.refuse(module, RegistrationError(message))
        }
        let addition = ExprAddition(
            kind: kind, ctx: ctx, module: UInt32(module.index), isRestricted: flags & APUS_EXPR_RESTRICTED != 0)
        let status = register(runtime.expressions, name.string, addition)
        if status == APUS_E_EXISTS {
            let message = "brings \(name.string) for expressions, a name that is taken already"
            return Extensions.refuse(module, RegistrationError(status: status, message))
        }
        return status
    }
}
