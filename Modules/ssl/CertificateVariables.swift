import COpenSSL
import Glibc
import ModuleKit

/// What SSL_CLIENT_… and SSL_SERVER_… say of a certificate. Its contents may be hostile: control bytes are escaped.
enum CertificateVariables {
    static func value(_ name: Bytes, _ certificate: OpaquePointer?, _ request: Request) -> Bytes {
        guard let certificate else { return .none }
        if name.hasPrefix("S_DN") { return dn(name.from(4), X509_get_subject_name(certificate), request) }
        if name.hasPrefix("I_DN") { return dn(name.from(4), X509_get_issuer_name(certificate), request) }
        if name.hasPrefix("SAN_") { return AlternativeNames.value(name.from(4), certificate, request) }
        if name == "M_VERSION" { return Variables.number(Int(X509_get_version(certificate)) + 1, request) }
        if name == "M_SERIAL" { return print(request) { i2a_ASN1_INTEGER($0, X509_get0_serialNumber(certificate)) } }
        if name == "V_START" { return print(request) { ASN1_TIME_print($0, X509_get0_notBefore(certificate)) } }
        if name == "V_END" { return print(request) { ASN1_TIME_print($0, X509_get0_notAfter(certificate)) } }
        if name == "V_REMAIN" { return daysLeft(certificate, request) }
        if name == "A_SIG" { return Variables.text(OBJ_nid2ln(X509_get_signature_nid(certificate))) }
        if name == "A_KEY" { return keyKind(certificate) }
        if name == "CERT" { return pem(certificate, request) }
        if name == "CERT_RFC4523_CEA" { return assertion(certificate, request) }
        return .none
    }

    /// What `body` prints, in the request's memory.
    static func print(_ request: Request, _ body: (OpaquePointer) -> Int32) -> Bytes {
        guard let output = BIO_new(BIO_s_mem()) else { return .none }
        defer { BIO_free(output) }
        guard body(output) > 0 else {
            ERR_clear_error()
            return .none
        }
        var start: UnsafePointer<CChar>?
        let count = cossl_bio_data(output, &start)
        return request.pool.copy(Bytes(ptr: start, len: count))
    }

    static func pem(_ certificate: OpaquePointer, _ request: Request) -> Bytes {
        print(request) { PEM_write_bio_X509($0, certificate) }
    }

    private static func daysLeft(_ certificate: OpaquePointer, _ request: Request) -> Bytes {
        var days: Int32 = 0
        var seconds: Int32 = 0
        guard ASN1_TIME_diff(&days, &seconds, nil, X509_get0_notAfter(certificate)) == 1 else { return .none }
        return days < 0 || seconds < 0 ? Bytes("0") : Variables.number(Int(days), request)
    }

    private static func keyKind(_ certificate: OpaquePointer) -> Bytes {
        var algorithm: OpaquePointer?
        guard X509_PUBKEY_get0_param(&algorithm, nil, nil, nil, X509_get_X509_PUBKEY(certificate)) == 1 else {
            return .none
        }
        return Variables.text(OBJ_nid2ln(OBJ_obj2nid(algorithm)))
    }

    /// RFC 4523, appendix A.1: a CertificateExactAssertion.
    private static func assertion(_ certificate: OpaquePointer, _ request: Request) -> Bytes {
        guard let number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nil) else { return .none }
        defer { BN_free(number) }
        guard let decimal = BN_bn2dec(number) else { return .none }
        defer { cossl_free(decimal) }
        let issuer = DistinguishedName.text(X509_get_issuer_name(certificate))
        return request.pool.copy("{ serialNumber \(String(cString: decimal)), issuer rdnSequence:\"\(issuer)\" }")
    }

    // MARK: Distinguished names

    /// The whole name, or a part of it: "_CN", "_OU_1", "_CN_RAW".
    private static func dn(_ part: Bytes, _ name: OpaquePointer?, _ request: Request) -> Bytes {
        guard !part.isEmpty else {
            let isLegacy = request.confPointer(SSLDirConf.self).pointee.options.contains(.legacyNames)
            return DistinguishedName.text(name, legacy: isLegacy, in: request.pool)
        }
        guard part[0] == 0x5f else { return .none }
        var word = part.from(1)
        let isRaw = word.hasSuffix(Bytes("_RAW"))
        if isRaw { word = word.upTo(word.count - 4) }
        var wanted: Int64 = 0
        if let underscore = word.lastIndex(of: 0x5f) {
            guard let index = word.from(underscore + 1).decimal else { return .none }
            wanted = index
            word = word.upTo(underscore)
        }
        guard let kind = NamePart.kind(word) else { return .none }
        var seen: Int64 = 0
        for index in 0..<X509_NAME_entry_count(name) {
            guard let entry = X509_NAME_get_entry(name, index), NamePart.kind(of: entry) == kind else { continue }
            if seen == wanted { return NamePart.text(entry, isRaw: isRaw, request) }
            seen += 1
        }
        return .none
    }
}

