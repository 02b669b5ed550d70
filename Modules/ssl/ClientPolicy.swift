import COpenSSL
import ModuleKit

/// SSLVerifyClient: what is asked of clients.
enum ClientVerification: Int32 {
    case none, optional, require
    /// A certificate may be shown, and may be of an unknown authority.
    case optionalNoCA

    init(word: Bytes) throws {
        switch word.string.lowercased() {
        case "none", "off": self = .none
        case "optional": self = .optional
        case "require", "on": self = .require
        case "optional_no_ca": self = .optionalNoCA
        default:
            throw DirectiveError(
                "\"\(word.string)\" is none of none, optional, require and optional_no_ca")
        }
    }

    /// OpenSSL's verification mode.
    var mode: Int32 {
        switch self {
        case .none: SSL_VERIFY_NONE
        case .optional, .optionalNoCA: SSL_VERIFY_PEER
        case .require: SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
        }
    }

    /// Whether a client that satisfies `self` satisfies `other` as well.
    func satisfies(_ other: ClientVerification) -> Bool {
        switch other {
        case .none: true
        case .optionalNoCA: self != .none
        case .optional: self == .optional || self == .require
        case .require: self == .require
        }
    }
}

/// SSLCARevocationCheck: of which certificates revocation lists are consulted.
enum RevocationCheck: String {
    case none, leaf, chain
}

/// What the directives of a server say about the certificates of clients.
struct ClientPolicy {
    /// The intermediate authorities that may stand between a client and a trusted one, by default.
    static let standardDepth: Int32 = 1

    var verification: Located<ClientVerification>?
    var depth: Located<Int32>?
    var authorityFile: Located<String>?
    var authorityPath: Located<String>?
    var namesFile: Located<String>?
    var namesPath: Located<String>?
    var revocationFile: Located<String>?
    var revocationPath: Located<String>?
    var revocationCheck: Located<RevocationCheck>?
    var toleratesMissingLists = false
    var ocsp = OCSPPolicy()

    var mode: ClientVerification { verification?.value ?? .none }

    /// What is asked, without the files that the answer is judged by.
    var question: String {
        let check = revocationCheck?.value ?? .none
        return
            "\(mode)|\(depth?.value ?? ClientPolicy.standardDepth)|\(check)|\(toleratesMissingLists)|\(ocsp.identity)"
    }

    /// Equal texts: a client known to one server is known to the other in the same way.
    var identity: String {
        let parts: [String] = [
            question, authorityFile?.value ?? "", authorityPath?.value ?? "", namesFile?.value ?? "",
            namesPath?.value ?? "",
            revocationFile?.value ?? "", revocationPath?.value ?? "",
        ]
        return parts.joined(separator: "\u{1}")
    }
}
