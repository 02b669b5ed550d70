import ModuleKit

/// Gives each client a cookie by which its requests can be told in the logs.
final class UserTrack: Module {
    typealias DirConf = TrackingConf

    static let info = ModuleInfo("usertrack_module", version: "1.0")
    static let directives = trackingDirectives

    init(_ host: Host) throws {
        try host.hooks.fixups(Order(.middle, flags: .initialOnly)) { request in
            guard request.confPointer(TrackingConf.self).pointee.isOn else { return .declined }
            track(request, at: host.clock)
            return .declined
        }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    UserTrack.descriptor(for: host, named: name)
}

/// Notes who the client is: by the cookie it sent, or else by one that it is given.
private func track(_ request: Request, at now: Int64) {
    let conf = request.confPointer(TrackingConf.self).pointee
    if let value = cookie(conf.name, of: request) { return note(value, conf.name, request) }
    var random = SystemRandomNumberGenerator()
    let number: UInt32 = random.next()
    let value = request.pool.compose(capacity: 40) {
        $0.append(hex: UInt64(number))
        $0.append(".")
        $0.append(hex: UInt64(now))
    }
    let isOld = conf.style != .cookie2
    request.headersOut.add(Bytes(isOld ? "Set-Cookie" : "Set-Cookie2"), conf.field(value, at: now, request))
    note(value, conf.name, request)
}

/// For `%{cookie}n` and `%{NAME}n`.
private func note(_ value: Bytes, _ name: Bytes, _ request: Request) {
    request.notes["cookie"] = value
    request.notes[name] = value
}

/// The value of the first cookie of that name that has one. Names are compared as they are, and a comma ends a value.
private func cookie(_ name: Bytes, of request: Request) -> Bytes? {
    var nth = 0
    while let field = request.headersIn.value(Bytes("Cookie"), nth) {
        nth += 1
        var rest = field
        while !rest.isEmpty {
            let end = rest.buffer.firstIndex { $0 == UInt8(ascii: ";") || $0 == UInt8(ascii: ",") } ?? rest.count
            let pair = rest.upTo(end).trimmed
            rest = rest.from(min(end + 1, rest.count))
            guard pair.count > name.count + 1, pair.hasPrefix(name), pair[name.count] == UInt8(ascii: "=") else { continue }
            return pair.from(name.count + 1)
        }
    }
    return nil
}
