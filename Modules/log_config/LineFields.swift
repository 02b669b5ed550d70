import Glibc
import ModuleKit

extension Request {
    var trailersIn: HeaderFields { HeaderFields(of: self, table: APUS_HEADERS_TRAILERS_IN) }
    var trailersOut: HeaderFields { HeaderFields(of: self, table: APUS_HEADERS_TRAILERS_OUT) }

    /// ServerName's port, or the usual one of the scheme.
    var canonicalPort: Int64 {
        let port = server.port
        return port != 0 ? Int64(port) : scheme == "https" ? 443 : 80
    }

    /// The name that UseCanonicalName decides on, which is the one that redirects carry.
    var canonicalName: Bytes {
        let url = origin
        guard let scheme = url.firstIndex(of: UInt8(ascii: ":")), scheme + 3 <= url.count else {
            return server.name
        }
        let authority = url.from(scheme + 3)
        guard let colon = authority.lastIndex(of: UInt8(ascii: ":")),
            (authority.lastIndex(of: UInt8(ascii: "]")) ?? 0) < colon
        else { return authority }
        return authority.upTo(colon)
    }
}

/// The thread's id as httpd writes it.
var threadID: UInt { UInt(pthread_self()) }

/// The value of a cookie of that name, in any case (RFC 6265 section 5.4).
func cookie(_ name: Bytes, of request: Request) -> Bytes {
    var nth = 0
    while let field = request.headersIn.value(Bytes("Cookie"), nth) {
        nth += 1
        var rest = field
        while !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: ";")) ?? rest.count
            let pair = rest.upTo(end)
            rest = rest.from(min(end + 1, rest.count))
            guard let equals = pair.firstIndex(of: UInt8(ascii: "=")) else { continue }
            if pair.upTo(equals).trimmed.equalsIgnoringCase(name) { return pair.from(equals + 1).trimmed }
        }
    }
    return .none
}

extension LogLine {
    @inline(__always)
    mutating func append(orDash value: Bytes) {
        if value.isSet { append(plain: value) } else { appendDash() }
    }

    @inline(__always)
    mutating func append(escapingOrDash value: Bytes) {
        if value.isSet { append(escaping: value) } else { appendDash() }
    }

    @inline(__always)
    mutating func append(positive number: Int64) {
        if number > 0 { text.append(count: number) } else { appendDash() }
    }

    /// The query with its question mark; nothing when there is none.
    mutating func append(query: Bytes) {
        guard query.isSet else { return }
        text.append(UInt8(ascii: "?"))
        append(escaping: query)
    }

    /// A user; two quotes for an empty name, which is not the same as none.
    mutating func append(user: Bytes) {
        if user.isSet, user.isEmpty, !isJSON { text.append("\"\"") } else { append(escapingOrDash: user) }
    }

    /// The request line; a password in it is left out.
    mutating func append(requestLine line: Bytes) {
        guard line.contains(UInt8(ascii: "@")), let (start, end) = password(in: line) else {
            return append(escapingOrDash: line)
        }
        append(escaping: line.upTo(start))
        text.append("XXXXXXXX")
        append(escaping: line.from(end))
    }

    /// Where a password stands in the authority of an absolute target.
    private func password(in line: Bytes) -> (Int, Int)? {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), line.from(colon).hasPrefix("://") else {
            return nil
        }
        let start = colon + 3
        let end =
            line.buffer[start...].firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: " ") }
            ?? line.count
        guard let at = line.upTo(end).lastIndex(of: UInt8(ascii: "@")), at > start,
            let separator = line.firstIndex(of: UInt8(ascii: ":"), from: start), separator < at
        else { return nil }
        return (separator + 1, at)
    }

    /// All values of a field, which count as one list (RFC 9110 section 5.3).
    @inline(__always)
    mutating func append(all name: Bytes, of fields: HeaderFields) {
        guard let first = fields.value(name, 0) else { return appendDash() }
        append(escaping: first)
        var nth = 1
        while let value = fields.value(name, nth) {
            text.append(", ")
            append(escaping: value)
            nth += 1
        }
    }

    /// A field of the answer: of the successful one, or of any. Of Set-Cookie all values, of others the
    /// first.
    mutating func append(response name: Bytes, of r: Request) {
        if name.equalsIgnoringCase("set-cookie") {
            append(all: name, of: r.headersOut.value(name, 0) != nil ? r.headersOut : r.errorHeadersOut)
        } else {
            append(escapingOrDash: r.sentField(name))
        }
    }

    /// The content type without its parameters.
    mutating func append(contentType r: Request) {
        let type = r.sentField(Bytes("Content-Type"))
        append(escapingOrDash: type.firstIndex(of: UInt8(ascii: ";")).map { type.upTo($0).trimmed } ?? type)
    }

    /// A time by a format of strftime(3), which is NUL-terminated in its pool.
    mutating func append(_ format: Bytes, formatting time: tm) {
        guard let pattern = format.ptr else { return }
        withUnsafeTemporaryAllocation(byteCount: 1024, alignment: 1) { room in
            var time = time
            let length = strftime(
                room.baseAddress?.assumingMemoryBound(to: CChar.self), room.count, pattern, &time)
            append(plain: Bytes(UnsafeRawBufferPointer(rebasing: room[..<length])))
        }
    }
}
