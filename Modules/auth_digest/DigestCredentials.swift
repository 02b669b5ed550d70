import AuthKit
import ModuleKit

/// What a client sends to say who it is (RFC 7616 section 3.4).
struct DigestCredentials: BitwiseCopyable {
    var user = Bytes.none
    var realm = Bytes.none
    var nonce = Bytes.none
    var uri = Bytes.none
    var response = Bytes.none
    var algorithm = Bytes.none
    var clientNonce = Bytes.none
    var quality = Bytes.none
    var count = Bytes.none
    /// The user's name as it was sent: what the client has hashed.
    private var isComplete: Bool { user.isSet && realm.isSet && nonce.isSet && uri.isSet && response.isSet }

    enum Problem: Error {
        case otherScheme
        /// Something is missing, there twice, or not written as it must be.
        case invalid
    }

    /// Takes the field apart.
    init(_ field: Bytes, in pool: Pool) throws(Problem) {
        var rest = field
        guard rest.takeListWord().equalsIgnoringCase("Digest") else { throw .otherScheme }
        while true {
            rest = rest.trimmed
            while !rest.isEmpty, rest[0] == UInt8(ascii: ",") { rest = rest.from(1).trimmed }
            guard !rest.isEmpty else { break }
            guard let (name, value) = DigestCredentials.parameter(&rest, pool) else { throw .invalid }
            guard set(name, value, pool) else { throw .invalid }
        }
        guard isComplete, quality.isSet ? clientNonce.isSet && count.isSet : true else { throw .invalid }
        // A user's name ends at a colon where it is hashed and where it is stored.
        guard !user.contains(UInt8(ascii: ":")), !user.contains(0), !realm.contains(0) else { throw .invalid }
    }

    /// NAME=VALUE or NAME="VALUE" with backslashes before what is meant as it is; then a comma or the end.
    private static func parameter(_ rest: inout Bytes, _ pool: Pool) -> (Bytes, Bytes)? {
        guard let equals = rest.firstIndex(of: UInt8(ascii: "=")) else { return nil }
        let name = rest.upTo(equals).trimmed
        rest = rest.from(equals + 1).trimmed
        guard !rest.isEmpty, rest[0] == UInt8(ascii: "\"") else {
            let end = rest.firstIndex(of: UInt8(ascii: ",")) ?? rest.count
            defer { rest = rest.from(end) }
            return (name, rest.upTo(end).trimmed)
        }
        var writer = ByteWriter(UnsafeMutableRawPointer(pool.allocate(UInt8.self, count: rest.count)), capacity: rest.count)
        var index = 1
        while index < rest.count, rest[index] != UInt8(ascii: "\"") {
            if rest[index] == UInt8(ascii: "\\"), index + 1 < rest.count { index += 1 }
            writer.append(rest[index])
            index += 1
        }
        guard index < rest.count else { return nil }
        rest = rest.from(index + 1).trimmed
        guard rest.isEmpty || rest[0] == UInt8(ascii: ",") else { return nil }
        return (name, writer.written)
    }

    /// False: it was there before.
    private mutating func set(_ name: Bytes, _ value: Bytes, _ pool: Pool) -> Bool {
        func fill(_ field: inout Bytes) -> Bool {
            guard !field.isSet else { return false }
            field = value
            return true
        }
        if name.equalsIgnoringCase("username") { return fill(&user) }
        if name.equalsIgnoringCase("realm") { return fill(&realm) }
        if name.equalsIgnoringCase("nonce") { return fill(&nonce) }
        if name.equalsIgnoringCase("uri") { return fill(&uri) }
        if name.equalsIgnoringCase("response") { return fill(&response) }
        if name.equalsIgnoringCase("algorithm") { return fill(&algorithm) }
        if name.equalsIgnoringCase("cnonce") { return fill(&clientNonce) }
        if name.equalsIgnoringCase("qop") { return fill(&quality) }
        if name.equalsIgnoringCase("nc") { return fill(&count) }
        if name.equalsIgnoringCase("userhash") { return value.equalsIgnoringCase("false") }
        if name.equalsIgnoringCase("username*") {
            guard let decoded = DigestCredentials.extended(value, pool), !user.isSet else { return false }
            user = decoded
        }
        return true
    }

    /// UTF-8''NAME with percent signs (RFC 5987).
    private static func extended(_ value: Bytes, _ pool: Pool) -> Bytes? {
        guard value.hasPrefixIgnoringCase("UTF-8'"), let quote = value.firstIndex(of: UInt8(ascii: "'"), from: 6) else {
            return nil
        }
        let text = value.from(quote + 1)
        var writer = ByteWriter(UnsafeMutableRawPointer(pool.allocate(UInt8.self, count: text.count)), capacity: text.count)
        var index = 0
        while index < text.count {
            if text[index] == UInt8(ascii: "%") {
                guard index + 2 < text.count, let high = text[index + 1].hexValue, let low = text[index + 2].hexValue else {
                    return nil
                }
                writer.append(high << 4 | low)
                index += 3
            } else {
                writer.append(text[index])
                index += 1
            }
        }
        return writer.written
    }

    /// The count as a number: eight hexadecimal digits.
    var countValue: UInt64? {
        guard count.count == 8 else { return nil }
        var value: UInt64 = 0
        for byte in count.buffer {
            guard let digit = byte.hexValue else { return nil }
            value = value << 4 | UInt64(digit)
        }
        return value
    }
}
