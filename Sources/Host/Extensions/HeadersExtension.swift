import ByteKit
import ModuleABI

/// apus/headers.h
enum HeadersExtension {
    static let table = apus_headers_v1(
        size: Extensions.size(apus_headers_v1.self), reserved: 0,
        get: { r, table, name, nth in
            guard let fields = fields(.of(r), table)?.pointee else { return .none }
            return (nth == 0 ? fields.first(name) : fields.value(name, nth: Int(nth))) ?? .none
        },
        set: { r, table, name, value in change(r, table, name, value) { $0.pointee.set(name, value, $1) } },
        add: { r, table, name, value in change(r, table, name, value) { $0.pointee.add(name, value, $1) } },
        merge: { r, table, name, value in change(r, table, name, value) { $0.pointee.merge(name, value, $1) } },
        remove: { r, table, name in fields(.of(r), table)?.pointee.remove(name) == true ? APUS_OK : APUS_E_NOT_FOUND },
        clear: { r, table in fields(.of(r), table)?.pointee.removeAll() },
        count: { r, table in UInt32(fields(.of(r), table)?.pointee.count ?? 0) },
        at: { r, table, index, name, value in
            guard let fields = fields(.of(r), table)?.pointee.fields, Int(index) < fields.count else { return APUS_E_NOT_FOUND }
            name?.pointee = fields[Int(index)].name
            value?.pointee = fields[Int(index)].value
            return APUS_OK
        },
        version: { r, table in UInt64(fields(.of(r), table)?.pointee.version ?? 0) },
        sent: { r, name in SentFields.value(.of(r), name) ?? .none })

    /// The table's place in the request, which does not move.
    @inline(__always)
    private static func fields(_ r: Request.Ref, _ table: UInt32) -> UnsafeMutablePointer<FieldTable>? {
        func place(_ fields: UnsafeMutablePointer<FieldTable>) -> UnsafeMutablePointer<FieldTable> { fields }
        return switch table {
        case APUS_HEADERS_IN: place(&r.pointee.headersIn)
        case APUS_HEADERS_OUT: place(&r.pointee.headersOut)
        case APUS_HEADERS_ERR: place(&r.pointee.errorHeadersOut)
        case APUS_HEADERS_NOTES: place(&r.pointee.notes)
        case APUS_HEADERS_ENV: place(&r.pointee.environment)
        case APUS_HEADERS_TRAILERS_IN: place(&r.pointee.trailersIn)
        case APUS_HEADERS_TRAILERS_OUT: place(&r.pointee.trailersOut)
        default: nil
        }
    }

    private static func change(
        _ r: OpaquePointer?, _ table: UInt32, _ name: Bytes, _ value: Bytes,
        _ body: (UnsafeMutablePointer<FieldTable>, Arena.Ref) -> Void
    ) -> apus_status {
        let r = Request.Ref.of(r)
        guard let fields = fields(r, table) else { return APUS_E_INVALID }
        let isSent = table == APUS_HEADERS_OUT || table == APUS_HEADERS_ERR || table == APUS_HEADERS_TRAILERS_OUT
        // No byte that could end a field ever gets into one (RFC 9110, 5.5).
        if isSent, name.isEmpty || !Token.isToken(name) || !Token.isFieldValue(value) { return APUS_E_INVALID }
        if table == APUS_HEADERS_IN { r.pointee.framing.hasConditions = true }
        body(fields, r.pointee.arena)
        return APUS_OK
    }
}
