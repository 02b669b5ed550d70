import COpenSSL
import ModuleKit

/// The versions of TLS that SSLProtocol allows.
struct Protocols: OptionSet, Hashable {
    let rawValue: UInt8

    static let tls10 = Protocols(rawValue: 1)
    static let tls11 = Protocols(rawValue: 2)
    static let tls12 = Protocols(rawValue: 4)
    static let tls13 = Protocols(rawValue: 8)
    static let all: Protocols = [.tls10, .tls11, .tls12, .tls13]
    /// What holds without SSLProtocol. httpd would also allow TLS 1.0 and 1.1, which RFC 8996 forbids.
    static let standard: Protocols = [.tls12, .tls13]

    /// Each version, oldest first, with its name, OpenSSL's number and the option that turns it off.
    private static let versions: [(Protocols, name: String, number: Int32, off: UInt64)] = [
        (.tls10, "TLSv1", TLS1_VERSION, cossl_op_no_tls1), (.tls11, "TLSv1.1", TLS1_1_VERSION, cossl_op_no_tls11),
        (.tls12, "TLSv1.2", TLS1_2_VERSION, cossl_op_no_tls12), (.tls13, "TLSv1.3", TLS1_3_VERSION, cossl_op_no_tls13),
    ]

    var names: String { Protocols.versions.filter { contains($0.0) }.map(\.name).joined(separator: ", ") }

    var lowest: Int32 { Protocols.versions.first { contains($0.0) }?.number ?? 0 }
    var highest: Int32 { Protocols.versions.last { contains($0.0) }?.number ?? 0 }

    /// The options for versions missing between the lowest and the highest.
    var holes: UInt64 {
        Protocols.versions.filter { $0.number > lowest && $0.number < highest && !contains($0.0) }
            .reduce(0) { $0 | $1.off }
    }

    /// Reads SSLProtocol's words by httpd's rules: a sign adds or removes, a bare name replaces all before
    /// it.
    static func parse(
        _ words: [String], for directive: String = "SSLProtocol", warn: (String) -> Void
    ) throws -> Protocols {
        var result: Protocols = []
        for word in words {
            let sign = word.first.flatMap { "+-".contains($0) ? $0 : nil }
            let name = sign == nil ? word : String(word.dropFirst())
            guard let named = try version(named: name, removing: sign == "-", directive) else { continue }
            switch sign {
            case "+": result.formUnion(named)
            case "-": result.subtract(named)
            default:
                if !result.isEmpty { warn(overriding(word, directive)) }
                result = named
            }
        }
        return result
    }

    private static func overriding(_ word: String, _ directive: String) -> String {
        "\(directive): \"\(word)\" without a sign replaces the protocols named before it; "
            + "write -all +TLSv1.2 +TLSv1.3 to allow several"
    }

    /// - Returns: nil for a version that is always off, when it is to be removed.
    private static func version(
        named name: String, removing: Bool, _ directive: String
    ) throws -> Protocols? {
        switch name.lowercased() {
        case "tlsv1": return .tls10
        case "tlsv1.1": return .tls11
        case "tlsv1.2": return .tls12
        case "tlsv1.3": return .tls13
        case "all": return .all
        case "sslv2", "sslv3":
            if removing { return nil }
            throw DirectiveError(
                "\(directive): \(name) is broken and no longer supported; use TLSv1.2 and TLSv1.3")
        default:
            throw DirectiveError(
                "\(directive): illegal protocol \"\(name)\"; "
                    + "known are TLSv1, TLSv1.1, TLSv1.2, TLSv1.3 and all"
            )
        }
    }
}
