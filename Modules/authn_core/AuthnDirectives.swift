import ModuleKit

private let inSections: Scopes = [.directory, .location, .files, .htaccess]

let authnDirectives: [Directive] = [
    Directive("AuthType", .one, in: inSections, override: .auth, help: "None, Basic, Digest or Form") {
        let text = $0.pool.copy($1[0])
        $0.configuration(AuthnDirConf.self).pointee.setType(text)
    },
    Directive("AuthName", .one, in: inSections, override: .auth, help: "the realm") {
        let text = escapedQuotes($1[0], in: $0.pool)
        $0.configuration(AuthnDirConf.self).pointee.setName(text)
    },
    Directive("AuthnProviderAlias", .section, in: .global, help: "provider alias") {
        try aliasProvider($0, $1.count > 0 ? $1[0] : Bytes(""))
    },
]

/// The text with a backslash before each quotation mark that has none.
private func escapedQuotes(_ text: Bytes, in pool: Pool) -> Bytes {
    pool.compose(capacity: text.count * 2 + 1) { writer in
        var isEscaped = false
        for byte in text.buffer {
            if byte == UInt8(ascii: "\""), !isEscaped { writer.append(UInt8(ascii: "\\")) }
            writer.append(byte)
            isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
        }
    }
}
