import ModuleKit

/// Answers in one call, and what a handler's return values come to.
final class Reply: Module {
    static let info = ModuleInfo("abi_reply_module", version: "1.0")

    init(_ host: Host) throws {
        try host.hooks.handler(.middle) { request in
            guard request.handler == "abi" else { return .declined }
            let number = Int32(request.query.string) ?? 0
            switch request.path.string {
            case "/text": return try request.reply(200, text: "hello", contentType: "text/plain")
            case "/status": return try request.reply(number, text: "said", contentType: "text/plain")
            case "/untyped": return try request.reply(200, text: "hello", contentType: "")
            case "/empty": return try request.reply(204, text: "", contentType: "")
            case "/return": return Status(rawValue: number)
            case "/done":
                _ = try request.reply(200, text: "done", contentType: "text/plain")
                return .done
            case "/refused":
                let type = Reply.refusal {
                    try request.reply(200, text: "evil", contentType: "text/plain\r\nX-Evil: 1")
                }
                let low = Reply.refusal { try request.reply(99, text: "low") }
                let high = Reply.refusal { try request.reply(600, text: "high") }
                return try request.reply(200, text: "\(type) \(low) \(high)", contentType: "text/plain")
            case "/big":
                let count = 4 << 20
                let room = request.pool.allocate(UInt8.self, count: count)
                room.initialize(repeating: 0x78, count: count)
                return try request.reply(
                    200, Bytes(UnsafeRawPointer(room), count: count),
                    contentType: Bytes("application/octet-stream"))
            default: return .declined
            }
        }
    }

    private static func refusal(_ body: () throws -> Status) -> apus_status {
        do {
            return try body().rawValue
        } catch {
            return (error as? ModuleError)?.status.rawValue ?? 0
        }
    }
}

@c(apus_module_entry)
public func entry(_ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>) -> UnsafePointer<
    apus_module
>? {
    Reply.descriptor(for: host, named: name)
}
