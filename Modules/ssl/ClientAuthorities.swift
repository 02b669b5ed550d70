import COpenSSL
import ModuleKit

/// Puts the authorities and revocation lists that judge clients into a server's context.
final class ClientAuthorities {
    private let ctx: OpaquePointer
    private let files: FileSource
    private let reporter: Reporter
    /// What the directives' names begin with.
    private let prefix: String
    /// A digest of everything loaded.
    private(set) var fingerprint: [UInt8] = []
    private var store: OpaquePointer? { SSL_CTX_get_cert_store(ctx) }

    init(ctx: OpaquePointer, files: FileSource, reporter: Reporter, prefix: String = "SSL") {
        self.prefix = prefix
        self.ctx = ctx
        self.files = files
        self.reporter = reporter
    }

    func load(_ policy: ClientPolicy, serverAt place: Location) {
        var known = 0
        if let file = policy.authorityFile {
            known += attempt("CACertificateFile", file) { try addAuthorities(file.value) } ?? 1
        }
        if let path = policy.authorityPath {
            known += attempt("CACertificatePath", path) { try addAuthorities(inDirectory: path) } ?? 1
        }
        nameAuthorities(policy)
        loadRevocations(policy)
        if known == 0, policy.mode == .require || policy.mode == .optional {
            reporter.warn(
                "AH02268", at: policy.verification?.location ?? place,
                "certificates are to be verified, but no authority is known to verify them by; "
                    + "add \(prefix)CACertificateFile")
        }
    }

    private func attempt<T>(_ directive: String, _ file: Located<String>, _ body: () throws -> T) -> T? {
        do {
            return try body()
        } catch let problem as FileProblem {
            reporter.error(problem.code, at: file.location, "\(prefix)\(directive) \(file.value): \(problem.text)")
        } catch {
            reporter.error("APUS3001", at: file.location, "\(prefix)\(directive) \(file.value): \(error)")
        }
        return nil
    }

    private func remember(_ bytes: [UInt8]) {
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var length: UInt32 = 0
        guard EVP_Digest(bytes, bytes.count, &digest, &length, EVP_sha256(), nil) == 1 else { return }
        fingerprint += digest.prefix(Int(length))
    }

    private func addAuthorities(_ path: String) throws -> Int {
        let contents = try files.read(path)
        remember(contents)
        let count = try PEM.certificates(in: contents) { _ = X509_STORE_add_cert(store, $0) }
        guard count > 0 else {
            throw FileProblem(code: "AH02210", text: "no PEM certificate in it (-----BEGIN CERTIFICATE-----)")
        }
        return count
    }

    private func addAuthorities(inDirectory path: Located<String>) throws -> Int {
        let paths = try files.hashed(in: path.value, marker: "")
        if paths.isEmpty {
            reporter.warn(
                "AH02210", at: path.location,
                "\(prefix)CACertificatePath \(path.value): no certificate in it has a hashed name; "
                    + "run `openssl rehash \(path.value)`")
        }
        return try paths.reduce(0) { try $0 + addAuthorities($1) }
    }

    // MARK: The names that clients are told

    private func nameAuthorities(_ policy: ClientPolicy) {
        let ownNames = policy.namesFile != nil || policy.namesPath != nil
        let file = ownNames ? policy.namesFile : policy.authorityFile
        let path = ownNames ? policy.namesPath : policy.authorityPath
        guard file != nil || path != nil, let names = cossl_names_new() else { return }
        var seen: Set<[UInt8]> = []
        if let file { attempt("CADNRequestFile", file) { try addNames(of: file.value, names, &seen) } }
        if let path {
            attempt("CADNRequestPath", path) {
                for name in try files.names(in: path.value) {
                    try addNames(of: "\(path.value)/\(name)", names, &seen)
                }
            }
        }
        SSL_CTX_set_client_CA_list(ctx, names)
    }

    private func attempt(_ directive: String, _ file: Located<String>, _ body: () throws -> Void) {
        let _: Void? = attempt(directive, file, body)
    }

    private func addNames(of path: String, _ names: OpaquePointer, _ seen: inout Set<[UInt8]>) throws {
        let contents = try files.read(path)
        _ = try PEM.certificates(in: contents) { certificate in
            guard let name = X509_get_subject_name(certificate) else { return }
            var bytes: UnsafeMutablePointer<UInt8>?
            let count = i2d_X509_NAME(name, &bytes)
            guard count > 0, let bytes else { return }
            defer { cossl_free(bytes) }
            guard seen.insert(Array(UnsafeBufferPointer(start: bytes, count: Int(count)))).inserted else { return }
            if let copy = X509_NAME_dup(name) { _ = cossl_names_push(names, copy) }
        }
    }

    // MARK: Revocation

    private func loadRevocations(_ policy: ClientPolicy) {
        var lists = 0
        if let file = policy.revocationFile {
            lists += attempt("CARevocationFile", file) { try addLists(file.value) } ?? 1
        }
        if let path = policy.revocationPath {
            let count = attempt("CARevocationPath", path) {
                try files.hashed(in: path.value, marker: "r").reduce(0) { try $0 + addLists($1) }
            }
            lists += count ?? 1
        }
        let check = policy.revocationCheck
        switch check?.value ?? .none {
        case .none:
            guard let given = policy.revocationFile ?? policy.revocationPath else { return }
            reporter.warn(
                "AH01899", at: given.location,
                "certificate revocation lists are given, but \(prefix)CARevocationCheck is none, so they are not "
                    + "consulted; add \(prefix)CARevocationCheck chain")
        case .leaf: _ = X509_STORE_set_flags(store, UInt(X509_V_FLAG_CRL_CHECK))
        case .chain: _ = X509_STORE_set_flags(store, UInt(X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL))
        }
        guard lists == 0, let check, check.value != .none, !policy.toleratesMissingLists else { return }
        reporter.warn(
            "AH01900", at: check.location,
            "\(prefix)CARevocationCheck is set, but there are no revocation lists: every certificate will be refused; "
                + "add \(prefix)CARevocationFile")
    }

    /// The rules for looking clients up with responders; nil: they are not looked up.
    func statusRules(_ policy: OCSPPolicy) -> Unmanaged<ClientStatusRules>? {
        guard policy.mode != .off else { return nil }
        var responders: OpaquePointer?
        if let file = policy.responderCertificates {
            attempt("OCSPResponderCertificateFile", file) {
                let list = cossl_certificates_new()
                responders = list
                _ = try PEM.certificates(in: try files.read(file.value)) {
                    X509_up_ref($0)
                    _ = cossl_certificates_push(list, $0)
                }
            }
        }
        return Unmanaged.passRetained(ClientStatusRules(policy, ctx, responders: responders))
    }

    private func addLists(_ path: String) throws -> Int {
        let contents = try files.read(path)
        remember(contents)
        var count = 0
        try PEM.visit(contents) { block in
            guard block.name == "X509 CRL" else { return }
            var place: UnsafePointer<UInt8>? = UnsafePointer(block.bytes)
            guard let list = d2i_X509_CRL(nil, &place, block.count) else {
                throw FileProblem(code: "AH01901", text: "a revocation list is damaged: \(ErrorQueue.takeReason())")
            }
            count += 1
            _ = X509_STORE_add_crl(store, list)
            X509_CRL_free(list)
        }
        ERR_clear_error()
        guard count > 0 else {
            throw FileProblem(code: "AH01901", text: "no PEM revocation list in it (-----BEGIN X509 CRL-----)")
        }
        return count
    }
}
