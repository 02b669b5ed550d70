public import ByteKit
import ModuleABI
import ModuleABI.Draft

/// Somebody who is shown the plain bytes of connections; see apus/draft/tap.h.
@_spi(Draft) public protocol ConnectionTap: AnyObject {
    /// Whether the bytes of a new connection are to be shown.
    func wants(_ connection: Connection) -> Bool
    /// None: the client has finished sending.
    func received(_ bytes: Bytes, _ connection: Connection)
    /// Bytes were sent, or taken by the transport to be sent.
    func sent(_ bytes: Bytes, _ connection: Connection)
}

@_spi(Draft) extension Host {
    /// Offers a tap, which is asked about every new connection.
    public func provideTap(_ name: StaticString, _ tap: any ConnectionTap) throws {
        typealias TapBox = HookBox<any ConnectionTap>
        let table = apus_tap_v0(
            size: UInt32(MemoryLayout<apus_tap_v0>.size), flags: 0,
            wants: { ctx, c in
                let box = Unmanaged<TapBox>.fromOpaque(ctx!).takeUnretainedValue()
                return box.body.wants(Connection(c!, host: box.host)) ? APUS_OK : APUS_DECLINED
            },
            received: { ctx, c, bytes, count in
                let box = Unmanaged<TapBox>.fromOpaque(ctx!).takeUnretainedValue()
                box.body.received(bytes.map { Bytes($0, count: count) } ?? Bytes(""), Connection(c!, host: box.host))
            },
            sent: { ctx, c, bytes, count in
                let box = Unmanaged<TapBox>.fromOpaque(ctx!).takeUnretainedValue()
                box.body.sent(bytes.map { Bytes($0, count: count) } ?? Bytes(""), Connection(c!, host: box.host))
            })
        try provide(APUS_GROUP_TAP, name, table, context: HookBox(host: raw, tap))
    }
}

/// What a connection begins with before TLS and HTTP; see apus/draft/preface.h.
@_spi(Draft) public protocol ConnectionPreface: AnyObject {
    /// Whether a new connection must begin with it.
    func isExpected(on connection: Connection) -> Bool
    /// Looks at all that has come so far.
    func read(_ bytes: Bytes, _ connection: Connection) -> PrefaceOutcome
}

/// What a preface makes of the bytes so far.
@_spi(Draft) public enum PrefaceOutcome {
    /// It is so many of the bytes.
    case whole(Int)
    /// More must come.
    case more
    /// The connection is closed.
    case refused
}

@_spi(Draft) extension Host {
    /// Offers a preface, which is asked about every new connection.
    public func providePreface(_ name: StaticString, _ preface: any ConnectionPreface) throws {
        typealias PrefaceBox = HookBox<any ConnectionPreface>
        let table = apus_preface_v0(
            size: UInt32(MemoryLayout<apus_preface_v0>.size), flags: 0,
            expects: { ctx, c in
                let box = Unmanaged<PrefaceBox>.fromOpaque(ctx!).takeUnretainedValue()
                return box.body.isExpected(on: Connection(c!, host: box.host)) ? APUS_OK : APUS_DECLINED
            },
            read: { ctx, c, bytes, count, used in
                let box = Unmanaged<PrefaceBox>.fromOpaque(ctx!).takeUnretainedValue()
                let seen = bytes.map { Bytes($0, count: count) } ?? Bytes("")
                switch box.body.read(seen, Connection(c!, host: box.host)) {
                case .whole(let length):
                    used?.pointee = length
                    return APUS_OK
                case .more: return APUS_AGAIN
                case .refused: return APUS_E_FAIL
                }
            })
        try provide(APUS_GROUP_PREFACE, name, table, context: HookBox(host: raw, preface))
    }
}