/// The parts of a distinguished name, by the letters that variables name them with.
enum NamePart {
    static let kinds: [(StaticString, Int32)] = [
        ("C", NID_countryName), ("ST", NID_stateOrProvinceName), ("SP", NID_stateOrProvinceName),
        ("L", NID_localityName), ("O", NID_organizationName), ("OU", NID_organizationalUnitName),
        ("CN", NID_commonName), ("T", NID_title), ("I", NID_initials), ("G", NID_givenName), ("S", NID_surname),
        ("D", NID_description), ("UID", NID_userId), ("Email", NID_pkcs9_emailAddress),
    ]

    static func kind(_ letters: Bytes) -> Int32? { kinds.first { letters == $0.0 }?.1 }

    static func kind(of entry: OpaquePointer) -> Int32 { OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry)) }

    static func text(_ entry: OpaquePointer, isRaw: Bool, _ request: Request) -> Bytes {
        text(X509_NAME_ENTRY_get_data(entry), isRaw: isRaw, request)
    }

    static func text(_ string: UnsafePointer<ASN1_STRING>?, isRaw: Bool = false, _ request: Request) -> Bytes {
        let flags = ASN1_STRFLGS_ESC_CTRL | (isRaw ? 0 : ASN1_STRFLGS_UTF8_CONVERT)
        return CertificateVariables.print(request) { ASN1_STRING_print_ex($0, string, UInt(flags)) }
    }
}

/// subjectAltName: "Email_0", "DNS_1", "OTHER_msUPN_0", "OTHER_dnsSRV_0".
enum AlternativeNames {
    static func value(_ name: Bytes, _ certificate: OpaquePointer, _ request: Request) -> Bytes {
        guard let underscore = name.lastIndex(of: 0x5f), let wanted = name.from(underscore + 1).decimal,
            let kind = Kind(name.upTo(underscore))
        else { return .none }
        var found = Bytes.none
        var seen: Int64 = 0
        each(kind, certificate) { string in
            if seen == wanted { found = NamePart.text(string, request) }
            seen += 1
        }
        return found
    }

    enum Kind: CaseIterable {
        case email, dns, userPrincipal, service

        init?(_ word: Bytes) {
            guard let kind = Kind.allCases.first(where: { word == $0.word }) else { return nil }
            self = kind
        }

        var word: StaticString {
            switch self {
            case .email: "Email"
            case .dns: "DNS"
            case .userPrincipal: "OTHER_msUPN"
            case .service: "OTHER_dnsSRV"
            }
        }
    }

    /// Calls `body` for each name of a kind.
    static func each(_ kind: Kind, _ certificate: OpaquePointer, _ body: (UnsafePointer<ASN1_STRING>) -> Void) {
        guard let names = X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil) else { return }
        let list = OpaquePointer(names)
        defer { GENERAL_NAMES_free(list) }
        for index in 0..<cossl_n_general_names(list) {
            guard let name = cossl_general_name(list, index), let string = string(of: name, kind) else { continue }
            body(string)
        }
    }

    private static func string(of name: UnsafeMutablePointer<GENERAL_NAME>, _ kind: Kind) -> UnsafePointer<ASN1_STRING>?
    {
        switch (kind, name.pointee.type) {
        case (.email, GEN_EMAIL): return UnsafePointer(name.pointee.d.rfc822Name)
        case (.dns, GEN_DNS): return UnsafePointer(name.pointee.d.dNSName)
        case (.userPrincipal, GEN_OTHERNAME): return other(name, NID_ms_upn, V_ASN1_UTF8STRING)
        case (.service, GEN_OTHERNAME): return other(name, NID_SRVName, V_ASN1_IA5STRING)
        default: return nil
        }
    }

    private static func other(
        _ name: UnsafeMutablePointer<GENERAL_NAME>, _ kind: Int32, _ type: Int32
    ) -> UnsafePointer<ASN1_STRING>? {
        guard let other = name.pointee.d.otherName, OBJ_obj2nid(other.pointee.type_id) == kind,
            let value = other.pointee.value, value.pointee.type == type
        else { return nil }
        return UnsafePointer(value.pointee.value.asn1_string)
    }
}
