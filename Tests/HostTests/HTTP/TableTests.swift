import ByteKit
import ModuleABI
import Testing

@testable import Host

/// Calls `body` with borrowed bytes of a text.
func withBytes<R>(_ text: String, _ body: (Bytes) throws -> R) rethrows -> R {
    var text = text
    return try text.withUTF8 { try body(Bytes(UnsafeRawBufferPointer($0))) }
}

struct HTTPDateTests {
    static let cases: [(String, Int64?)] = [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
        ("Sun Nov  6 08:49:37 1994", 784_111_777),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Tue, 29 Feb 2028 23:59:59 GMT", 1_835_481_599),
        ("Sat, 01 Jan 2050 00:00:00 GMT", 2_524_608_000),
        ("nonsense", nil),
        ("", nil),
        ("Sun, 06 Nov 1994 25:49:37 GMT", nil),
        ("Sun, 06 Foo 1994 08:49:37 GMT", nil),
        ("Sun, 99 Nov 1994 08:49:37 GMT", nil),
    ]

    @Test(arguments: cases)
    func parse(_ text: String, _ seconds: Int64?) {
        #expect(withBytes(text) { HTTPDate.parse($0) } == seconds)
    }

    @Test(arguments: [(-1, 0), (Int64.min, 0), (253_402_300_800, 253_402_300_799), (.max, 253_402_300_799)] as [(Int64, Int64)])
    func writeWhatCannotBeWritten(_ seconds: Int64, _ nearest: Int64) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { buffer in
            var writer = ByteWriter(buffer.baseAddress!, capacity: 32)
            HTTPDate.write(seconds, &writer)
            #expect(writer.count == HTTPDate.length)
            #expect(HTTPDate.parse(writer.written) == nearest)
        }
    }

    @Test(arguments: [0, 784_111_777, 1_835_481_599, 951_782_400, 4_102_444_799] as [Int64])
    func writeAndParse(_ seconds: Int64) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { buffer in
            var writer = ByteWriter(buffer.baseAddress!, capacity: 32)
            HTTPDate.write(seconds, &writer)
            #expect(writer.count == HTTPDate.length)
            #expect(HTTPDate.parse(writer.written) == seconds)
        }
    }
}

struct RequestTargetTests {
    /// Path as sent, plain path or the status it is refused with.
    static let cases: [(String, String)] = [
        ("/", "/"), ("/a/b", "/a/b"), ("/a%20b", "/a b"), ("/%41", "/A"),
        ("//a", "/a"), ("/a//b", "/a/b"), ("/./a", "/a"), ("/a/.", "/a/"), ("/a/./b", "/a/b"),
        ("/a/..", "/"), ("/a/../b", "/b"), ("/a/b/../../c", "/c"), ("/a/%2e%2e/b", "/b"), ("/%2E/a", "/a"),
        ("/a/%2e./b", "/b"), ("/a...", "/a..."), ("/...", "/..."), ("/.a", "/.a"), ("/a/..b", "/a/..b"),
        ("/..", "400"), ("/../a", "400"), ("/a/../../b", "400"), ("/%2e%2e", "400"), ("/a//../../b", "400"),
        ("/%2f", "404"), ("/a%2Fb", "404"), ("/%00", "404"), ("/a%", "400"), ("/a%4", "400"), ("/%zz", "400"),
        ("/%252e%252e/", "/%2e%2e/"), ("/%255c", "/%5c"), ("/a\\..\\b", "/a\\..\\b"), ("/a/", "/a/"), ("/a//", "/a/"),
        ("*x/../y", "400"),
    ]

    @Test(arguments: cases)
    func normalize(_ sent: String, _ expected: String) {
        let arena = Arena.make(nil)
        defer { Arena.destroy(arena) }
        let outcome: String
        do throws(HeadProblem) {
            outcome = try RequestTarget.normalize(arena.copy(sent), in: arena, ServerLimits()).string
        } catch {
            outcome = "\(error.status)"
        }
        #expect(outcome == expected)
    }

    static let hosts: [(String, String?)] = [
        ("example.com", "example.com:0"), ("EXAMPLE.com:8080", "example.com:8080"), ("example.com.", "example.com:0"),
        ("[::1]", "[::1]:0"), ("[2001:DB8::1]:443", "[2001:db8::1]:443"), ("example.com:", "example.com:0"),
        ("a..b", nil), ("a/b", nil), ("a b", nil), ("a:99999", nil), ("a:x", nil), ("a@b", nil), ("[::1", nil), ("a:1:2", nil),
    ]

    @Test(arguments: hosts)
    func host(_ text: String, _ expected: String?) {
        let arena = Arena.make(nil)
        defer { Arena.destroy(arena) }
        let parsed = try? RequestTarget.parseHost(arena.copy(text), in: arena)
        #expect(parsed.map { "\($0.host.string):\($0.port)" } == expected)
    }
}

struct WildcardTests {
    static let cases: [(String, String, Bool)] = [
        ("*", "abc", true), ("*.html", "a.html", true), ("*.html", "a.htm", false), ("a?c", "abc", true), ("a?c", "a/c", false),
        ("/home/*/www/", "/home/joe/www/", true), ("/home/*/www/", "/home/a/b/www/", false), ("*", "a/b", false),
        ("[a-c]x", "bx", true), ("[!a-c]x", "bx", false), ("[^a-c]x", "dx", true), ("a\\*", "a*", true), ("a\\*", "ab", false),
        ("**a", "bba", true), ("", "", true), ("", "a", false), ("a*b*c", "aXbYc", true), ("a*b*c", "aXcYb", false),
        ("[", "[", true), ("[", "a", false), ("a[]b]c", "a]c", true),
    ]

    @Test(arguments: cases)
    func matches(_ pattern: String, _ subject: String, _ expected: Bool) {
        withBytes(pattern) { pattern in
            withBytes(subject) { #expect(Wildcard.matches(pattern, $0) == expected) }
        }
    }
}

struct ByteWriterTests {
    @Test(arguments: [0, 7, 10, 1234567890, -1, -42, Int64.max, Int64.min + 1])
    func decimal(_ value: Int64) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { buffer in
            var writer = ByteWriter(buffer.baseAddress!, capacity: 32)
            writer.append(decimal: value)
            #expect(writer.written.string == "\(value)")
        }
    }

    @Test(arguments: [0, 1, 15, 16, 255, 4096, UInt64.max])
    func hex(_ value: UInt64) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { buffer in
            var writer = ByteWriter(buffer.baseAddress!, capacity: 32)
            writer.append(hex: value)
            #expect(writer.written.string == String(value, radix: 16))
        }
    }

    @Test func whatDoesNotFitIsLeftOutWhole() {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 4) { buffer in
            var writer = ByteWriter(buffer.baseAddress!, capacity: 4)
            writer.append("abc")
            writer.append("de")
            #expect(writer.written == "abc")
            #expect(writer.overflowed)
        }
    }
}
