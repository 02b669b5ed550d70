import Glibc
import ModuleKit

/// One representation among others.
struct Variant {
    /// Its file, relative to the directory of the request; for a body inside a type map the map's own.
    var file: Bytes
    /// In lower case, without parameters.
    var type = Bytes.none
    var charset = Bytes.none
    var encoding = Bytes.none
    /// As it was given.
    var languageField = Bytes.none
    /// In lower case.
    var languages: [Bytes] = []
    var description = Bytes.none
    var level = 0
    /// In thousandths: what its author thinks of it.
    var sourceQuality = 1000
    /// -1: not known.
    var length: Int64 = -1
    /// The looked-up request of a file of MultiViews.
    var request: Request?
    /// Where its body stands in the type map.
    var body: Range<Int64>?

    // What the client thinks of it, in thousandths but for languages.
    var typeQuality = 0
    /// In ten-thousandths.
    var languageQuality = 10_000
    var charsetQuality = 1000
    var encodingQuality = 1000
    /// Its place in LanguagePriority; -1: none.
    var languageIndex = -1
    /// How exactly the type fits: 1 for any, 2 for any subtype, 3 for itself.
    var typeMatch = 0
    var levelMatched = 0

    init(file: Bytes) { self.file = file }

    /// Takes a media type apart.
    mutating func setType(_ field: Bytes, _ pool: Pool) {
        let end = field.firstIndex(of: UInt8(ascii: ";")) ?? field.count
        let parameters = Parameters(field.from(end))
        type = pool.lowercased(field.upTo(end).trimmed)
        level = parameters.level(of: type)
        if let charset = parameters["charset"] { self.charset = pool.lowercased(charset) }
        if parameters["qs"] != nil { sourceQuality = Self.thousandths(parameters["qs"] ?? .none) }
    }

    mutating func setLanguages(_ field: Bytes, _ pool: Pool) {
        languageField = field
        languages = []
        field.eachListElement { languages.append(pool.lowercased($0)) }
    }

    private static func thousandths(_ text: Bytes) -> Int {
        let value = strtod(text.string, nil)
        return value.isFinite ? Int(max(0, min(value, 1000)) * 1000) : 0
    }

    /// Whether an encoding is none (RFC 9110, 12.5.3).
    var isPlain: Bool {
        encoding.isEmpty || ["identity", "7bit", "8bit", "binary"].contains { encoding.equalsIgnoringCase($0) }
    }
}
