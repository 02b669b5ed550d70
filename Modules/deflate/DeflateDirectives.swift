import ModuleKit

let deflateDirectives: [Directive] = [
    Directive("DeflateAlterETag", .one, in: .server, help: "AddSuffix, NoChange or Remove") {
        $0.serverConfiguration(DeflateServerConf.self).pointee.encoding.etag = try ETagChange(word: $1[0])
    },
    number("DeflateBufferSize", 1...(16 << 20), "bytes compressed at a time") { $0.bufferSize = Int($1) },
    number("DeflateCompressionLevel", 1...9, "1 for the fastest to 9 for the best compression") { $0.level = Int32($1) },
    number("DeflateMemLevel", 1...9, "1 for the least to 9 for the most memory") { $0.memoryLevel = Int32($1) },
    number("DeflateWindowSize", 1...15, "the window's size as a power of two") {
        // zlib works with no window of less than 2⁹ bytes.
        $0.windowSize = max(9, Int32($1))
    },
    number("DeflatePadding", 0...255, "random bytes at most before each compressed body") { $0.padding = Int($1) },
    Directive("DeflateFilterNote", .words(1...2), in: .server, help: "[Input|Output|Ratio] note") {
        try $0.serverConfiguration(DeflateServerConf.self).pointee.encoding.setNote($1, in: $0.pool)
    },
    limit("DeflateInflateLimitRequestBody", "bytes of an inflated request body, 0 for any number", \.bodySize, 0),
    limit("DeflateInflateRatioLimit", "how many times its size a body may become", \.ratio, 1),
    limit("DeflateInflateRatioBurst", "how often that may be exceeded", \.burst, 1),
]

private func number(
    _ name: String, _ range: ClosedRange<Int64>, _ help: String,
    _ set: @escaping (inout DeflateServerConf, Int64) -> Void
) -> Directive {
    Directive(name, .one, in: .server, help: help) {
        guard let value = $1[0].decimal, range.contains(value) else {
            throw DirectiveError(
                "\"\($1[0].string)\" is not a whole number between \(range.lowerBound) and \(range.upperBound)")
        }
        set(&$0.serverConfiguration(DeflateServerConf.self).pointee, value)
    }
}

private func limit(
    _ name: String, _ help: String, _ path: WritableKeyPath<InflateLimits, Int64>, _ least: Int64
) -> Directive {
    Directive(name, .one, in: .any, override: .any, help: help) {
        guard let value = $1[0].decimal, value >= least else {
            throw DirectiveError("\"\($1[0].string)\" is not a whole number of at least \(least)")
        }
        $0.configuration(InflateLimits.self).pointee[keyPath: path] = value
    }
}
