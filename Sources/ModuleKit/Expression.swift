public import ByteKit
public import ModuleABI

/// A compiled expression of httpd's ap_expr language; lives as long as the pool it was compiled in. Modules that use it
/// name APUS_EXT_EXPR in `ModuleInfo.requires`.
public struct Expression: @unchecked Sendable, BitwiseCopyable {
    /// The handle, for functions of apus/expr.h that have no face here.
    public let raw: OpaquePointer

    /// What an expression makes.
    public enum Kind: Sendable {
        /// True or false.
        case condition
        /// A string with %{…} parts.
        case string
    }

    /// Compiles the text of a directive, with what its place allows.
    /// - Parameter varies: whether request header fields that a condition asks for are named in Vary.
    /// - Throws: `DirectiveError` that says what is wrong, and where.
    public static func compile(
        _ text: Bytes, kind: Kind, in command: Command, varies: Bool = true
    ) throws -> Expression {
        var flags: UInt32 = kind == .string ? APUS_EXPR_STRING : 0
        if command.scopeKind == APUS_SCOPE_HTACCESS { flags |= APUS_EXPR_HTACCESS }
        if !varies { flags |= APUS_EXPR_NO_VARY }
        return try Expression(text, flags: flags, in: command.pool, host: command.host)
    }

    /// - Parameter flags: of APUS_EXPR_STRING, APUS_EXPR_HTACCESS and APUS_EXPR_NO_VARY.
    public init(_ text: Bytes, flags: UInt32, in pool: Pool, host: UnsafePointer<apus_host>) throws {
        var compiled: OpaquePointer?
        var reason = Bytes.none
        var offset: UInt32 = 0
        guard exprTable.pointee.compile(host, pool.raw, text, flags, &compiled, &reason, &offset) == APUS_OK, let compiled
        else {
            throw DirectiveError(
                "the expression \"\(text.string)\" cannot be used: at byte \(offset + 1), \(reason.string)")
        }
        raw = compiled
    }

    /// What %{name} stands for; its value comes from `text`. Nil: there is no such variable.
    public init?(variable name: Bytes, in command: Command) {
        let flags = command.scopeKind == APUS_SCOPE_HTACCESS ? APUS_EXPR_HTACCESS : 0
        var found: OpaquePointer?
        guard exprTable.pointee.variable(command.host, command.pool.raw, name, flags, &found) == APUS_OK, let found else {
            return nil
        }
        raw = found
    }

    /// Whether one of the server's own variables, such as REMOTE_USER, is named in it.
    public func mentions(_ name: StaticString) -> Bool { exprTable.pointee.mentions(raw, Bytes(name)) != 0 }

    /// Whether a condition holds; nil: it could not be told, which has been logged.
    public func test(_ request: Request) -> Bool? {
        let answer = exprTable.pointee.test(raw, request.raw)
        return answer < 0 ? nil : answer != 0
    }

    /// The value of a string; nil: it could not be had, which has been logged.
    public func text(_ request: Request) -> Bytes? {
        var value = Bytes.none
        return exprTable.pointee.text(raw, request.raw, &value) == APUS_OK ? value : nil
    }

    /// As `test`, with what the last regular expression in it that matched was held against, and its groups in `spans`,
    /// two numbers a group.
    public func match(_ request: Request, subject: inout Bytes, spans: UnsafeMutableBufferPointer<Int64>) -> Bool? {
        let answer = exprTable.pointee.match(raw, request.raw, &subject, spans.baseAddress, UInt32(spans.count / 2))
        return answer < 0 ? nil : answer != 0
    }

    /// As `text`, where $0 … $9 stand for the groups of a match with `subject`.
    public func expand(_ request: Request, subject: Bytes, spans: UnsafeMutableBufferPointer<Int64>) -> Bytes? {
        var value = Bytes.none
        let status = exprTable.pointee.expand(
            raw, request.raw, subject, spans.baseAddress, UInt32(spans.count / 2), &value)
        return status == APUS_OK ? value : nil
    }
}

