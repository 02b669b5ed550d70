import COpenSSL
import Glibc
import ModuleKit

/// One SSLRequire.
final class SSLRequirement {
    let text: String
    private let root: RequireNode

    init(_ command: Command, _ text: Bytes) throws {
        var parser = RequireParser(text, in: command)
        guard !text.trimmed.isEmpty else { throw DirectiveError("SSLRequire takes an expression") }
        root = try parser.parse()
        self.text = text.string
    }

    func holds(for request: Request) -> Bool { RequireEvaluator(request: request).isTrue(root) }
}

/// Evaluates an SSLRequire expression for a request.
private struct RequireEvaluator {
    let request: Request

    func isTrue(_ node: RequireNode) -> Bool {
        switch node {
        case .constant(let value): value
        case .not(let inner): !isTrue(inner)
        case .and(let left, let right): isTrue(left) && isTrue(right)
        case .or(let left, let right): isTrue(left) || isTrue(right)
        case .compare(let left, let operation, let right): holds(operation, order(value(left), value(right)))
        case .member(let word, let list): contains(value(word), list)
        case .peerMember(let word, let oid): isPeerExtension(value(word), value(oid))
        case .match(let word, let pattern, let isNegated): pattern.matches(value(word)) != isNegated
        }
    }

    private func contains(_ wanted: Bytes, _ list: [RequireWord]) -> Bool {
        list.contains { value($0) == wanted }
    }

    private func holds(_ operation: RequireComparison, _ order: Int) -> Bool {
        switch operation {
        case .equal: order == 0
        case .unequal: order != 0
        case .less: order < 0
        case .lessOrEqual: order <= 0
        case .greater: order > 0
        case .greaterOrEqual: order >= 0
        }
    }

    /// The shorter text comes first, then the bytes count: so numbers compare as numbers.
    private func order(_ a: Bytes, _ b: Bytes) -> Int {
        guard a.count == b.count else { return a.count - b.count }
        return a.isEmpty ? 0 : Int(memcmp(a.ptr, b.ptr, a.count))
    }

    private func value(_ word: RequireWord) -> Bytes {
        switch word {
        case .text(let text): text
        case .variable(let variable): variable.text(request) ?? .none
        case .file(let path): contents(path)
        }
    }

    private static let fileLimit = 1 << 20

    private func contents(_ path: String) -> Bytes {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard file >= 0 else {
            Log(host: request.host).error(
                "SSLRequire: file(\"\(path)\") cannot be read: \(String(cString: strerror(errno)))", request: request)
            return .none
        }
        defer { close(file) }
        var facts = stat()
        guard fstat(file, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG, facts.st_size <= RequireEvaluator.fileLimit
        else { return .none }
        let place = request.pool.allocate(UInt8.self, count: Int(facts.st_size))
        let count = read(file, place, Int(facts.st_size))
        return count > 0 ? Bytes(UnsafeRawPointer(place), count: count) : .none
    }

    private func isPeerExtension(_ wanted: Bytes, _ oid: Bytes) -> Bool {
        PeerExtensions.values(oid, request).contains { $0 == wanted }
    }
}

/// The values of extensions of a client's certificate.
enum PeerExtensions {
    /// - Parameter oid: a name or number that OpenSSL knows: "1.2.3.4", "nsComment".
    static func values(_ oid: Bytes, _ request: Request) -> [Bytes] {
        guard let tls = request.tls, let certificate = SSL_get0_peer_certificate(tls.pointee.ssl),
            let object = OBJ_txt2obj(oid.string, 0)
        else { return [] }
        defer { ASN1_OBJECT_free(object) }
        var values: [Bytes] = []
        var index = X509_get_ext_by_OBJ(certificate, object, -1)
        while index >= 0 {
            if let found = X509_get_ext(certificate, index) { values.append(text(of: found, request)) }
            index = X509_get_ext_by_OBJ(certificate, object, index)
        }
        ERR_clear_error()
        return values
    }

    /// As `openssl x509 -text` prints it; an extension that OpenSSL does not know is printed as the string that it holds.
    private static func text(of found: OpaquePointer, _ request: Request) -> Bytes {
        let printed = CertificateVariables.print(request) { X509V3_EXT_print($0, found, 0, 0) }
        return printed.isSet ? printed : string(in: found, request)
    }

    private static func string(in found: OpaquePointer, _ request: Request) -> Bytes {
        guard let data = X509_EXTENSION_get_data(found) else { return .none }
        var place: UnsafePointer<UInt8>? = ASN1_STRING_get0_data(data)
        guard let value = d2i_ASN1_TYPE(nil, &place, Int(ASN1_STRING_length(data))) else { return .none }
        defer { ASN1_TYPE_free(value) }
        let kinds = [V_ASN1_UTF8STRING, V_ASN1_IA5STRING, V_ASN1_PRINTABLESTRING, V_ASN1_T61STRING, V_ASN1_BMPSTRING]
        guard kinds.contains(value.pointee.type) else { return .none }
        return NamePart.text(UnsafePointer(value.pointee.value.asn1_string), request)
    }
}
