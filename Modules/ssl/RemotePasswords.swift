import COpenSSL
import Glibc
import ModuleKit

/// TLS-SRP (RFC 5054): clients that prove a password instead of showing a certificate, up to TLS 1.2.
final class RemotePasswords {
    private let users: UnsafeMutablePointer<SRP_VBASE>

    /// - Returns: nil when SSLSRPVerifierFile is not used, or cannot be, which has been reported.
    init?(_ conf: SSLServerConf, _ ctx: OpaquePointer, _ files: FileSource, _ reporter: Reporter) {
        guard let file = conf.verifierFile else { return nil }
        do {
            users = try RemotePasswords.read(files.read(file.value), seed: conf.unknownUserSeed)
        } catch {
            let text = (error as? FileProblem)?.text ?? "\(error)"
            reporter.error("AH02308", at: file.location, "SSLSRPVerifierFile \(file.value): \(text)")
            return nil
        }
        cossl_ctx_set_srp_callback(ctx, onUser, Unmanaged.passUnretained(self).toOpaque())
    }

    /// OpenSSL reads verifiers from files alone, and workers cannot open the one that the leader has read.
    private static func read(_ contents: [UInt8], seed: String?) throws -> UnsafeMutablePointer<SRP_VBASE> {
        guard let copy = tmpfile() else {
            throw FileProblem(code: "AH02308", text: "there is no room for a copy of it")
        }
        defer { fclose(copy) }
        guard fwrite(contents, 1, contents.count, copy) == contents.count, fflush(copy) == 0,
            let users = cossl_srp_users_new(seed)
        else { throw FileProblem(code: "AH02308", text: "there is no room for a copy of it") }
        guard cossl_srp_users_read(users, "/proc/self/fd/\(fileno(copy))") == 0 else {
            cossl_srp_users_free(users)
            ERR_clear_error()
            throw FileProblem(
                code: "AH02308", text: "this is no file of SRP verifiers, as `openssl srp -add` makes them")
        }
        return users
    }

    fileprivate func admit(_ ssl: OpaquePointer?) -> Int32 { cossl_srp_admit(ssl, users) }
}

private func onUser(
    _ ssl: OpaquePointer?, _ alert: UnsafeMutablePointer<Int32>?, _ ctx: UnsafeMutableRawPointer?
) -> Int32 {
    let passwords = Unmanaged<RemotePasswords>.fromOpaque(ctx.unsafelyUnwrapped).takeUnretainedValue()
    let problem = passwords.admit(ssl)
    guard problem != 0 else {
        // A password is proof enough.
        if let tls = tlsConnection(of: ssl) { tls.pointee.asked.verification = .none }
        SSL_set_verify(ssl, SSL_VERIFY_NONE, onVerify)
        return SSL_ERROR_NONE
    }
    alert?.pointee = problem
    return SSL3_AL_FATAL
}
