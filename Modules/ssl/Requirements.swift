import COpenSSL
import ModuleKit

/// Offers `Require ssl` and `Require ssl-verify-client`. The context of each is the module's host handle.
func provideRequirements(_ host: Host) throws {
    let context = UnsafeMutableRawPointer(mutating: host.raw)
    try host.provide(APUS_GROUP_AUTHZ, "ssl", table(checkEncrypted), rawContext: context)
    try host.provide(APUS_GROUP_AUTHZ, "ssl-verify-client", table(checkVerified), rawContext: context)
}

private typealias Check =
    @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, UnsafeMutableRawPointer?) -> apus_status

private func table(_ check: Check) -> apus_authz_v1 {
    apus_authz_v1(size: UInt32(MemoryLayout<apus_authz_v1>.size), flags: 0, parse: parseNothing, check: check, defer: nil)
}

private func parseNothing(
    _ context: UnsafeMutableRawPointer?, _ command: OpaquePointer?, _ arguments: apus_str,
    _ parsed: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> apus_status {
    guard let command, let context else { return APUS_E_INVALID }
    parsed?.pointee = nil
    guard !arguments.trimmed.isEmpty else { return APUS_OK }
    return Command(raw: command, host: UnsafePointer(context.assumingMemoryBound(to: apus_host.self)))
        .report(DirectiveError("Require ssl and Require ssl-verify-client take no arguments"))
}

private func request(_ context: UnsafeMutableRawPointer?, _ r: OpaquePointer?) -> Request? {
    guard let r, let context else { return nil }
    return Request(r, host: UnsafePointer(context.assumingMemoryBound(to: apus_host.self)))
}

private func checkEncrypted(
    _ context: UnsafeMutableRawPointer?, _ r: OpaquePointer?, _ parsed: UnsafeMutableRawPointer?
) -> apus_status {
    request(context, r)?.isEncrypted == true ? APUS_AUTHZ_GRANTED : APUS_AUTHZ_DENIED
}

private func checkVerified(
    _ context: UnsafeMutableRawPointer?, _ r: OpaquePointer?, _ parsed: UnsafeMutableRawPointer?
) -> apus_status {
    guard let tls = request(context, r)?.tls, tls.hasCertificate, !tls.pointee.isGenerous,
        SSL_get_verify_result(tls.pointee.ssl) == Int(X509_V_OK)
    else { return APUS_AUTHZ_DENIED }
    return APUS_AUTHZ_GRANTED
}
