import ByteKit
import ModuleABI

/// apus/subrequest.h
enum SubrequestExtension {
    static let table = apus_subrequest_v1(
        size: Extensions.size(apus_subrequest_v1.self), reserved: 0,
        lookup: { r, target, out in
            guard let sub = Lookup.path(.of(r), target) else { return APUS_E_INVALID }
            out?.pointee = sub.handle
            return APUS_OK
        },
        adopt: { r, sub in
            InternalRedirect.adopt(.of(r), .of(sub))
            return APUS_OK
        },
        destroy: { sub in Lookup.destroy(.of(sub)) },
        internal_redirect: { r, target in
            guard let new = InternalRedirect.make(.of(r), to: target) else {
                return InternalRedirect.isExhausted(.of(r)) ? APUS_E_FAIL : APUS_E_INVALID
            }
            InternalRedirect.succeed(new, to: .of(r))
            // Whoever rehearses goes on with it.
            if new.pointee.telling == .rehearsed { return APUS_OK }
            switch Phases.run(new, upTo: .handler) {
            case .finished, .answered, .waiting: return APUS_OK
            case .failed(let status):
                // The outer request goes on with the sub-request's status, whatever a page of its own would say.
                if new.pointee.main != nil { return status }
                _ = ErrorResponse.answer(new, status)
                return APUS_OK
            }
        },
        absolute_url: { r, path in AbsoluteURL.compose(.of(r), path) },
        lookup_file: { r, name, out in
            let isAbsolute = name.hasPrefix("/")
            guard let sub = isAbsolute ? Lookup.file(named: name, for: .of(r)) : Lookup.file(.of(r), name) else {
                return APUS_E_INVALID
            }
            out?.pointee = sub.handle
            return APUS_OK
        },
        run: { sub, behind, done, ctx in
            SubrequestRun.start(.of(sub), behind: behind.map { FilterInstance.Ref($0) }, done, ctx)
        })
}

/// URLs of this server, as Location fields need them.
enum AbsoluteURL {
    static func compose(_ r: Request.Ref, _ path: Bytes) -> Bytes {
        let scheme = scheme(r)
        let host = host(r)
        let port = port(r)
        let bound = path.count * 3 + host.count + scheme.count + 32
        var writer = ByteWriter(r.pointee.arena.pointee.allocate(bound), capacity: bound)
        writer.append(scheme)
        writer.append("://")
        writer.append(host)
        if port != standardPort(scheme) {
            writer.append(0x3a)
            writer.append(decimal: Int64(port))
        }
        escape(path, &writer)
        return writer.written
    }

    /// What the client used, as far as is known here: ServerName may tell what stands before this server.
    static func scheme(_ r: Request.Ref) -> Bytes {
        let named = r.pointee.server.pointee.scheme
        return r.pointee.conn.pointee.isSecure ? Bytes("https") : named.isSet ? named : Bytes("http")
    }

    private static func standardPort(_ scheme: Bytes) -> Int32 { scheme == "https" ? 443 : 80 }

    /// The name of the server in its own URLs, as UseCanonicalName says: the client's word, ServerName, or the address's name.
    static func host(_ r: Request.Ref) -> Bytes {
        let own = r.pointee.server.pointee.name
        return switch r.core.useCanonicalName ?? .off {
        case .off: r.pointee.host.isEmpty ? own : r.pointee.host
        case .on: own
        case .dns: r.pointee.localName.isSet ? r.pointee.localName : own
        }
    }

    /// The port that belongs to `host`: the client's word, unless UseCanonicalName is On; the connection's, if
    /// UseCanonicalPhysicalPort is On; the server's.
    static func port(_ r: Request.Ref) -> Int32 {
        let conf = r.core
        let isCanonical = conf.useCanonicalName == .on
        let named = r.pointee.server.pointee.port
        let physical = conf.useCanonicalPhysicalPort == true ? Int32(r.pointee.conn.localAddress().port) : 0
        if !isCanonical, r.pointee.port != 0 { return r.pointee.port }
        if isCanonical, named != 0 { return named }
        if physical != 0 { return physical }
        return named != 0 ? named : standardPort(scheme(r))
    }

    /// Percent-encodes what may not stand in a path (RFC 3986, 3.3); a path that has been decoded once is given.
    static func escape(_ path: Bytes, _ writer: inout ByteWriter) {
        for byte in path.buffer {
            if isPathByte(byte) {
                writer.append(byte)
            } else {
                writer.append(0x25)
                writer.append(digit(byte >> 4))
                writer.append(digit(byte & 15))
            }
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }

    private static func isPathByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
        case 0x2d, 0x2e, 0x5f, 0x7e, 0x21, 0x24, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x2b, 0x2c, 0x3d, 0x3a, 0x40, 0x2f: true
        default: false
        }
    }
}
