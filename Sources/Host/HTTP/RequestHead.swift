import ByteKit
import CSystem
import Glibc

/// How far the end of a head has been looked for, so that a client that sends byte by byte is not read again and again.
struct HeadScan {
    /// Bytes from the start of the head that have been looked at.
    var position = 0
    /// Where the line at hand begins.
    var lineStart = 0
    var lines: Int32 = 0
}

/// Why a head is refused, and how it is said. Framing in doubt is refused: the connection is closed after it.
struct HeadProblem: Error {
    let status: Int32
    let reason: StaticString

    init(_ status: Int32, _ reason: StaticString) {
        self.status = status
        self.reason = reason
    }
}

/// Reads the head of an HTTP/1 request (RFC 9112, 2 to 6). Does no input or output.
enum RequestHead {
    /// Looks for the end of the head. Returns its length, the empty line included, or nil: more bytes are needed.
    static func end(of bytes: Bytes, _ scan: inout HeadScan, _ limits: ServerLimits) throws(HeadProblem) -> Int? {
        var start = scan.lineStart
        var position = scan.position
        while let lineFeed = lineFeed(bytes, position) {
            let length = lineFeed &- start
            let isEmpty = length == 0 || length == 1 && bytes[start] == 0x0d
            // Empty lines before the request line are skipped by the caller, which bounds them; it knows only whole ones.
            if scan.lines == 0, length == 0 { throw HeadProblem(400, "a line does not end in CR LF") }
            if scan.lines > 0 || !isEmpty {
                try check(length: length, scan.lines, limits)
                if scan.lines == 0 { try checkWords(bytes[start..<lineFeed]) }
                if isEmpty { return lineFeed &+ 1 }
                scan.lines &+= 1
            }
            position = lineFeed &+ 1
            start = position
        }
        scan.lineStart = start
        scan.position = bytes.count
        try check(length: bytes.count &- start, scan.lines, limits)
        return nil
    }

    /// Whether all that has come is probably one whole head, none of whose lines can be too long. Then `parse` finds its end,
    /// or that there is something wrong with it.
    @inline(__always)
    static func mayBeWhole(_ bytes: Bytes, _ scan: HeadScan, _ limits: ServerLimits) -> Bool {
        let longest = min(Int(min(limits.requestLine, limits.requestFieldSize)), 2048)
        guard bytes.count >= 4, bytes.count <= longest, scan.position == 0, let base = UnsafeRawPointer(bytes.ptr) else { return false }
        return base.loadUnaligned(fromByteOffset: bytes.count &- 4, as: UInt32.self).bigEndian == 0x0d0a_0d0a
    }

    @inline(__always)
    private static func lineFeed(_ bytes: Bytes, _ start: Int) -> Int? {
        guard let base = UnsafeRawPointer(bytes.ptr) else { return nil }
        var at = start
        while at &+ 8 <= bytes.count {
            let others = base.loadUnaligned(fromByteOffset: at, as: UInt64.self) ^ 0x0a0a_0a0a_0a0a_0a0a
            // The lowest bit that is set is that of a line feed.
            let found = (others &- 0x0101_0101_0101_0101) & ~others & 0x8080_8080_8080_8080
            if found != 0 { return at &+ found.littleEndian.trailingZeroBitCount >> 3 }
            at &+= 8
        }
        while at < bytes.count {
            if bytes[at] == 0x0a { return at }
            at &+= 1
        }
        return nil
    }

    /// A request line that lacks its version is no request: HTTP/0.9 is framed by nothing and not spoken here. Known
    /// at once, so that nobody waits for fields that will not come.
    private static func checkWords(_ line: Bytes) throws(HeadProblem) {
        guard let first = line.firstIndex(of: 0x20), line.firstIndex(of: 0x20, from: first + 1) != nil else {
            throw HeadProblem(400, "the request line is not of the form: method, target, version")
        }
    }

    @inline(__always)
    private static func check(length: Int, _ lines: Int32, _ limits: ServerLimits) throws(HeadProblem) {
        guard length <= Int(lines == 0 ? limits.requestLine : limits.requestFieldSize) &+ 1 else {
            throw lines == 0
                ? HeadProblem(414, "the request line is longer than LimitRequestLine")
                : HeadProblem(400, "a header field is longer than LimitRequestFieldSize")
        }
        guard limits.requestFields == 0 || lines <= limits.requestFields &+ 1 else {
            throw HeadProblem(400, "there are more header fields than LimitRequestFields")
        }
    }

