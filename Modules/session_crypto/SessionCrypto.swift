import ModuleABI.Draft
import ModuleKit

/// Encrypts sessions before they are stored, as httpd does: either server reads what the other has written.
final class SessionCrypto: Module {
    typealias DirConf = CryptoConf

    static let info = ModuleInfo("session_crypto_module", version: "1.0", requires: [APUS_EXT_PROVIDERS, APUS_EXT_FUNCTIONS])
    static let directives = cryptoDirectives

    private let host: Host

    init(_ host: Host) throws {
        self.host = host
        let table = apus_session_codec_v0(
            size: UInt32(MemoryLayout<apus_session_codec_v0>.size), flags: 0,
            encode: { ctx, r, text, out in
                let module = Unmanaged<SessionCrypto>.fromOpaque(ctx!).takeUnretainedValue()
                return module.encode(Request(r!, host: module.host.raw), text, out)
            },
            decode: { ctx, r, text, out in
                let module = Unmanaged<SessionCrypto>.fromOpaque(ctx!).takeUnretainedValue()
                return module.decode(Request(r!, host: module.host.raw), text, out)
            })
        try host.provide(APUS_GROUP_SESSION_CODEC, "crypto", table, context: self)
        typealias Place = @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?) -> apus_str
        let place: Place = { ctx, r in
            let module = Unmanaged<SessionCrypto>.fromOpaque(ctx!).takeUnretainedValue()
            let request = Request(r!, host: module.host.raw)
            return request.confPointer(CryptoConf.self).pointee.digest(in: request.pool)
        }
        try host.publish("session_crypto.place", "s(xR)", unsafeBitCast(place, to: apus_fn.self), context: self)
    }

    private func encode(_ request: Request, _ text: Bytes, _ out: UnsafeMutablePointer<apus_str>?) -> apus_status {
        let conf = request.confPointer(CryptoConf.self)
        guard let passphrase = conf.pointee.passphrases.elements.first else { return APUS_DECLINED }
        guard let sealed = SealedText.seal(text, passphrase, conf.pointee.cipher, in: request.pool) else {
            host.log.write(.error, code: "AH01833", request: request, "the session cannot be encrypted")
            return APUS_E_FAIL
        }
        out?.pointee = sealed
        return APUS_OK
    }

    private func decode(_ request: Request, _ text: Bytes, _ out: UnsafeMutablePointer<apus_str>?) -> apus_status {
        let conf = request.confPointer(CryptoConf.self)
        guard !conf.pointee.passphrases.isEmpty else { return APUS_DECLINED }
        for passphrase in conf.pointee.passphrases.elements {
            guard let plain = SealedText.open(text, passphrase, conf.pointee.cipher, in: request.pool) else { continue }
            out?.pointee = plain
            return APUS_OK
        }
        host.log.write(
            .error, code: "AH01842", request: request,
            "the session was not encrypted with a passphrase that is known here, or was changed since")
        return APUS_E_INVALID
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    SessionCrypto.descriptor(for: host, named: name)
}
