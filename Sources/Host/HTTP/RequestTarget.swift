import ByteKit
import CSystem
import Glibc

/// Takes a request target apart (RFC 9112, 3.2) and makes its path plain: decoded once, without dots, doubled slashes
/// and anything a file name cannot hold.
enum RequestTarget {
    /// What a target consists of. `authority` is empty unless the target is in absolute form.
    struct Parts {
        var scheme = Bytes.none
        var authority = Bytes.none
        var path = Bytes.none
        var query = Bytes.none
    }

    static func split(_ target: Bytes, _ method: Method) throws(HeadProblem) -> Parts {
        guard !target.contains(0x23) else { throw HeadProblem(400, "the request target holds a fragment, which is never sent") }
        if target[0] == 0x2f { return splitQuery(target) }
        if target == "*" {
            guard method == .options else { throw HeadProblem(400, "the target * goes with OPTIONS only") }
            return Parts(path: target)
        }
        guard method != .connect else { throw HeadProblem(405, "this server is no proxy: CONNECT is not offered") }
        return try splitAbsolute(target)
    }

    private static func splitQuery(_ target: Bytes) -> Parts {
        guard let mark = target.firstIndex(of: 0x3f) else { return Parts(path: target) }
        return Parts(path: target.upTo(mark), query: target.from(mark + 1))
    }

    /// `http://host[:port]/path?query`.
    private static func splitAbsolute(_ target: Bytes) throws(HeadProblem) -> Parts {
        guard let colon = target.firstIndex(of: 0x3a), target.from(colon).hasPrefix("://") else {
            throw HeadProblem(400, "the request target is neither a path nor a URL")
        }
        let scheme = target.upTo(colon)
        guard scheme.equalsIgnoringCase("http") || scheme.equalsIgnoringCase("https") else {
            throw HeadProblem(400, "the request target is a URL of another scheme than http")
        }
        let rest = target.from(colon + 3)
        let slash = rest.buffer.firstIndex { $0 == 0x2f || $0 == 0x3f } ?? rest.count
        let authority = rest.upTo(slash)
        guard !authority.isEmpty, !authority.contains(0x40) else {
            throw HeadProblem(400, "the request target's host is empty or comes with a user name")
        }
        var parts = splitQuery(rest.from(slash))
        if parts.path.isEmpty { parts.path = Bytes("/") }
        parts.scheme = scheme
        parts.authority = authority
        return parts
    }

    /// The plain path in the arena.
    ///
    /// Decoding comes first and once, so that no encoding of a dot or a slash can pass; an encoded NUL, and an encoded
    /// slash unless AllowEncodedSlashes says otherwise, is a name no file has (404), a broken escape is no path (400).
    static func normalize(_ path: Bytes, in arena: Arena.Ref, _ limits: ServerLimits) throws(HeadProblem) -> Bytes {
        if !path.mayNotBePlain, !path.contains(0x25) { return path }
        guard path != "*" else { return path }
        let out = arena.allocate(UInt8.self, count: path.count + 1)
        let length = try decode(path, into: out, limits.encodedSlashes)
        let end = try collapse(out, length, mergesSlashes: limits.mergeSlashes)
        out[end] = 0
        return Bytes(UnsafeRawPointer(out), count: end)
    }

    private static func decode(
        _ path: Bytes, into out: UnsafeMutablePointer<UInt8>, _ slashes: CoreServerConf.EncodedSlashes
    ) throws(HeadProblem) -> Int {
        var at = 0
        var length = 0
        while at < path.count {
            var byte = path[at]
            at += 1
            if byte == 0x25 {
                guard at + 1 < path.count, let high = path[at].hexValue, let low = path[at + 1].hexValue else {
                    throw HeadProblem(400, "the path holds a % that begins no escape")
                }
                byte = high << 4 | low
                at += 2
                if byte == 0 { throw HeadProblem(404, "the path holds an encoded NUL") }
                if byte == 0x2f {
                    guard slashes != .refused else { throw HeadProblem(404, "the path holds an encoded slash, see AllowEncodedSlashes") }
                    if slashes == .kept {
                        for offset in 0..<2 { out[length + offset] = path[at - 3 + offset] }
                        length += 2
                        byte = path[at - 1]
                    }
                }
            }
            out[length] = byte
            length += 1
        }
        return length
    }

    /// Removes `.` and `..` in place, and empty segments unless MergeSlashes is off. The path begins with a slash.
    private static func collapse(
        _ bytes: UnsafeMutablePointer<UInt8>, _ count: Int, mergesSlashes: Bool
    ) throws(HeadProblem) -> Int {
        var read = 0
        var end = 0
        guard count == 0 || bytes[0] == 0x2f else { throw HeadProblem(400, "the path does not begin with a slash") }
        while read < count {
            // `read` stands at a slash.
            var next = read + 1
            while next < count, bytes[next] != 0x2f { next += 1 }
            let length = next - read - 1
            let isLast = next == count
            if length == 0 && (mergesSlashes || isLast) || length == 1 && bytes[read + 1] == 0x2e {
                if isLast {
                    bytes[end] = 0x2f
                    end += 1
                }
            } else if length == 2, bytes[read + 1] == 0x2e, bytes[read + 2] == 0x2e {
                guard end > 0 else { throw HeadProblem(400, "the path leads above the root") }
                while end > 0, bytes[end - 1] != 0x2f { end -= 1 }
                end -= 1
                if isLast {
                    bytes[end] = 0x2f
                    end += 1
                }
            } else {
                memmove(bytes + end, bytes + read, length + 1)
                end += length + 1
            }
            read = next
        }
        return end
    }