    /// Reads a whole head, which lies in the request's arena, into the request. The last line is empty. Returns the head's
    /// length: the first empty line ends it.
    @discardableResult
    static func parse(_ head: Bytes, into r: Request.Ref) throws(HeadProblem) -> Int {
        guard let lineFeed = head.firstIndex(of: 0x0a), lineFeed > 0, head[lineFeed - 1] == 0x0d else {
            throw HeadProblem(400, "a line does not end in CR LF")
        }
        r.pointee.requestLine = head.upTo(lineFeed - 1)
        try parseRequestLine(r.pointee.requestLine, r)
        var at = lineFeed &+ 1
        while head[at] != 0x0d || head[at &+ 1] != 0x0a { at = try parseField(head, at, r) }
        return at &+ 2
    }

    private static func parseRequestLine(_ line: Bytes, _ r: Request.Ref) throws(HeadProblem) {
        guard let firstSpace = line.firstIndex(of: 0x20), firstSpace > 0 else {
            throw HeadProblem(400, "the request line has no method and target")
        }
        let method = line.upTo(firstSpace)
        guard Token.isToken(method) else { throw HeadProblem(400, "the method holds a byte that no method may hold") }
        let rest = line.from(firstSpace + 1)
        guard let secondSpace = rest.firstIndex(of: 0x20) else {
            throw HeadProblem(400, "the request line has no protocol version")
        }
        let target = rest.upTo(secondSpace)
        guard !target.isEmpty, Token.isTarget(target) else {
            throw HeadProblem(400, "the request target is empty or holds a byte that no target may hold")
        }
        r.pointee.method = method
        r.pointee.methodKind = Method(method)
        r.pointee.isHead = r.pointee.methodKind == .head
        r.pointee.target = target
        try parseVersion(rest.from(secondSpace + 1), r)
    }

    /// RFC 9112, 2.3: "HTTP/" digit "." digit, in upper case.
    private static func parseVersion(_ version: Bytes, _ r: Request.Ref) throws(HeadProblem) {
        guard version.count == 8, version.hasPrefix("HTTP/"), version[5].isDigit, version[6] == 0x2e, version[7].isDigit else {
            throw HeadProblem(400, "the protocol version is not of the form HTTP/1.1")
        }
        guard version[5] == 0x31 else { throw HeadProblem(505, "this server speaks HTTP/1.0 and HTTP/1.1") }
        r.pointee.isHTTP11 = version[7] != 0x30
        r.pointee.protocolName = version
    }

    /// Reads the field that begins at `start`, in one pass over its bytes. Returns where the next line begins.
    @inline(__always)
    private static func parseField(_ head: Bytes, _ start: Int, _ r: Request.Ref) throws(HeadProblem) -> Int {
        var colon = start
        // The line feed that every line ends in is no byte of a token.
        while cs_byte_class(head[colon]) & 1 != 0 { colon &+= 1 }
        // RFC 9112, 5.1 and 5.2: no white space before the colon, no line folding.
        guard colon > start, head[colon] == 0x3a else { throw nameProblem(head.from(start)) }
        var end = control(head, colon &+ 1)
        while head[end] == 0x09 { end = control(head, end &+ 1) }
        guard head[end] == 0x0d, head[end &+ 1] == 0x0a else { throw valueProblem(head[end]) }
        let name = head.unchecked(start, colon)
        let value = trimmed(head, colon &+ 1, end)
        r.pointee.headersIn.append(Field(name: name, value: value), r.pointee.arena)
        if mayBeFraming(name[0]) { try noteFraming(name, value, r) }
        return end &+ 2
    }

