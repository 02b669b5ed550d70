import ModuleKit

/// How a server compresses. Numbers are -1 where nothing is said.
struct BrotliConf: Configuration {
    var quality: Int32 = -1
    var window: Int32 = -1
    var block: Int32 = -1
    var encoding = EncodingSettings()

    func merged(over base: BrotliConf, settings: [(inout BrotliConf) -> Void]) -> BrotliConf {
        var merged = self
        if quality < 0 { merged.quality = base.quality }
        if window < 0 { merged.window = base.window }
        if block < 0 { merged.block = base.block }
        merged.encoding = encoding.merged(over: base.encoding)
        return merged
    }
}

let brotliDirectives: [Directive] = [
    Directive("BrotliAlterETag", .one, in: .server, help: "AddSuffix, NoChange or Remove") {
        $0.serverConfiguration(BrotliConf.self).pointee.encoding.etag = try ETagChange(word: $1[0])
    },
    number("BrotliCompressionQuality", 0...11, "0 for the fastest to 11 for the best compression", \.quality),
    number("BrotliCompressionWindow", 10...24, "the window's size as a power of two", \.window),
    number("BrotliCompressionMaxInputBlock", 16...24, "the largest block's size as a power of two", \.block),
    Directive("BrotliFilterNote", .words(1...2), in: .server, help: "[Input|Output|Ratio] note") {
        try $0.serverConfiguration(BrotliConf.self).pointee.encoding.setNote($1, in: $0.pool)
    },
]

private func number(
    _ name: String, _ range: ClosedRange<Int64>, _ help: String, _ path: WritableKeyPath<BrotliConf, Int32>
) -> Directive {
    Directive(name, .one, in: .server, help: help) {
        guard let value = $1[0].decimal, range.contains(value) else {
            throw DirectiveError(
                "\"\($1[0].string)\" is not a whole number between \(range.lowerBound) and \(range.upperBound)")
        }
        $0.serverConfiguration(BrotliConf.self).pointee[keyPath: path] = Int32(value)
    }
}
