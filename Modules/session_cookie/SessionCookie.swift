import ModuleABI.Draft
import ModuleKit

/// Stores sessions in cookies.
final class SessionCookie: Module {
    typealias DirConf = CookieConf

    static let info = ModuleInfo("session_cookie_module", version: "1.0", requires: [APUS_EXT_PROVIDERS, APUS_EXT_FUNCTIONS])
    static let directives = [
        Directive("SessionCookieName", .raw, in: .any, override: .auth, help: "name [attributes]") { command, words in
            let cookie = try StoredCookie(words, command)
            command.update { (conf: inout CookieConf) in conf.cookie = cookie }
        },
        Directive("SessionCookieName2", .raw, in: .any, override: .auth, help: "name [attributes]") { command, words in
            let cookie = try StoredCookie(words, command)
            command.update { (conf: inout CookieConf) in conf.cookie2 = cookie }
        },
        Directive("SessionCookieRemove", .flag, in: .any, override: .auth, help: "On or Off") {
            try $0.set(\CookieConf.isRemoved, $1)
        },
    ]

    private let host: Host

    init(_ host: Host) throws {
        self.host = host
        let table = apus_session_store_v0(
            size: UInt32(MemoryLayout<apus_session_store_v0>.size), flags: 0,
            load: { ctx, r, out in
                let module = Unmanaged<SessionCookie>.fromOpaque(ctx!).takeUnretainedValue()
                guard let value = module.load(Request(r!, host: module.host.raw)) else { return APUS_DECLINED }
                out?.pointee = value
                return APUS_OK
            },
            save: { ctx, r, text, maxAge in
                let module = Unmanaged<SessionCookie>.fromOpaque(ctx!).takeUnretainedValue()
                return module.save(Request(r!, host: module.host.raw), text, maxAge) ? APUS_OK : APUS_DECLINED
            })
        try host.provide(APUS_GROUP_SESSION_STORE, "cookie", table, context: self)
        typealias Place = @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?) -> apus_str
        let place: Place = { ctx, r in
            let module = Unmanaged<SessionCookie>.fromOpaque(ctx!).takeUnretainedValue()
            return module.place(of: Request(r!, host: module.host.raw))
        }
        try host.publish("session_cookie.place", "s(xR)", unsafeBitCast(place, to: apus_fn.self), context: self)
    }

    /// The names of the cookies.
    private func place(of request: Request) -> Bytes {
        let conf = request.confPointer(CookieConf.self)
        let (first, second) = (conf.pointee.cookie.name, conf.pointee.cookie2.name)
        guard second.isSet else { return first }
        return request.pool.compose(capacity: first.count + second.count + 1) { names in
            names.append(first)
            names.append(";")
            names.append(second)
        }
    }

    /// Nil: cookies hold no sessions here.
    private func load(_ request: Request) -> Bytes? {
        let conf = request.confPointer(CookieConf.self).pointee
        guard conf.cookie.isSet || conf.cookie2.isSet else { return nil }
        var value = Bytes.none
        for cookie in [conf.cookie, conf.cookie2] where cookie.isSet {
            if let found = find(cookie.name, request) { value = found }
            if conf.isRemoved { remove(cookie.name, request) }
        }
        // Whoever keeps the answer would give one client's session to another.
        request.headersOut.add(Bytes("Cache-Control"), Bytes("no-cache, private"))
        return value
    }

    /// A cookie that comes twice is none: nobody knows who has set the second.
    private func find(_ name: Bytes, _ request: Request) -> Bytes? {
        var found: Bytes?
        var count = 0
        CookieField.each(request) { pair in
            guard let value = CookieField.value(pair, of: name) else { return }
            found = value
            count += 1
        }
        guard count < 2 else {
            host.log.write(
                .error, code: "AH00011", request: request, "the client sent the cookie \(name.string) more than once; it is ignored")
            return nil
        }
        return found
    }

    private func remove(_ name: Bytes, _ request: Request) {
        guard let first = request.headersIn["Cookie"] else { return }
        var room = first.count + 2
        var nth = 1
        while let value = request.headersIn.value(Bytes("Cookie"), nth) {
            room += value.count + 2
            nth += 1
        }
        let rest = request.pool.compose(capacity: room) { writer in
            CookieField.each(request) { pair in
                guard CookieField.value(pair, of: name) == nil else { return }
                if writer.count > 0 { writer.append("; ") }
                writer.append(pair)
            }
        }
        request.headersIn["Cookie"] = rest.isEmpty ? nil : rest
    }

    private func save(_ request: Request, _ text: Bytes, _ maxAge: Int64) -> Bool {
        let conf = request.confPointer(CookieConf.self).pointee
        guard conf.cookie.isSet || conf.cookie2.isSet else { return false }
        if conf.cookie.isSet { request.errorHeadersOut.add(Bytes("Set-Cookie"), conf.cookie.field(text, maxAge, request.pool)) }
        if conf.cookie2.isSet { request.errorHeadersOut.add(Bytes("Set-Cookie2"), conf.cookie2.field(text, maxAge, request.pool)) }
        return true
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    SessionCookie.descriptor(for: host, named: name)
}

