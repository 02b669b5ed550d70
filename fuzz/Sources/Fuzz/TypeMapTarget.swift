import ByteKit

@testable import Host

/// Any type map, for any client: the answer is one, and what is sent is a file of the site or a part of the map.
///
/// The last line of an input is what the client accepts: types, languages, charsets and encodings, "|" between.
enum TypeMapTarget {
    private static let config = """
        <Files m.var>
            SetHandler type-map
        </Files>
        LanguagePriority en fr de
        ForceLanguagePriority Prefer Fallback
        LogLevel emerg
        """
    private static let fields = ["Accept", "Accept-Language", "Accept-Charset", "Accept-Encoding"]
    private static let content = ["index", "text", ""].map { Array($0.utf8) }

    static func run(_ bytes: Bytes) -> Int32 {
        guard bytes.count <= 4000 else { return -1 }
        start()
        var map = Array(bytes.buffer)
        let cut = map.lastIndex(of: 0x0a) ?? 0
        let accepted = map[cut...].drop { $0 == 0x0a }.split(separator: UInt8(ascii: "|"), omittingEmptySubsequences: false)
        map.removeSubrange(cut...)
        guard accepted.count <= fields.count, accepted.allSatisfy({ $0.allSatisfy { $0 >= 0x20 && $0 < 0x7f } }) else { return -1 }
        var request = Array("GET /m.var HTTP/1.1\r\nHost: x\r\nConnection: close\r\n".utf8)
        for (name, value) in zip(fields, accepted) where !value.isEmpty { request += Array("\(name): ".utf8) + value + [0x0d, 0x0a] }
        request += [0x0d, 0x0a]
        InProcessServer.write(InProcessServer.root + "/m.var", map)
        check(request.withUnsafeBytes { InProcessServer.exchange(Bytes($0)) }, map)
        return 0
    }

    private static func start() {
        guard InProcessServer.more.isEmpty else { return }
        InProcessServer.more = InProcessServer.load("negotiation") + config
        InProcessServer.start()
    }

    private static func check(_ bytes: [UInt8], _ map: [UInt8]) {
        guard let answer = SingleAnswer(bytes) else { return demand(false, "no answer") }
        answer.checkHead()
        demand([200, 301, 400, 403, 404, 406, 414, 500].contains(answer.status), "a type map is answered with \(answer.status)")
        guard answer.status == 200, answer.body != InProcessServer.file, !content.contains(answer.body) else { return }
        demand(contains(map, answer.body), "what is sent is no file of the site, and no part of the map")
    }

    private static func contains(_ text: [UInt8], _ part: [UInt8]) -> Bool {
        part.count <= text.count && (0...text.count - part.count).contains { text[$0...].starts(with: part) }
    }
}
