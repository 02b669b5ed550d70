import COpenSSL
import Glibc

/// What is wrong with a file, and what to do about it; said after the directive and the file.
struct FileProblem: Error {
    let code: StaticString
    let text: String
}

/// One block of a PEM file; valid during the visit.
struct PEMBlock {
    let name: String
    /// The lines between the marker and the data: where old key formats say that they are encrypted.
    let header: String
    let bytes: UnsafeMutablePointer<UInt8>
    let count: Int

    var isCertificate: Bool { ["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"].contains(name) }
    var isKey: Bool { name == "PRIVATE KEY" || name.hasSuffix(" PRIVATE KEY") }
    var isEncrypted: Bool { name == "ENCRYPTED PRIVATE KEY" || strstr(header, "ENCRYPTED") != nil }
}

/// The contents of an SSLCertificateFile. Its owner calls `free`.
struct CertificateFile {
    private(set) var certificates: [OpaquePointer] = []
    private(set) var dhParameters: OpaquePointer?
    private(set) var curve: String?
    private(set) var holdsKey = false

    init(_ path: String) throws {
        do {
            try PEM.visit(path) { block in try take(block) }
        } catch {
            free()
            throw error
        }
    }

    /// The server's own certificate: the first of the file.
    var leaf: OpaquePointer? { certificates.first }

    /// The intermediate certificates that are sent along.
    var chain: ArraySlice<OpaquePointer> { certificates.dropFirst() }

    func free() {
        for certificate in certificates { X509_free(certificate) }
        EVP_PKEY_free(dhParameters)
    }

    private mutating func take(_ block: PEMBlock) throws {
        var place: UnsafePointer<UInt8>? = UnsafePointer(block.bytes)
        switch block.name {
        case _ where block.isCertificate:
            guard let certificate = d2i_X509_AUX(nil, &place, block.count) else {
                throw FileProblem(
                    code: "AH02561",
                    text:
                        "certificate \(certificates.count + 1) of the file is damaged: "
                        + ErrorQueue.takeReason()
                )
            }
            certificates.append(certificate)
        case _ where block.isKey: holdsKey = true
        case "DH PARAMETERS":
            EVP_PKEY_free(dhParameters)
            dhParameters = d2i_KeyParams(EVP_PKEY_DH, nil, &place, block.count)
        case "EC PARAMETERS": curve = CertificateFile.curveName(&place, block.count)
        default: break
        }
    }

    private static func curveName(_ place: inout UnsafePointer<UInt8>?, _ count: Int) -> String? {
        guard let parameters = d2i_KeyParams(EVP_PKEY_EC, nil, &place, count) else { return nil }
        defer { EVP_PKEY_free(parameters) }
        var name = [CChar](repeating: 0, count: 64)
        var length = 0
        guard EVP_PKEY_get_group_name(parameters, &name, name.count, &length) == 1 else { return nil }
        return String(decoding: name.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

enum PEM {
    /// Calls `body` for each block of the file. Key material is wiped after each call.
    static func visit(_ path: String, _ body: (PEMBlock) throws -> Void) throws {
        let file = try open(path)
        defer { BIO_free(file) }
        while try next(file, body) {}
    }

    /// Reads the first private key of the file; nil: it holds none.
    static func key(in path: String) throws -> OpaquePointer? {
        var key: OpaquePointer?
        do {
            try visit(path) { if key == nil, $0.isKey { key = try decodeKey($0) } }
        } catch {
            EVP_PKEY_free(key)
            throw error
        }
        return key
    }

    private static func decodeKey(_ block: PEMBlock) throws -> OpaquePointer {
        guard !block.isEncrypted else {
            throw FileProblem(
                code: "AH02577",
                text:
                    "the private key is encrypted; encrypted keys need SSLPassPhraseDialog, which this "
                    + "version does not offer: decrypt it with `openssl pkey -in FILE -out NEWFILE` and keep "
                    + "that readable by root only"
            )
        }
        var place: UnsafePointer<UInt8>? = UnsafePointer(block.bytes)
        guard let key = d2i_AutoPrivateKey(nil, &place, block.count) else {
            throw FileProblem(code: "AH02564", text: "the private key is damaged: \(ErrorQueue.takeReason())")
        }
        ERR_clear_error()
        return key
    }

    private static func open(_ path: String) throws -> OpaquePointer {
        var facts = stat()
        if stat(path, &facts) == 0, facts.st_mode & S_IFMT == S_IFDIR {
            throw FileProblem(code: "AH02561", text: "this is a directory; name a PEM file in it")
        }
        errno = 0
        guard let file = BIO_new_file(path, "r") else {
            let reason = errno
            ERR_clear_error()
            throw FileProblem(
                code: "AH02561", text: "cannot be read: \(String(cString: strerror(reason)))\(hint(reason))")
        }
        return file
    }

    private static func hint(_ reason: Int32) -> String {
        switch reason {
        case ENOENT, ENOTDIR: "; check the path, a relative one starts at ServerRoot"
        case EACCES, EPERM: "; start the server as root, or let its user read the file"
        default: ""
        }
    }

    /// - Returns: false at the end of the file.
    private static func next(_ file: OpaquePointer, _ body: (PEMBlock) throws -> Void) throws -> Bool {
        var name: UnsafeMutablePointer<CChar>?
        var header: UnsafeMutablePointer<CChar>?
        var bytes: UnsafeMutablePointer<UInt8>?
        var count = 0
        guard PEM_read_bio(file, &name, &header, &bytes, &count) == 1, let name, let header, let bytes else {
            guard cossl_error_reason(ERR_peek_last_error()) == PEM_R_NO_START_LINE else {
                throw FileProblem(code: "AH02561", text: "damaged PEM file: \(ErrorQueue.takeReason())")
            }
            ERR_clear_error()
            return false
        }
        defer {
            cossl_free(name)
            cossl_free(header)
            cossl_clear_free(bytes, count)
        }
        try body(
            PEMBlock(name: String(cString: name), header: String(cString: header), bytes: bytes, count: count)
        )
        return true
    }
}
