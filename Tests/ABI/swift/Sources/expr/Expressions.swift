import ModuleKit
import Support

/// Expressions: compiled, asked and expanded, and what a module adds to their language. The query is the flags, fields hold
/// the rest.
final class Expressions: Module {
    static let info = ModuleInfo("abi_expr_module", version: "1.0", requires: [APUS_EXT_EXPR])

    init(_ host: Host) throws {
        try host.expressionVariable("ABI_NAME_OF_MINE") { $1 }
        try host.expressionVariable("ABI_PRE_", isPrefix: true) { $1.count == 8 ? nil : $1 }
        let table = host.table(APUS_EXT_EXPR, as: apus_expr_v1.self)
        // A value that cannot be had is beyond what a closure answers.
        let fails: @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, apus_str, UnsafeMutablePointer<apus_str>?) -> apus_status = {
            _, _, _, _ in APUS_E_FAIL
        }
        guard table.pointee.add_variable(host.raw, Bytes("ABI_FAILS"), APUS_EXPR_RESTRICTED, fails, nil) == APUS_OK else {
            throw ModuleError("ABI_FAILS is refused")
        }
        try host.expressionFunction("abi_twice") { request, text in
            request.pool.compose(capacity: text.count * 2) {
                $0.append(text)
                $0.append(text)
            }
        }
        try host.expressionList("abi_list") { request, argument in request.pool.copy([argument, Bytes("other")]) }
        try host.expressionOperator("-Y") { _, left, right in left.isEmpty && right == "yes" }
        try host.expressionOperator("-abi_long") { _, left, right in left.count == right.count }
        try host.hooks.handler(.middle) { request in
            guard request.handler == "abi" else { return .declined }
            return try request.reply(200, text: Expressions.run(request, host, table), contentType: "text/plain")
        }
    }

    private static func run(_ request: Request, _ host: Host, _ table: UnsafePointer<apus_expr_v1>) -> String {
        let flags = UInt32(request.query.string) ?? 0
        if let name = request.headersIn["X-Variable"] { return variable(name, flags, request, host, table) }
        let source = request.headersIn["X-Expression"] ?? .none
        guard let expression = try? Expression(source, flags: flags, in: request.pool, host: host.raw) else {
            var raw: OpaquePointer?
            var reason = Bytes.none
            var offset: UInt32 = 0
            let status = table.pointee.compile(host.raw, request.pool.raw, source, flags, &raw, &reason, &offset)
            return "compile \(status) \(offset) \(reason.isEmpty ? "" : "with a reason")\n"
        }
        let text = "compile 0 0 \nmentions \(expression.mentions("REMOTE_USER") ? 1 : 0)\n"
        return text + (flags & APUS_EXPR_STRING != 0 ? strings(expression, request) : conditions(expression, request))
    }

    private static func variable(
        _ name: Bytes, _ flags: UInt32, _ request: Request, _ host: Host, _ table: UnsafePointer<apus_expr_v1>
    ) -> String {
        var raw: OpaquePointer?
        let status = table.pointee.variable(host.raw, request.pool.raw, name, flags, &raw)
        guard status == APUS_OK, let raw else { return "variable \(status)\n" }
        var value = Bytes.none
        let outcome = table.pointee.text(raw, request.raw, &value)
        return "variable 0\ntext \(outcome) \(value.string)\n"
    }

    private static func strings(_ expression: Expression, _ request: Request) -> String {
        let text = expression.text(request)
        var spans: [Int64] = [0, 3, 1, 2]
        let expanded = spans.withUnsafeMutableBufferPointer { expression.expand(request, subject: Bytes("abc"), spans: $0) }
        return "text \(text == nil ? -1 : 0) \(text?.string ?? "")\nexpand \(expanded == nil ? -1 : 0) \(expanded?.string ?? "")\n"
    }

    private static func conditions(_ expression: Expression, _ request: Request) -> String {
        func number(_ holds: Bool?) -> Int { holds.map { $0 ? 1 : 0 } ?? -1 }
        var spans = [Int64](repeating: 0, count: 6)
        var subject = Bytes.none
        let matched = spans.withUnsafeMutableBufferPointer { expression.match(request, subject: &subject, spans: $0) }
        let groups = (0..<3).map { " \(spans[2 * $0])-\(spans[2 * $0 + 1])" }.joined()
        return "test \(number(expression.test(request)))\nmatch \(number(matched)) \(subject.string)\(groups)\n"
    }
}

@c(apus_module_entry)
public func entry(_ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>) -> UnsafePointer<
    apus_module
>? {
    Expressions.descriptor(for: host, named: name)
}