extension Host {
    /// A variable for all expressions: the value for a request, in its memory, or nil. From `init`.
    public func expressionVariable(
        _ name: String, isPrefix: Bool = false, isRestricted: Bool = false,
        _ value: @escaping (_ request: Request, _ name: Bytes) -> Bytes?
    ) throws {
        let flags = (isPrefix ? APUS_EXPR_PREFIX : 0) | (isRestricted ? APUS_EXPR_RESTRICTED : 0)
        try add(name) { exprTable.pointee.add_variable(raw, $0, flags, expressionValue, context(value)) }
    }

    /// A function of one string.
    public func expressionFunction(
        _ name: String, isRestricted: Bool = false, _ value: @escaping (_ request: Request, _ argument: Bytes) -> Bytes?
    ) throws {
        let flags = isRestricted ? APUS_EXPR_RESTRICTED : 0
        try add(name) { exprTable.pointee.add_function(raw, $0, flags, expressionValue, context(value)) }
    }

    /// A function that answers a list, for `-in`; the list must live as long as the request.
    public func expressionList(
        _ name: String, isRestricted: Bool = false,
        _ items: @escaping (_ request: Request, _ argument: Bytes) -> UnsafeBufferPointer<Bytes>
    ) throws {
        let flags = isRestricted ? APUS_EXPR_RESTRICTED : 0
        try add(name) { exprTable.pointee.add_list(raw, $0, flags, expressionItems, context(items)) }
    }

    /// An operator: "-x" before one word, given as `right`; "-name" between two.
    public func expressionOperator(
        _ name: String, isRestricted: Bool = false,
        _ holds: @escaping (_ request: Request, _ left: Bytes, _ right: Bytes) -> Bool
    ) throws {
        let flags = isRestricted ? APUS_EXPR_RESTRICTED : 0
        try add(name) { exprTable.pointee.add_operator(raw, $0, flags, expressionHolds, context(holds)) }
    }

    private func add(_ name: String, _ body: (Bytes) -> apus_status) throws {
        var text = name
        let status = text.withUTF8 { body(Bytes(UnsafeRawBufferPointer($0))) }
        try check(status, "\(name) for expressions")
    }

    private func context<Body>(_ body: Body) -> UnsafeMutableRawPointer {
        Unmanaged.passRetained(HookBox(host: raw, body)).toOpaque()
    }
}

private func expressionValue(
    _ ctx: UnsafeMutableRawPointer?, _ r: OpaquePointer?, _ name: apus_str, _ out: UnsafeMutablePointer<apus_str>?
) -> apus_status {
    let box = Unmanaged<HookBox<(Request, Bytes) -> Bytes?>>.fromOpaque(ctx.unsafelyUnwrapped).takeUnretainedValue()
    guard let value = box.body(Request(r.unsafelyUnwrapped, host: box.host), name) else { return APUS_DECLINED }
    out?.pointee = value
    return APUS_OK
}

private func expressionItems(
    _ ctx: UnsafeMutableRawPointer?, _ r: OpaquePointer?, _ argument: apus_str,
    _ out: UnsafeMutablePointer<UnsafePointer<apus_str>?>?, _ count: UnsafeMutablePointer<UInt32>?
) -> apus_status {
    let box = Unmanaged<HookBox<(Request, Bytes) -> UnsafeBufferPointer<Bytes>>>.fromOpaque(ctx.unsafelyUnwrapped)
        .takeUnretainedValue()
    let items = box.body(Request(r.unsafelyUnwrapped, host: box.host), argument)
    out?.pointee = items.baseAddress
    count?.pointee = UInt32(items.count)
    return APUS_OK
}

private func expressionHolds(
    _ ctx: UnsafeMutableRawPointer?, _ r: OpaquePointer?, _ left: apus_str, _ right: apus_str
) -> apus_status {
    let box = Unmanaged<HookBox<(Request, Bytes, Bytes) -> Bool>>.fromOpaque(ctx.unsafelyUnwrapped).takeUnretainedValue()
    return box.body(Request(r.unsafelyUnwrapped, host: box.host), left, right) ? 1 : 0
}
