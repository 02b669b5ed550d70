import ByteKit
import ModuleABI

/// The fields of an answer as its head carried them: also those that are in no table, for the server composes them.
enum SentFields {
    static func value(_ r: Request.Ref, _ name: Bytes) -> Bytes? {
        switch name.count {
        case 10 where name.equalsIgnoringCase("Connection"): connection(r)
        case 10 where name.equalsIgnoringCase("Keep-Alive"): keepAlive(r)
        case 12 where name.equalsIgnoringCase("Content-Type"): type(r)
        case 14 where name.equalsIgnoringCase("Content-Length"): length(r)
        case 16 where name.equalsIgnoringCase("Content-Encoding"): nonEmpty(r.pointee.contentEncoding) ?? field(r, name)
        case 16 where name.equalsIgnoringCase("Content-Language"): nonEmpty(r.pointee.contentLanguage) ?? field(r, name)
        case 17 where name.equalsIgnoringCase("Transfer-Encoding"):
            r.pointee.response.framing == .chunked ? Bytes("chunked") : nil
        default: field(r, name)
        }
    }

    private static func field(_ r: Request.Ref, _ name: Bytes) -> Bytes? {
        r.pointee.headersOut.first(name) ?? r.pointee.errorHeadersOut.first(name)
    }

    private static func nonEmpty(_ bytes: Bytes) -> Bytes? { bytes.isEmpty ? nil : bytes }

    private static func type(_ r: Request.Ref) -> Bytes? {
        r.pointee.status == 304 || r.pointee.status == 204 ? nil : nonEmpty(r.pointee.contentType) ?? field(r, Bytes("Content-Type"))
    }

    private static func length(_ r: Request.Ref) -> Bytes? {
        let state = r.pointee.response
        guard state.framing == .length || state.framing == .none && r.pointee.isHead && state.lengthLeft > 0 else { return nil }
        var writer = ByteWriter(r.pointee.arena.pointee.allocate(20), capacity: 20)
        writer.append(decimal: state.bodySent + state.lengthLeft)
        return writer.written
    }

    private static func connection(_ r: Request.Ref) -> Bytes? {
        guard r.pointee.response.headIsSent else { return nil }
        if r.pointee.status == 101 { return Bytes("Upgrade") }
        guard r.pointee.response.keepsAlive else { return Bytes("close") }
        return r.pointee.framing.wantsKeepAlive ? Bytes("Keep-Alive") : nil
    }

    private static func keepAlive(_ r: Request.Ref) -> Bytes? {
        guard r.pointee.response.headIsSent, r.pointee.response.keepsAlive, r.pointee.framing.wantsKeepAlive,
            r.pointee.status != 101
        else { return nil }
        var writer = ByteWriter(r.pointee.arena.pointee.allocate(64), capacity: 64)
        KeepAlive.composeParameters(r, &writer)
        return writer.written
    }
}