    /// Host and port of an authority or Host field, the host in lower case in the arena (RFC 9110, 7.2).
    static func parseHost(_ text: Bytes, in arena: Arena.Ref) throws(HeadProblem) -> (host: Bytes, port: Int32) {
        if let usual = usualHost(text) { return usual }
        var host = text
        var port: Int32 = 0
        if let colon = text.lastIndex(of: 0x3a), text[0] != 0x5b || text[colon - 1] == 0x5d {
            let digits = text.from(colon + 1)
            if !digits.isEmpty {
                guard let value = digits.decimal, value > 0, value < 65536 else {
                    throw HeadProblem(400, "the host's port is no port")
                }
                port = Int32(value)
            }
            host = text.upTo(colon)
        }
        if host.count > 1, host[host.count - 1] == 0x2e { host = host.upTo(host.count - 1) }
        guard !host.isEmpty, isHost(host) else { throw HeadProblem(400, "the host is no host name or address") }
        return (lowercased(host, arena), port)
    }

    /// Host and port where nothing is to be refused or changed: a name of plain labels in lower case, and a few digits.
    @inline(__always)
    private static func usualHost(_ text: Bytes) -> (host: Bytes, port: Int32)? {
        let bytes = text.buffer
        var previous: UInt8 = 0x2e
        var end = 0
        while end < bytes.count {
            let byte = bytes[end]
            guard cs_byte_class(byte) & 8 != 0, byte &- 0x41 >= 26, byte != 0x2e || previous != 0x2e else { break }
            previous = byte
            end &+= 1
        }
        guard previous != 0x2e else { return nil }
        if end == bytes.count { return (text, 0) }
        guard bytes[end] == 0x3a, bytes.count &- end <= 6 else { return nil }
        var port: Int32 = 0
        for at in (end &+ 1)..<bytes.count {
            guard bytes[at].isDigit else { return nil }
            port = port &* 10 &+ Int32(bytes[at] &- 0x30)
        }
        return port > 0 && port < 65536 ? (text.unchecked(0, end), port) : nil
    }

    private static func isHost(_ host: Bytes) -> Bool {
        if host[0] == 0x5b {
            guard host[host.count - 1] == 0x5d, host.count > 2 else { return false }
            return host[1..<host.count - 1].buffer.allSatisfy { $0.hexValue != nil || $0 == 0x3a || $0 == 0x2e }
        }
        guard host[0] != 0x2e, Token.mayBeHost(host) else { return false }
        return !host.contains(0x2e) || !hasEmptyLabel(host)
    }

    private static func hasEmptyLabel(_ host: Bytes) -> Bool {
        (1..<host.count).contains { host[$0] == 0x2e && host[$0 - 1] == 0x2e }
    }

    @inline(__always)
    private static func lowercased(_ host: Bytes, _ arena: Arena.Ref) -> Bytes {
        guard host.buffer.contains(where: { $0 &- 0x41 < 26 }) else { return host }
        let place = arena.allocate(UInt8.self, count: host.count)
        for index in 0..<host.count { place[index] = host[index].asciiLowercased }
        return Bytes(UnsafeRawPointer(place), count: host.count)
    }
}

extension Bytes {
    /// Whether a slash may be followed by another or by a dot somewhere: what is not does not need to be made plain.
    var mayNotBePlain: Bool {
        guard count > 1, let base = UnsafeRawPointer(ptr) else { return false }
        let last = count &- 1
        var at = 0
        while at &+ 8 <= last {
            if Bytes.holdsPair(base + at) { return true }
            at &+= 8
        }
        // What is left is the end of the last eight bytes.
        if last >= 8 { return at < last && Bytes.holdsPair(base + (last &- 8)) }
        while at < last {
            if self[at] == 0x2f, self[at &+ 1] | 1 == 0x2f { return true }
            at &+= 1
        }
        return false
    }

    /// Eight bytes and their followers. What else looks like a match costs a closer look and nothing more.
    @inline(__always)
    private static func holdsPair(_ place: UnsafeRawPointer) -> Bool {
        let next = place.loadUnaligned(fromByteOffset: 1, as: UInt64.self) | 0x0101_0101_0101_0101
        return slashes(place.loadUnaligned(as: UInt64.self)) & slashes(next) != 0
    }

    @inline(__always)
    private static func slashes(_ word: UInt64) -> UInt64 {
        let others = word ^ 0x2f2f_2f2f_2f2f_2f2f
        return (others &- 0x0101_0101_0101_0101) & ~others & 0x8080_8080_8080_8080
    }
}
