import ModuleKit

/// AuthType and AuthName of a directory.
struct AuthnDirConf: Configuration, BitwiseCopyable {
    var type = DirectiveText()
    var name = DirectiveText()

    func merged(
        over base: AuthnDirConf, settings: [(inout AuthnDirConf) -> Void], in pool: Pool
    ) -> AuthnDirConf {
        var merged = self
        if !type.isSet { merged.type = base.type }
        if !name.isSet { merged.name = base.name }
        return merged
    }

    /// The type in force; none when there is none, or "None". One that cannot be told is no known one, so that nobody is
    /// let in for it.
    func type(for request: Request) -> Bytes {
        guard type.isSet else { return .none }
        let text = type.value(request) ?? Bytes("?")
        return text.equalsIgnoringCase("None") ? .none : text
    }

    /// The realm, as it stands between the quotation marks of a challenge.
    func name(for request: Request) -> Bytes {
        guard name.isSet, let text = name.value(request) else { return .none }
        return text.contains(UInt8(ascii: "\"")) ? escapedQuotes(text, in: request.pool) : text
    }
}

/// The text with a backslash before each quotation mark that has none.
private func escapedQuotes(_ text: Bytes, in pool: Pool) -> Bytes {
    pool.compose(capacity: text.count * 2 + 1) { writer in
        var isEscaped = false
        for byte in text.buffer {
            if byte == UInt8(ascii: "\""), !isEscaped { writer.append(UInt8(ascii: "\\")) }
            writer.append(byte)
            isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
        }
    }
}

/// Tells other modules, in the way of httpd's core, which type and realm hold for a request.
func publishSettings(_ host: Host) throws {
    typealias Function = @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?) -> apus_str
    let context = SettingsContext(host)
    let type: Function = { context, r in
        let request = SettingsContext.request(context, r)
        return request.confPointer(AuthnDirConf.self).pointee.type(for: request)
    }
    let name: Function = { context, r in
        let request = SettingsContext.request(context, r)
        return request.confPointer(AuthnDirConf.self).pointee.name(for: request)
    }
    try host.publish("authn_core.auth_type", "s(xR)", unsafeBitCast(type, to: apus_fn.self), context: context)
    try host.publish("authn_core.auth_name", "s(xR)", unsafeBitCast(name, to: apus_fn.self), context: context)
}

/// What stands behind the published functions.
private final class SettingsContext {
    let host: UnsafePointer<apus_host>

    init(_ host: Host) { self.host = host.raw }

    @inline(__always)
    static func request(_ context: UnsafeMutableRawPointer?, _ r: OpaquePointer?) -> Request {
        Unmanaged<SettingsContext>.fromOpaque(context.unsafelyUnwrapped)._withUnsafeGuaranteedRef {
            Request(r.unsafelyUnwrapped, host: $0.host)
        }
    }
}
