import ModuleKit
import Support

/// What can be read and changed of a request, and its tables.
final class Requests: Module {
    static let info = ModuleInfo("abi_request_module", version: "1.0")

    private let requests: UnsafePointer<apus_request_v1>
    private let headers: UnsafePointer<apus_headers_v1>
    private static let kept = "kept".utf8CString.withUnsafeBufferPointer { source in
        let place = UnsafeMutableBufferPointer<CChar>.allocate(capacity: source.count)
        _ = place.initialize(from: source)
        return UInt(bitPattern: place.baseAddress)
    }

    init(_ host: Host) throws {
        requests = host.table(APUS_EXT_REQUEST, as: apus_request_v1.self)
        headers = host.table(APUS_EXT_HEADERS, as: apus_headers_v1.self)
        try host.hooks.postReadRequest(.middle) { request in
            guard request.slot == nil else { return .status(500) }
            request.slot = UnsafeMutableRawPointer(bitPattern: Requests.kept)
            return .declined
        }
        try host.hooks.handler(.middle, handle)
    }

    private func handle(_ request: Request) throws -> Status {
        guard request.handler == "abi" else { return .declined }
        let path = request.path.string
        let text: String
        switch path {
        case _ where path.hasPrefix("/fields"): text = Requests.fields(request)
        case "/numbers": text = Requests.numbers(request)
        case "/sets": text = sets(request)
        case "/tables": text = tables(request, UInt32(request.query.string) ?? 0)
        case "/bytes": text = bytes(request)
        case "/in": text = show(request.headersIn)
        case "/slot":
            let kept =
                request.slot.map { String(cString: $0.assumingMemoryBound(to: CChar.self)) } ?? "nothing"
            text = "\(kept) \(request.main == nil ? 1 : 0) \(request.previous == nil ? 1 : 0)"
        case _ where path.hasPrefix("/own"):
            text = "\(request.isOwnHost(request.query, port: 8080) ? 1 : 0) \(request.isOwnHost(request.query, port: 80) ? 1 : 0)"
        case _ where path.hasPrefix("/identity"): text = "\(requests.pointee.conf_identity(request.raw))"
        case "/case":
            request.environment["abi"] = Bytes("lower")
            request.environment["ABI"] = Bytes("upper")
            text = "\(request.environment["abi"]!.string) \(request.environment["ABI"]!.string)"
        case "/out":
            request.headersOut["X-Out"] = Bytes("out")
            request.errorHeadersOut.add(Bytes("X-Err"), Bytes("one"))
            request.errorHeadersOut.add(Bytes("X-Err"), Bytes("two"))
            if let status = Int32(request.query.string) { return .status(status) }
            text = ""
        case "/reason":
            text = [Bytes("no\nreason"), Bytes("Fine")].map { "\(set(request, APUS_R_REASON, $0)) " }.joined() + request.reason.string
            if let status = Int32(request.query.string) { return .status(status) }
        case "/conditions":
            request.headersOut["ETag"] = Bytes("\"tag\"")
            request.headersOut["Last-Modified"] = Bytes("Tue, 14 Nov 2023 22:13:20 GMT")
            guard request.preconditions == .ok else { return request.preconditions }
            text = ""
        default: return .declined
        }
        return try request.reply(200, text: text, contentType: "text/plain")
    }

    private static func fields(_ request: Request) -> String {
        let names = [
            "method", "target", "path", "query", "protocol", "scheme", "host", "request-line", "filename",
            "path-info",
            "handler", "content-type", "content-encoding", "content-language", "user", "auth-type",
            "local-root",
            "peer-address",
        ]
        return names.enumerated().map { index, name in
            let value = request.get(UInt32(index))
            return value.isSet ? "\(name)=\(value.string)\n" : ""
        }.joined()
    }

    private static func numbers(_ request: Request) -> String {
        let names = [
            "status", "bytes-sent", "wire-sent", "wire-received", "time", "port", "keepalives", "is-explain",
            "is-subrequest", "header-only", "file-type", "file-size", "file-mtime", "connection-state",
            "body-expected",
            "no-cache",
        ]
        return names.enumerated().map { "\($1)=\(request.number(APUS_R_STATUS + UInt32($0)))\n" }.joined()
    }

    private func set(_ request: Request, _ field: UInt32, _ value: Bytes) -> apus_status {
        requests.pointee.set(request.raw, field, value)
    }

