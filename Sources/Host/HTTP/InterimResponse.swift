import ByteKit
import ModuleABI

/// Answers before the answer: 100, 102, 103 (RFC 9110, 15.2; RFC 8297).
enum InterimResponse {
    static func send(_ r: Request.Ref, _ status: Int32) -> apus_status {
        guard (100...199).contains(status), status != 101, !r.pointee.response.headIsSent else { return APUS_E_INVALID }
        guard r.pointee.isHTTP11, r.pointee.main == nil else { return APUS_DECLINED }
        if !Worker.isLoopThread { return Tasks.onLoop(of: r) { .now(sendNow(r, status)) } }
        return sendNow(r, status)
    }

    private static func sendNow(_ r: Request.Ref, _ status: Int32) -> apus_status {
        let conn = r.pointee.conn
        if status == 100 { r.pointee.response.continueIsSent = true }
        var bound = 64
        for field in r.pointee.headersOut.fields { bound += field.name.count + field.value.count + 4 }
        var writer = ByteWriter(r.pointee.arena.pointee.allocate(bound), capacity: bound)
        compose(r, status, &writer)
        ConnectionIO.emit(conn, writer.written)
        r.pointee.response.wireSent += Int64(writer.count)
        ConnectionIO.flush(conn)
        return conn.pointee.wasAborted ? APUS_E_CLOSED : APUS_OK
    }

    private static func compose(_ r: Request.Ref, _ status: Int32, _ writer: inout ByteWriter) {
        writer.append("HTTP/1.1 ")
        if StatusLine.isKnown(status) {
            writer.append(StatusLine.text(status))
        } else {
            writer.append(decimal: Int64(status))
            writer.append(" Interim")
        }
        writer.append("\r\n")
        for field in r.pointee.headersOut.fields { Response.appendUnlessFraming(field, &writer) }
        writer.append("\r\n")
    }
}
