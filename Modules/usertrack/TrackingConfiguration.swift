import ModuleKit

/// What a directory says about the tracking cookie.
struct TrackingConf: Configuration {
    enum Style {
        case netscape, cookie, cookie2
    }

    var isOn = false
    var name = Bytes("Apache")
    var domain = Bytes.none
    /// Seconds; nil: as long as the browser runs.
    var life: Int64?
    var style = Style.netscape
    /// "; SameSite=Lax", or nothing.
    var sameSite = Bytes.none
    var isSecure = false
    var isHTTPOnly = false

    /// The value of the field that sets the cookie.
    func field(_ value: Bytes, at now: Int64, _ request: Request) -> Bytes {
        request.pool.compose(capacity: name.count + value.count + domain.count + 192) { field in
            field.append(name)
            field.append("=")
            field.append(value)
            field.append("; path=/")
            if let life { append(life: life, at: now / 1_000_000, &field, request.pool) }
            if domain.isSet {
                field.append("; domain=")
                field.append(domain)
            }
            if style == .cookie2 { field.append("; version=1") }
            field.append(sameSite)
            if isSecure { field.append("; Secure") }
            if isHTTPOnly { field.append("; HttpOnly") }
        }
    }

    private func append(life: Int64, at now: Int64, _ field: inout ByteWriter, _ pool: Pool) {
        guard style == .netscape else {
            field.append("; max-age=")
            return field.append(decimal: life)
        }
        // The form of the original cookies: "Thu, 26-Nov-26 04:06:06 GMT".
        let date = pool.httpDate(now + life)
        field.append("; expires=")
        field.append(date.upTo(7))
        field.append("-")
        field.append(date[8..<11])
        field.append("-")
        field.append(date[14..<16])
        field.append(date.from(16))
    }
}

let trackingDirectives: [Directive] = [
    Directive("CookieTracking", .flag, in: .any, override: .fileInfo, help: "On or Off") {
        try $0.set(\TrackingConf.isOn, $1)
    },
    Directive("CookieName", .one, in: .any, override: .fileInfo, help: "the name of the cookie") { command, words in
        guard !words[0].isEmpty, words[0].buffer.allSatisfy(isInName) else {
            throw DirectiveError("\"\(words.string(0))\" is no name of a cookie: it holds letters, digits, '_' and '-'")
        }
        let name = command.pool.copy(words[0])
        command.update { (conf: inout TrackingConf) in conf.name = name }
    },
    Directive("CookieDomain", .one, in: .any, override: .fileInfo, help: "a domain such as .example.com") { command, words in
        let domain = words[0]
        guard domain.hasPrefix("."), domain.from(1).contains(UInt8(ascii: ".")), domain.buffer.allSatisfy(isInDomain) else {
            throw DirectiveError(
                "\"\(domain.string)\" is no domain for cookies: it begins with a dot and has another one in it, "
                    + "as .example.com")
        }
        let copy = command.pool.copy(domain)
        command.update { (conf: inout TrackingConf) in conf.domain = copy }
    },
    Directive("CookieExpires", .one, in: .any, override: .fileInfo, help: "seconds, or \"2 weeks 3 days\"") { command, words in
        let life = try period(words[0])
        command.update { (conf: inout TrackingConf) in conf.life = life }
    },
    Directive(
        "CookieStyle", .one, in: .any, override: .fileInfo, help: "Netscape, Cookie (RFC2109) or Cookie2 (RFC2965)"
    ) { command, words in
        let style = try style(words[0])
        command.update { (conf: inout TrackingConf) in conf.style = style }
    },
    Directive("CookieSameSite", .one, in: .any, override: .fileInfo, help: "None, Lax or Strict") { command, words in
        let attribute = try sameSite(words[0])
        command.update { (conf: inout TrackingConf) in conf.sameSite = attribute }
    },
    Directive("CookieSecure", .flag, in: .any, override: .fileInfo, help: "On or Off") {
        try $0.set(\TrackingConf.isSecure, $1)
    },
    Directive("CookieHTTPOnly", .flag, in: .any, override: .fileInfo, help: "On or Off") {
        try $0.set(\TrackingConf.isHTTPOnly, $1)
    },
]

private func isInName(_ byte: UInt8) -> Bool {
    byte.isDigit || (byte | 0x20) &- 0x61 < 26 || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
}

private func isInDomain(_ byte: UInt8) -> Bool {
    byte.isDigit || (byte | 0x20) &- 0x61 < 26 || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")
}

private func style(_ word: Bytes) throws -> TrackingConf.Style {
    switch word.string.lowercased() {
    case "netscape": return .netscape
    case "cookie", "rfc2109": return .cookie
    case "cookie2", "rfc2965": return .cookie2
    default:
        throw DirectiveError("\"\(word.string)\" is no style of cookies: Netscape, Cookie, Cookie2, RFC2109 or RFC2965")
    }
}

private func sameSite(_ word: Bytes) throws -> Bytes {
    switch word.string.lowercased() {
    case "none": return Bytes("; SameSite=None")
    case "lax": return Bytes("; SameSite=Lax")
    case "strict": return Bytes("; SameSite=Strict")
    default: throw DirectiveError("\"\(word.string)\" is neither None, Lax nor Strict")
    }
}

/// A number of seconds, or numbers with their units.
private func period(_ text: Bytes) throws -> Int64 {
    let units: [(name: String, seconds: Int64)] = [
        ("years", 31_536_000), ("months", 2_592_000), ("weeks", 604_800), ("days", 86400), ("hours", 3600), ("minutes", 60),
        ("seconds", 1),
    ]
    let words = text.string.split(whereSeparator: { $0 == " " || $0 == "\t" })
    func number(_ word: Substring) throws -> Int64 {
        guard let number = Int64(word), (0...Int64(Int32.max)).contains(number) else {
            throw DirectiveError("\"\(word)\" in \"\(text.string)\" is no number")
        }
        return number
    }
    if words.count == 1 { return try number(words[0]) }
    guard !words.isEmpty, words.count.isMultiple(of: 2) else {
        throw DirectiveError("\"\(text.string)\" is neither a number of seconds nor of the form \"2 weeks 3 days\"")
    }
    var total: Int64 = 0
    for index in stride(from: 0, to: words.count, by: 2) {
        let name = words[index + 1].lowercased()
        guard let unit = units.first(where: { name == $0.name || name == $0.name.dropLast() }) else {
            throw DirectiveError("\"\(words[index + 1])\" is no unit: years, months, weeks, days, hours, minutes or seconds")
        }
        total += try number(words[index]) * unit.seconds
    }
    return total
}
