import ByteKit
import Glibc
import ModuleABI

/// What nobody expects, and somebody sends.
enum OddInputs {
    static let words: [[UInt8]] = [
        [], Array("x".utf8), Array("On".utf8), Array("off".utf8), Array("0".utf8), Array("-1".utf8), Array("10".utf8),
        Array("99999999999999999999".utf8), Array("/nonexistent/file".utf8), Array("http://example.com/".utf8),
        Array("%{REMOTE_ADDR}%%{".utf8), Array("\"quoted\" 'text' \\".utf8), Array(" ".utf8), [0xff, 0xfe, 0xc0, 0x80],
        Array("a\0b".utf8), [UInt8](repeating: 0x61, count: 70_000), Array("../../../etc/passwd".utf8), Array("10s".utf8),
    ]

    private static let likely = ["value", "On", "10", "/nonexistent/file", "http://example.com/", "GET", "text/plain", "10s", "x=y"].map { Array($0.utf8) }

    static func spell(_ word: [UInt8]) -> String {
        if word.isEmpty { return "\"\"" }
        if word.count > 60 { return "(\(word.count) bytes)" }
        return "\"\(String(decoding: word.map { $0 < 32 || $0 > 126 ? 0x3f : $0 }, as: UTF8.self))\""
    }

    /// Words that a directive of this shape may well take.
    static func plausible(_ directive: apus_directive) -> [[[UInt8]]] {
        switch directive.shape {
        case UInt32(APUS_SHAPE_FLAG): return [[Array("On".utf8)]]
        case UInt32(APUS_SHAPE_PAIRS): return likely.map { [$0, $0] }
        case UInt32(APUS_SHAPE_RAW), UInt32(APUS_SHAPE_EACH), UInt32(APUS_SHAPE_SECTION): return likely.map { [$0] }
        default: return likely.map { word in [[UInt8]](repeating: word, count: Int(min(max(directive.min_args, 1), max(directive.max_args, directive.min_args), 16))) }
        }
    }

    /// All that a directive of this shape can be given.
    static func all(_ directive: apus_directive) -> [[[UInt8]]] {
        switch directive.shape {
        case UInt32(APUS_SHAPE_FLAG): return ["On", "Off"].map { [Array($0.utf8)] }
        case UInt32(APUS_SHAPE_PAIRS): return words.flatMap { [[$0, Array("x".utf8)], [Array("x".utf8), $0]] }
        case UInt32(APUS_SHAPE_RAW), UInt32(APUS_SHAPE_EACH), UInt32(APUS_SHAPE_SECTION): return words.map { [$0] }
        default: break
        }
        let least = Int(directive.min_args)
        let most = Int(min(directive.max_args, directive.min_args + 2, 16))
        return (least...max(least, most)).flatMap { count -> [[[UInt8]]] in
            if count == 0 { return [[]] }
            return words.flatMap { word -> [[[UInt8]]] in
                let plain = [[UInt8]](repeating: Array("x".utf8), count: count)
                return (0..<min(count, 3)).map { place in
                    var line = plain
                    line[place] = word
                    return line
                }
            }
        }
    }

    /// A request as it may come.
    struct Request {
        var label: String
        var method = "GET"
        var path = Array("/place".utf8)
        var query: [UInt8]? = nil
        var fields: [(String, [UInt8])] = [("Host", Array("main.example".utf8)), ("User-Agent", Array("check".utf8))]
        var body: [[UInt8]] = []
        var isSubrequest = false
    }

    static let requests: [Request] = {
        let text = { (string: String) in Array(string.utf8) }
        var all = [Request(label: "GET /place?a=b")]
        all[0].query = text("a=b&c=%2F&d")
        all.append(Request(label: "HEAD", method: "HEAD"))
        all.append(Request(label: "POST with a body in pieces", method: "POST", body: [text("first"), [], text("second"), [UInt8](repeating: 0x62, count: 5000)]))
        all.append(Request(label: "OPTIONS *", method: "OPTIONS", path: text("*")))
        all.append(Request(label: "a long path", path: text("/") + [UInt8](repeating: 0x6c, count: 8000)))
        all.append(Request(label: "bytes that are no UTF-8", path: text("/") + [0xff, 0xc0, 0x80, 0x01], fields: [("X", [0xff, 0xfe]), ("Cookie", [0x80]), ("Authorization", text("Basic ") + [0xff, 0xff])]))
        all.append(Request(label: "no field at all", fields: []))
        all.append(Request(label: "an unknown method", method: "BREW", query: []))
        all.append(Request(label: "a hundred fields", fields: (0..<100).map { ("Field-\($0)", [UInt8](repeating: 0x76, count: $0)) }))
        all.append(Request(
            label: "credentials and conditions",
            fields: [
                ("Authorization", text("Basic dXNlcjpwYXNz")), ("Cookie", text("a=b; c=\"d\"; ; =")), ("Range", text("bytes=0-,-5,9-1")),
                ("If-None-Match", text("\"x\", W/\"y\"")), ("Accept", text("text/*;q=0.5, */*")), ("Content-Length", text("0")),
                ("X-Forwarded-For", text("192.0.2.1, , unknown")), ("Accept-Encoding", text("gzip;q=,br")),
            ]))
        all.append(Request(label: "a token", fields: [("Authorization", text("Bearer eyJhbGciOiJub25lIn0.e30.")), ("Upgrade", text("websocket, echo")), ("Connection", text("upgrade"))]))
        all.append(Request(label: "a broken token", fields: [("Authorization", text("Bearer ....")), ("Proxy-Authorization", text("Basic"))]))
        all.append(Request(label: "empty values", fields: [("Authorization", []), ("Cookie", []), ("Host", [])]))
        all.append(Request(label: "a sub-request", isSubrequest: true))
        return all
    }()
}
