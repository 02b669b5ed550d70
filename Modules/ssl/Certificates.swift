import COpenSSL
import Glibc

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

    /// The certificate in it; nil: it is damaged.
    func certificate() -> OpaquePointer? {
        var place: UnsafePointer<UInt8>? = UnsafePointer(bytes)
        return d2i_X509_AUX(nil, &place, count)
    }

    /// The private key in a block that is not encrypted; nil: it is damaged.
    func key() -> OpaquePointer? {
        var place: UnsafePointer<UInt8>? = UnsafePointer(bytes)
        return d2i_AutoPrivateKey(nil, &place, count)
    }

    /// The private key in an encrypted block; nil: the phrase does not fit.
    func decrypt(_ phrase: String) -> OpaquePointer? {
        defer { ERR_clear_error() }
        guard let file = BIO_new(BIO_s_mem()) else { return nil }
        defer { BIO_free(file) }
        guard PEM_write_bio(file, name, header, bytes, count) > 0 else { return nil }
        return phrase.withCString { phrase in
            PEM_read_bio_PrivateKey(file, nil, givePhrase, UnsafeMutableRawPointer(mutating: phrase))
        }
    }
}

private func givePhrase(
    _ buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int32, _ forWriting: Int32, _ phrase: UnsafeMutableRawPointer?
) -> Int32 {
    guard let buffer, let phrase = phrase?.assumingMemoryBound(to: CChar.self) else { return -1 }
    let length = strlen(phrase)
    guard length <= Int(capacity) else { return -1 }
    memcpy(buffer, phrase, length)
    return Int32(length)
}

/// The contents of an SSLCertificateFile. Its owner calls `free`.
struct CertificateFile {
    private(set) var certificates: [OpaquePointer] = []
    private(set) var dhParameters: OpaquePointer?
    private(set) var curve: String?
    private(set) var holdsKey = false

    init(_ bytes: [UInt8]) throws {
        do {
            try PEM.visit(bytes) { block in try take(block) }
        } catch {
            free()
            throw error
        }
    }

    /// One certificate that did not come from a file.
    init(certificate: OpaquePointer) { certificates = [certificate] }

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
            guard let certificate = block.certificate() else {
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
    static func visit(_ contents: [UInt8], _ body: (PEMBlock) throws -> Void) throws {
        try contents.withUnsafeBytes { bytes in
            guard let file = BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count)) else {
                throw FileProblem(code: "AH02561", text: "cannot be held in memory")
            }
            defer { BIO_free(file) }
            while try next(file, body) {}
        }
    }

    /// Reads the first private key of the file with `decrypt` for one that is encrypted; nil: it holds none.
    static func key(in contents: [UInt8], decrypt: (PEMBlock) throws -> OpaquePointer) throws -> OpaquePointer? {
        var key: OpaquePointer?
        do {
            try visit(contents) {
                if key == nil, $0.isKey { key = $0.isEncrypted ? try decrypt($0) : try decodeKey($0) }
            }
        } catch {
            EVP_PKEY_free(key)
            throw error
        }
        return key
    }

    /// Calls `body` for each certificate of the file.
    static func certificates(in contents: [UInt8], _ body: (OpaquePointer) -> Void) throws -> Int {
        var count = 0
        try visit(contents) { block in
            guard block.isCertificate else { return }
            count += 1
            guard let certificate = block.certificate() else {
                throw FileProblem(
                    code: "AH02561", text: "certificate \(count) of the file is damaged: \(ErrorQueue.takeReason())")
            }
            body(certificate)
            X509_free(certificate)
        }
        return count
    }

    private static func decodeKey(_ block: PEMBlock) throws -> OpaquePointer {
        guard let key = block.key() else {
            throw FileProblem(code: "AH02564", text: "the private key is damaged: \(ErrorQueue.takeReason())")
        }
        ERR_clear_error()
        return key
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