    /// Where the next control byte stands; the head ends in one.
    @inline(__always)
    private static func control(_ head: Bytes, _ start: Int) -> Int {
        let base = UnsafeRawPointer(head.ptr.unsafelyUnwrapped)
        var at = start
        while at &+ 8 <= head.count {
            let word = base.loadUnaligned(fromByteOffset: at, as: UInt64.self)
            let deletes = word ^ 0x7f7f_7f7f_7f7f_7f7f
            let found = (word &- 0x2020_2020_2020_2020) & ~word | (deletes &- 0x0101_0101_0101_0101) & ~deletes
            let flags = found & 0x8080_8080_8080_8080
            // The lowest bit that is set is that of a control byte; one above it may be there for its sake.
            if flags != 0 { return at &+ flags.littleEndian.trailingZeroBitCount >> 3 }
            at &+= 8
        }
        while head[at] >= 0x20, head[at] != 0x7f { at &+= 1 }
        return at
    }

    /// A value without white space around it, of which there is mostly one space.
    @inline(__always)
    private static func trimmed(_ head: Bytes, _ start: Int, _ end: Int) -> Bytes {
        let first = head[start] == 0x20 ? start &+ 1 : start
        if first < end, head[first] > 0x20, head[end &- 1] > 0x20 { return head.unchecked(first, end) }
        return head.unchecked(start, end).trimmed
    }

    private static func nameProblem(_ rest: Bytes) -> HeadProblem {
        let line = rest.upTo(rest.firstIndex(of: 0x0a) ?? rest.count)
        guard let colon = line.firstIndex(of: 0x3a), colon > 0 else {
            return HeadProblem(400, "a header field has no name or no colon")
        }
        return HeadProblem(400, "a header field's name holds a byte that no name may hold")
    }

    /// A line feed alone and a CR elsewhere are refused: peers disagree about them.
    private static func valueProblem(_ byte: UInt8) -> HeadProblem {
        byte == 0x0a || byte == 0x0d
            ? HeadProblem(400, "a line does not end in CR LF")
            : HeadProblem(400, "a header field's value holds a control byte")
    }

    /// Whether a name that begins with this letter may be one that `noteFraming` knows. Most are not.
    @inline(__always)
    private static func mayBeFraming(_ first: UInt8) -> Bool { framingLetters >> UInt32(first & 0x1f) & 1 != 0 }

    /// A bit for each of C, E, H, I, R and T, in either case.
    private static var framingLetters: UInt32 { 1 << 3 | 1 << 5 | 1 << 8 | 1 << 9 | 1 << 18 | 1 << 20 }

    /// Fields that decide about framing are noted while they pass, and that there are conditions at all.
    private static func noteFraming(_ name: Bytes, _ value: Bytes, _ r: Request.Ref) throws(HeadProblem) {
        switch name[0] | 0x20 {
        case UInt8(ascii: "h") where name.count == 4 && isNamed(name, "Host"):
            count(&r.pointee.framing.hosts)
            r.pointee.framing.host = value
        case UInt8(ascii: "i") where name.count > 3 && name[1] | 0x20 == UInt8(ascii: "f"):
            r.pointee.framing.hasConditions = true
        case UInt8(ascii: "r") where name.count == 5 && isNamed(name, "Range"):
            r.pointee.framing.hasConditions = true
        case UInt8(ascii: "c") where name.count == 10 && isNamed(name, "Connection"):
            noteConnection(value, r)
        case UInt8(ascii: "c") where name.count == 14 && isNamed(name, "Content-Length"):
            count(&r.pointee.framing.lengths)
            r.pointee.framing.length = value
        case UInt8(ascii: "t") where name.count == 17 && isNamed(name, "Transfer-Encoding"):
            count(&r.pointee.framing.encodings)
            r.pointee.framing.encoding = value
        case UInt8(ascii: "e") where name.count == 6 && isNamed(name, "Expect"):
            count(&r.pointee.framing.expects)
            // An empty one expects nothing.
            if !value.isEmpty { r.pointee.framing.expect = value }
        // Programs behind the server see both spellings as one variable.
        case UInt8(ascii: "c") where name.equalsIgnoringCase("Content_Length"),
            UInt8(ascii: "t") where name.equalsIgnoringCase("Transfer_Encoding"):
            throw HeadProblem(400, "a header field's name imitates one of framing")
        default: break
        }
    }

    /// Up to two: more often is no different from twice, however many fields there may be.
    @inline(__always)
    private static func count(_ times: inout UInt8) { if times < 2 { times &+= 1 } }

    @inline(__always)
    private static func isNamed(_ name: Bytes, _ other: StaticString) -> Bool { FieldName.isSame(name, Bytes(other)) }