    private func number(_ request: Request, _ field: UInt32, _ value: Int64) -> apus_status {
        requests.pointee.set_number(request.raw, field, value)
    }

    private func sets(_ request: Request) -> String {
        var text = (0...18).map { "\(set(request, UInt32($0), Bytes("/set"))) " }.joined() + "\n"
        text += (0...18).map { request.get(UInt32($0)) == "/set" ? "1 " : "0 " }.joined() + "\n"
        text +=
            "\(number(request, APUS_R_STATUS, 201)) \(number(request, APUS_R_STATUS, 99)) \(number(request, APUS_R_PORT, 1)) "
        text += "\(number(request, APUS_R_NO_CACHE, 1)) \(number(request, 99, 1))\n"
        text +=
            "\(set(request, APUS_R_CONTENT_TYPE, Bytes("a\r\nb"))) \(set(request, APUS_R_CONTENT_LANGUAGE, Bytes("a\0b")))\n"
        request.status = 200
        request.set(APUS_R_CONTENT_ENCODING, Bytes(""))
        request.set(APUS_R_CONTENT_LANGUAGE, Bytes(""))
        return text
    }

    private func show(_ table: HeaderFields) -> String {
        let entries = (0..<table.count).compactMap { table.at($0) }
        return "[" + entries.map { "\($0.name.string)=\($0.value.string)" }.joined(separator: "; ") + "]\n"
    }

    private func tables(_ request: Request, _ id: UInt32) -> String {
        let r = request.raw
        let table = HeaderFields(of: request, table: id)
        let h = headers.pointee
        h.clear(r, id)
        var before = h.version(r, id)
        var text =
            "\(h.set(r, id, Bytes("Abi-One"), Bytes("1"))) \(h.add(r, id, Bytes("Abi-Two"), Bytes("a"))) "
        text +=
            "\(h.add(r, id, Bytes("abi-two"), Bytes("b"))) \(h.add(r, id, Bytes("Abi-Three"), Bytes("3")))\n"
        text += "changed \(h.version(r, id) != before ? 1 : 0) "
        before = h.version(r, id)
        _ = table["Abi-One"]
        text += "\(h.version(r, id) == before ? 1 : 0)\n"
        text += show(table)
        text += "\(table["ABI-TWO"]?.string ?? "") \(table.value(Bytes("Abi-Two"), 1)?.string ?? "") "
        text += "\(table["Abi-None"] == nil ? 1 : 0) \(table.value(Bytes("Abi-One"), 1) == nil ? 1 : 0)\n"
        table.merge(Bytes("Abi-Two"), Bytes("c"))
        table.merge(Bytes("Abi-Four"), Bytes("4"))
        text += show(table)
        let early = table["Abi-One"]
        table["Abi-One"] = Bytes("changed")
        table["Abi-Two"] = Bytes("only")
        text += show(table)
        text += "early \(early?.string ?? "")\n"
        text += "\(h.remove(r, id, Bytes("abi-two"))) \(h.remove(r, id, Bytes("Abi-Two"))) \(table.count)\n"
        var name = Bytes.none
        var value = Bytes.none
        text += "\(h.at(r, id, 99, &name, &value))\n"
        table["Abi-Empty"] = Bytes("")
        let empty = table["Abi-Empty"]
        text += "empty \(empty == nil ? 0 : 1) \(empty?.count ?? -1)\n"
        h.clear(r, id)
        return text + show(table)
    }

    private func bytes(_ request: Request) -> String {
        let r = request.raw
        let h = headers.pointee
        let text = (UInt32(0)...7).map { t in
            "\(t): \(h.set(r, t, Bytes("Abi-V"), Bytes("a\nb"))) \(h.add(r, t, Bytes("Abi-V"), Bytes("a\0b"))) "
                + "\(h.merge(r, t, Bytes("Abi V"), Bytes("x"))) \(h.set(r, t, Bytes(""), Bytes("x"))) "
                + "\(h.set(r, t, Bytes("Abi-Ok"), Bytes("caf\u{e9}")))\n"
        }.joined()
        request.headersOut["Abi-Ok"] = nil
        return text
    }
}

@c(apus_module_entry)
public func entry(_ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>) -> UnsafePointer<
    apus_module
>? {
    Requests.descriptor(for: host, named: name)
}
