import Glibc
import ModuleKit

/// The flag CO: "name:value:domain[:minutes[:path[:secure[:httponly[:samesite]]]]]", or the same with ";" for ":" when it
/// begins with ";".
enum Cookie {
    static func add(_ text: Bytes, to request: Request, _ trace: Trace) throws {
        var rest = text
        var separator = UInt8(ascii: ":")
        if rest.hasPrefix(";") {
            separator = UInt8(ascii: ";")
            rest = rest.from(1)
        }
        guard let name = take(&rest, separator), let value = take(&rest, separator), let domain = take(&rest, separator)
        else { return }
        var main = request
        while let outer = main.main { main = outer }
        let mark = request.pool.join(name, Bytes("_rewrite"))
        guard main.notes[mark] == nil else {
            trace.line(5, "skipping already set cookie '\(name.string)'")
            return
        }
        let cookie = compose(name, value, domain, Attributes(&rest, separator), request)
        main.errorHeadersOut.add(Bytes("Set-Cookie"), cookie)
        guard isPresent(cookie, in: main) else {
            // A control character would end the field: what a client put there must not write the answer's head.
            throw Interruption.answered(500)
        }
        main.notes[mark] = Bytes("set")
        trace.line(5, "setting cookie '\(cookie.string)'")
    }

    private static func isPresent(_ cookie: Bytes, in request: Request) -> Bool {
        var index = 0
        while let value = request.errorHeadersOut.value(Bytes("Set-Cookie"), index) {
            if value == cookie { return true }
            index += 1
        }
        return false
    }

    private struct Attributes {
        var minutes: Bytes?
        var path: Bytes?
        var secure: Bytes?
        var httpOnly: Bytes?
        var sameSite: Bytes?

        init(_ rest: inout Bytes, _ separator: UInt8) {
            minutes = Cookie.take(&rest, separator)
            path = Cookie.take(&rest, separator)
            secure = Cookie.take(&rest, separator)
            httpOnly = Cookie.take(&rest, separator)
            sameSite = Cookie.take(&rest, separator)
        }
    }

    /// The next field; separators in a row count as one.
    private static func take(_ rest: inout Bytes, _ separator: UInt8) -> Bytes? {
        while !rest.isEmpty, rest[0] == separator { rest = rest.from(1) }
        guard !rest.isEmpty else { return nil }
        let end = rest.firstIndex(of: separator) ?? rest.count
        defer { rest = rest.from(min(end + 1, rest.count)) }
        return rest.upTo(end)
    }

    private static func compose(
        _ name: Bytes, _ value: Bytes, _ domain: Bytes, _ attributes: Attributes, _ request: Request
    ) -> Bytes {
        let path = attributes.path ?? Bytes("/")
        let sameSite = attributes.sameSite ?? .none
        let size = name.count + value.count + domain.count + path.count + sameSite.count + 128
        return request.pool.compose(capacity: size) { writer in
            writer.append(name)
            writer.append("=")
            writer.append(value)
            writer.append("; path=")
            writer.append(path)
            writer.append("; domain=")
            writer.append(domain)
            if let minutes = attributes.minutes?.leadingNumber, minutes != 0 {
                writer.append("; expires=")
                writer.append(date: request.number(APUS_R_TIME_US) / 1_000_000 &+ minutes &* 60)
            }
            if isTrue(attributes.secure, "secure") { writer.append("; secure") }
            if isTrue(attributes.httpOnly, "HttpOnly") { writer.append("; HttpOnly") }
            if !sameSite.isEmpty, sameSite != "0", !sameSite.equalsIgnoringCase("false") {
                writer.append("; SameSite=")
                writer.append(sameSite)
            }
        }
    }

    private static func isTrue(_ value: Bytes?, _ name: StaticString) -> Bool {
        guard let value else { return false }
        return value == "1" || value.equalsIgnoringCase("true") || value.equalsIgnoringCase(name)
    }
}

extension ByteWriter {
    /// A date as cookies have it: "Wed, 09-Jun-2021 10:18:14 GMT".
    fileprivate mutating func append(date seconds: Int64) {
        var time = time_t(seconds)
        var parts = tm()
        guard gmtime_r(&time, &parts) != nil else { return }
        append(Bytes("SunMonTueWedThuFriSat")[Int(parts.tm_wday) * 3..<Int(parts.tm_wday) * 3 + 3])
        append(", ")
        append(decimal: Int(parts.tm_mday), width: 2)
        append("-")
        append(Bytes("JanFebMarAprMayJunJulAugSepOctNovDec")[Int(parts.tm_mon) * 3..<Int(parts.tm_mon) * 3 + 3])
        append("-")
        append(decimal: Int(parts.tm_year) + 1900, width: 4)
        append(" ")
        append(decimal: Int(parts.tm_hour), width: 2)
        append(":")
        append(decimal: Int(parts.tm_min), width: 2)
        append(":")
        append(decimal: Int(parts.tm_sec), width: 2)
        append(" GMT")
    }
}
