import ByteKit
import ModuleABI

/// The Vary field of an answer that depends on request header fields (RFC 9110, 12.5.5).
enum Vary {
    private static var name: Bytes { Bytes("Vary") }

    /// The host is part of the URL, so nothing varies with it.
    static func add(_ field: Bytes, _ r: Request.Ref) {
        guard !field.isEmpty, Token.isToken(field), !field.equalsIgnoringCase("Host") else { return }
        var isThere = false
        each(r.pointee.headersOut) { if $0 == "*" || $0.equalsIgnoringCase(field) { isThere = true } }
        if !isThere { r.pointee.headersOut.merge(name, field, r.pointee.arena) }
    }

    /// Makes one field of all that is said, in which each name stands once: several parts of a server may have said the
    /// same.
    @inline(__always)
    static func settle(_ r: Request.Ref) {
        if r.pointee.headersOut.first(name) != nil || r.pointee.errorHeadersOut.first(name) != nil { join(r) }
    }

    @inline(never)
    private static func join(_ r: Request.Ref) {
        var bound = 0
        for table in [r.pointee.errorHeadersOut, r.pointee.headersOut] { each(table) { bound += $0.count + 1 } }
        var writer = ByteWriter(r.pointee.arena.pointee.allocate(bound + 1), capacity: bound + 1)
        for table in [r.pointee.errorHeadersOut, r.pointee.headersOut] {
            each(table) { element in
                guard !holds(writer.written, element) else { return }
                if writer.count > 0 { writer.append(UInt8(ascii: ",")) }
                writer.append(element)
            }
        }
        r.pointee.errorHeadersOut.remove(name)
        r.pointee.headersOut.set(name, writer.written, r.pointee.arena)
    }

    private static func holds(_ list: Bytes, _ element: Bytes) -> Bool {
        var isThere = false
        Token.eachElement(list) { if $0.equalsIgnoringCase(element) { isThere = true } }
        return isThere
    }

    private static func each(_ table: FieldTable, _ body: (Bytes) -> Void) {
        for field in table.fields where field.name.equalsIgnoringCase("Vary") { Token.eachElement(field.value, body) }
    }
}