/// A cookie with the attributes that it is set with.
struct StoredCookie {
    var name = Bytes.none
    private var attributes = Bytes("HttpOnly;Secure;Version=1")

    var isSet: Bool { name.isSet }

    init() {}

    init(_ words: Arguments, _ command: Command) throws {
        let line = words.count > 0 ? words[0].trimmed : Bytes("")
        let end = line.buffer.firstIndex { $0 == 0x20 || $0 == 0x09 } ?? line.count
        let (name, rest) = (line.upTo(end), line.from(end))
        guard !name.isEmpty, name.buffer.allSatisfy(StoredCookie.isInName) else {
            throw DirectiveError("\(command.name.string): \"\(name.string)\" is no name of a cookie")
        }
        self.name = command.pool.copy(name)
        guard !rest.trimmed.isEmpty else { return }
        guard rest.firstControl(from: 0) == rest.count else {
            throw DirectiveError("\(command.name.string): the attributes hold control characters")
        }
        attributes = command.pool.copy(rest.trimmed)
    }

    /// RFC 6265, 4.1.1: a token.
    private static func isInName(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte < 0x7f && !Bytes("()<>@,;:\\\"/[]?={}").contains(byte)
    }

    /// The field that sets it; empty text: the one that removes it.
    func field(_ text: Bytes, _ maxAge: Int64, _ pool: Pool) -> Bytes {
        pool.compose(capacity: name.count + text.count + attributes.count + 40) { field in
            field.append(name)
            field.append("=")
            field.append(text)
            field.append(";")
            if text.isEmpty || maxAge > 0 {
                field.append("Max-Age=")
                field.append(decimal: text.isEmpty ? 0 : maxAge)
                field.append(";")
            }
            field.append(attributes)
        }
    }
}

struct CookieConf: Configuration {
    var cookie = StoredCookie()
    var cookie2 = StoredCookie()
    var isRemoved = false
}

/// The field Cookie of a request, pair by pair (RFC 6265, 4.2.1).
private enum CookieField {
    static func each(_ request: Request, _ body: (_ pair: Bytes) -> Void) {
        var nth = 0
        while let field = request.headersIn.value(Bytes("Cookie"), nth) {
            nth += 1
            var rest = field
            while !rest.isEmpty {
                let end = rest.firstIndex(of: UInt8(ascii: ";")) ?? rest.count
                let pair = rest.upTo(end).trimmed
                rest = rest.from(min(end + 1, rest.count))
                if !pair.isEmpty { body(pair) }
            }
        }
    }

    /// The value of a pair when it is that cookie's.
    static func value(_ pair: Bytes, of name: Bytes) -> Bytes? {
        guard pair.count > name.count, pair[name.count] == UInt8(ascii: "="), pair.hasPrefix(name) else { return nil }
        return pair.from(name.count + 1)
    }
}