    private static func noteConnection(_ value: Bytes, _ r: Request.Ref) {
        Token.eachElement(value) { element in
            if element.equalsIgnoringCase("close") { r.pointee.framing.wantsClose = true }
            if element.equalsIgnoringCase("keep-alive") { r.pointee.framing.wantsKeepAlive = true }
        }
    }
}

/// What the head says about framing and the connection.
struct Framing {
    /// How often each of these came: never, once, or more often.
    var hosts: UInt8 = 0
    var lengths: UInt8 = 0
    var encodings: UInt8 = 0
    var expects: UInt8 = 0
    var wantsClose = false
    var wantsKeepAlive = false
    /// Some field's name begins with "If", or is "Range".
    var hasConditions = false
    var host = Bytes.none
    var length = Bytes.none
    var encoding = Bytes.none
    var expect = Bytes.none
}

/// Which bytes may stand where (RFC 9110, 5.5 and 5.6.2; RFC 3986).
enum Token {
    @inline(__always)
    private static func all(_ bytes: Bytes, _ bit: UInt8) -> Bool {
        for byte in bytes.buffer where cs_byte_class(byte) & bit == 0 { return false }
        return true
    }

    @inline(__always)
    static func isToken(_ bytes: Bytes) -> Bool { all(bytes, 1) }
    @inline(__always)
    static func isTarget(_ bytes: Bytes) -> Bool { all(bytes, 2) }
    @inline(__always)
    static func mayBeHost(_ bytes: Bytes) -> Bool { all(bytes, 8) }
    /// A tab is the only control byte that a value may hold.
    @inline(__always)
    static func isFieldValue(_ bytes: Bytes) -> Bool {
        let control = bytes.firstControl(from: 0)
        return control == bytes.count || all(bytes.from(control), 4)
    }

    /// The elements of a comma-separated list (RFC 9110, 5.6.1), without white space and empty ones.
    static func eachElement(_ list: Bytes, _ body: (Bytes) -> Void) {
        var rest = list
        while !rest.isEmpty {
            let end = rest.firstIndex(of: 0x2c) ?? rest.count
            let element = rest.upTo(end).trimmed
            if !element.isEmpty { body(element) }
            rest = end < rest.count ? rest.from(end + 1) : .none
        }
    }
}

/// The methods the server itself knows (RFC 9110, 9; RFC 5789).
enum Method: UInt8 {
    case unknown, get, head, post, put, delete, connect, options, trace, patch

    init(_ name: Bytes) {
        self = switch name.count {
        case 3: name == "GET" ? .get : name == "PUT" ? .put : .unknown
        case 4: name == "HEAD" ? .head : name == "POST" ? .post : .unknown
        case 5: name == "TRACE" ? .trace : name == "PATCH" ? .patch : .unknown
        case 6: name == "DELETE" ? .delete : .unknown
        case 7: name == "OPTIONS" ? .options : name == "CONNECT" ? .connect : .unknown
        default: .unknown
        }
    }

    /// What RegisterHttpMethod has added. Filled while the configuration is read.
    nonisolated(unsafe) static var added: [Bytes] = []

    /// HttpProtocolOptions RegisteredMethods: what nobody has registered is not understood.
    @inline(__always)
    static func check(_ r: Request.Ref) throws(HeadProblem) {
        guard r.pointee.methodKind == .unknown, r.pointee.server.pointee.limits.registeredMethodsOnly else { return }
        guard isRegistered(r.pointee.method) else {
            throw HeadProblem(501, "the method is not registered (HttpProtocolOptions RegisteredMethods)")
        }
    }

    /// Whether the name is known although the server itself has no use for it: WebDAV's methods (RFC 4918, 3253), and
    /// those of RegisterHttpMethod.
    static func isRegistered(_ name: Bytes) -> Bool {
        if added.contains(where: { $0 == name }) { return true }
        let names: [StaticString] = [
            "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "VERSION-CONTROL", "CHECKOUT",
            "UNCHECKOUT", "CHECKIN", "UPDATE", "LABEL", "REPORT", "MKWORKSPACE", "MKACTIVITY", "BASELINE-CONTROL", "MERGE",
        ]
        return names.contains { name == $0 }
    }
}
