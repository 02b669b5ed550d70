import ModuleKit

/// One thing that a client accepts, and how much it likes it.
struct Accepted {
    /// In lower case.
    var name: Bytes
    /// In thousandths.
    var quality = 1000
    /// Of HTML, which httpd's forerunners numbered.
    var level = 0
}

/// What a client accepts; a list that is nil was not sent.
struct Accepts {
    var types: [Accepted]?
    /// Whether it gave any media type a weight.
    var weighsTypes = false
    var languages: [Accepted]?
    var charsets: [Accepted]?
    var encodings: [Accepted]?

    init(_ request: Request) {
        types = read("Accept", request)
        languages = read("Accept-Language", request)
        charsets = read("Accept-Charset", request)
        encodings = read("Accept-Encoding", request)
    }

    private mutating func read(_ field: StaticString, _ request: Request) -> [Accepted]? {
        var all: [Accepted]?
        var index = 0
        while let value = request.headersIn.value(Bytes(field), index) {
            index += 1
            all = all ?? []
            value.eachListElement { element in
                let end = element.firstIndex(of: UInt8(ascii: ";")) ?? element.count
                let name = request.pool.lowercased(element.upTo(end).trimmed)
                guard !name.isEmpty else { return }
                let parameters = Parameters(element.from(end))
                var accepted = Accepted(name: name, level: parameters.level(of: name))
                if let weight = parameters["q"] {
                    accepted.quality = QualityValue.read(element.from(end))
                    if accepted.name.contains(UInt8(ascii: "/")), !weight.isEmpty { weighsTypes = true }
                }
                all?.append(accepted)
            }
        }
        return all
    }
}

/// The parameters behind a value: `; q=0.5; level=2`.
struct Parameters {
    private let text: Bytes

    init(_ text: Bytes) { self.text = text }

    subscript(name: StaticString) -> Bytes? {
        var rest = text
        while let semicolon = rest.firstIndex(of: UInt8(ascii: ";")) {
            rest = rest.from(semicolon + 1)
            let part = rest.upTo(rest.firstIndex(of: UInt8(ascii: ";")) ?? rest.count)
            guard let equals = part.firstIndex(of: UInt8(ascii: "=")), part.upTo(equals).trimmed.equalsIgnoringCase(name)
            else { continue }
            let value = part.from(equals + 1).trimmed
            let isQuoted = value.count >= 2 && value.hasPrefix("\"") && value.hasSuffix(Bytes("\""))
            return isQuoted ? value[1..<(value.count - 1)] : value
        }
        return nil
    }

    /// The level of a type of HTML, which has one even when none is named.
    func level(of type: Bytes) -> Int {
        if let level = self["level"]?.decimal { return Int(min(level, 1_000_000)) }
        if type == "text/html" || type == "text/x-server-parsed-html" { return type == "text/html" ? 2 : 2 }
        return type == "text/x-server-parsed-html3" ? 3 : 0
    }
}

extension Pool {
    func lowercased(_ bytes: Bytes) -> Bytes {
        compose(capacity: bytes.count) { writer in for byte in bytes.buffer { writer.append(byte.asciiLowercased) } }
    }
}
