import AuthKit
import COpenSSL
import ModuleKit

/// SSLOptions +FakeBasicAuth: the client's certificate stands for a user name and the password "password".
enum FakeBasicAuth {
    private static let password: StaticString = ":password"

    /// Part of the access_checker_ex hook: puts the certificate's name where the modules that check passwords look.
    /// - Returns: 403 for a client that writes such a name itself, wherever that is: the file of passwords may serve both a
    ///   place with this option and one without.
    static func apply(_ request: Request) -> Status {
        let isAsked = request.confPointer(SSLDirConf.self).pointee.options.contains(.fakeBasicAuth)
        guard isAsked || request.headersIn["Authorization"] != nil else { return .declined }
        // A name set for the request that this one came of is ours.
        guard request.main == nil, request.previous == nil else { return .declined }
        guard !isForged(request) else {
            Log(host: request.host).write(
                .error, code: "AH02035", request: request,
                "the client gives the name of a certificate as a user name, with FakeBasicAuth's password")
            return .status(403)
        }
        guard isAsked, let tls = request.tls,
            let name = userName(request, tls), !name.isEmpty
        else { return .declined }
        request.headersIn["Authorization"] = credentials(name, request)
        return .declined
    }

    /// The variable of SSLUserName, or the subject in its old form: what password files hold.
    private static func userName(_ request: Request, _ tls: TLS) -> Bytes? {
        guard let certificate = SSL_get0_peer_certificate(tls.pointee.ssl) else { return nil }
        if let name = request.confPointer(SSLDirConf.self).pointee.userName { return Variables.value(name, request) }
        return DistinguishedName.text(X509_get_subject_name(certificate), legacy: true, in: request.pool)
    }

    private static func credentials(_ name: Bytes, _ request: Request) -> Bytes {
        let length = name.count + password.utf8CodeUnitCount
        var plain = ByteWriter(request.pool.allocate(UInt8.self, count: length), capacity: length)
        plain.append(name)
        plain.append(password)
        let prefix: StaticString = "Basic "
        let capacity = prefix.utf8CodeUnitCount + (length + 2) / 3 * 4 + 1
        let place = request.pool.allocate(UInt8.self, count: capacity)
        var writer = ByteWriter(place, capacity: capacity)
        writer.append(prefix)
        let count = EVP_EncodeBlock(place + writer.count, plain.start, Int32(length))
        return Bytes(UnsafeRawPointer(place), count: writer.count + Int(count))
    }

    /// Whether the client's own credentials are a certificate's name with our password, as the module that checks passwords
    /// would read them.
    private static func isForged(_ request: Request) -> Bool {
        guard let field = request.headersIn["Authorization"],
            let credentials = try? BasicCredentials(field, in: request.pool)
        else { return false }
        return credentials.user.hasPrefix("/") && credentials.password == "password"
    }
}
