import ModuleABI.Draft
import ModuleKit

/// A session of a request, from when it is first asked for: that of the request the client sent, whatever became of it
/// inside the server. It belongs to the places that store and encode it in the same way; where a request gets into others,
/// it has a session more.
final class SessionState {
    fileprivate(set) var table = SessionTable()
    fileprivate let place: Bytes
    fileprivate let next: SessionState?
    /// It has been changed since it was loaded.
    fileprivate var isDirty = false
    fileprivate var isStored = false
    fileprivate let pool: Pool

    fileprivate init(_ place: Bytes, before next: SessionState?, in pool: Pool) {
        self.place = pool.copy(place)
        self.next = next
        self.pool = pool
    }

    fileprivate func first(at place: Bytes) -> SessionState? {
        self.place == place ? self : next?.first(at: place)
    }

    func set(_ name: Bytes, _ value: Bytes) {
        table.set(pool.copy(name), value.isEmpty ? .none : pool.copy(value))
        isDirty = true
    }

    fileprivate func change(_ text: Bytes) {
        table.take(text, in: pool)
        isDirty = true
    }
}

/// Loads sessions and stores them, with the modules that provide for that.
final class SessionKeeper {
    private let host: Host
    private var stores: [SessionProvider<apus_session_store_v0>] = []
    private var codecs: [SessionProvider<apus_session_codec_v0>] = []

    private static let second: Int64 = 1_000_000

    init(_ host: Host) { self.host = host }

    func request(_ raw: OpaquePointer) -> Request { Request(raw, host: host.raw) }

    func findProviders() {
        stores = SessionProvider.all(of: APUS_GROUP_SESSION_STORE, host)
        codecs = SessionProvider.all(of: APUS_GROUP_SESSION_CODEC, host)
    }

    // MARK: Loading

    /// The session of a request; nil: there is none where it is.
    func state(of request: Request) -> SessionState? {
        let conf = request.confPointer(SessionConf.self)
        guard conf.pointee.isOn, conf.pointee.includes(request.path) else { return nil }
        let origin = Self.origin(of: request)
        let others = origin.slot.map { Unmanaged<SessionState>.fromOpaque($0).takeUnretainedValue() }
        let place = place(of: request)
        if let known = others?.first(at: place) { return known }
        guard let text = loaded(request) else { return nil }
        let state = SessionState(place, before: others, in: origin.pool)
        origin.slot = Unmanaged.passUnretained(state).toOpaque()
        origin.pool.onDestroy { withExtendedLifetime(state) {} }
        if text.isSet { state.table.take(text, in: state.pool) }
        let now = host.clock
        if state.table.expiry != 0, state.table.expiry < now { state.table.removeAll() }
        if state.table.expiry == 0, conf.pointee.maxAge > 0 { state.table.expiry = now + conf.pointee.maxAge * Self.second }
        return state
    }

    private static func origin(of request: Request) -> Request {
        var origin = request
        while let outer = origin.main ?? origin.previous { origin = outer }
        return origin
    }

    /// What tells apart where sessions are stored, and how: a session that one passphrase keeps secret must not get into a cookie
    /// that another one protects, or none.
    private func place(of request: Request) -> Bytes {
        let parts = stores.map { $0.place(of: request) } + codecs.map { $0.place(of: request) }
        return request.pool.compose(capacity: parts.reduce(0) { $0 + $1.count + 21 }) { place in
            for part in parts {
                if part.isSet { place.append(decimal: Int64(part.count)) }
                place.append(":")
                place.append(part)
            }
        }
    }

    /// What is stored, decoded; not set: nothing. Nil: nobody stores sessions here.
    private func loaded(_ request: Request) -> Bytes? {
        for store in stores {
            var text = Bytes.none
            let status = store.table.pointee.load?(store.context, request.raw, &text) ?? APUS_DECLINED
            if status == APUS_DECLINED { continue }
            guard status == APUS_OK, !text.isEmpty else { return Bytes.none }
            return decoded(text, request)
        }
        host.log.write(
            .warn, code: "AH01815", request: request,
            "Session is On, but nothing says where sessions are stored, such as SessionCookieName; there is none")
        return nil
    }

    private func decoded(_ stored: Bytes, _ request: Request) -> Bytes {
        var text = stored
        for codec in codecs.reversed() {
            var plain = Bytes.none
            let status = codec.table.pointee.decode?(codec.context, request.raw, text, &plain) ?? APUS_DECLINED
            if status == APUS_DECLINED { continue }
            guard status == APUS_OK else {
                host.log.write(.error, code: "AH01817", request: request, "the stored session cannot be read; a new one begins")
                return .none
            }
            text = plain
        }
        return text
    }

    /// Shows the session to programs, as SessionEnv says.
    func publish(_ request: Request) {
        let conf = request.confPointer(SessionConf.self)
        guard conf.pointee.isOn, let state = state(of: request), conf.pointee.isInEnvironment else { return }
        request.environment["HTTP_SESSION"] = state.table.text(in: state.pool)
    }

    // MARK: Storing

    /// Takes what the answer says about the session, and stores it if it has changed: also where the answer is to another
    /// request than the session's, such as one for an error page.
    func conclude(_ answered: Request) {
        var place: Request? = answered
        while let request = place {
            if let state = state(of: request) { return conclude(request, state, in: answered) }
            place = request.previous
        }
    }

    private func conclude(_ request: Request, _ state: SessionState, in answered: Request) {
        guard !state.isStored else { return }
        let conf = request.confPointer(SessionConf.self)
        if conf.pointee.header.isSet { takeHeader(conf.pointee.header, answered, state) }
        state.isStored = true
        let before = state.table.expiry
        if conf.pointee.maxAge > 0 { state.table.expiry = host.clock + conf.pointee.maxAge * Self.second }
        let moved = state.table.expiry - before
        let interval = conf.pointee.updateInterval * Self.second
        let isRefreshed = conf.pointee.maxAge > 0 && (interval == 0 || moved >= interval)
        guard state.isDirty || isRefreshed else { return }
        store(state, request, maxAge: conf.pointee.maxAge)
    }

    private func takeHeader(_ name: Bytes, _ request: Request, _ state: SessionState) {
        guard let text = request.errorHeadersOut[name] ?? request.headersOut[name] else { return }
        state.change(text)
        request.errorHeadersOut[name] = nil
        request.headersOut[name] = nil
    }

    private func store(_ state: SessionState, _ request: Request, maxAge: Int64) {
        var text = state.table.text(in: state.pool)
        for codec in codecs where !text.isEmpty {
            var encoded = Bytes.none
            let status = codec.table.pointee.encode?(codec.context, request.raw, text, &encoded) ?? APUS_DECLINED
            if status == APUS_DECLINED { continue }
            guard status == APUS_OK else {
                return host.log.write(.error, code: "AH01818", request: request, "the session cannot be encoded; it is not stored")
            }
            text = encoded
        }
        for store in stores {
            let status = store.table.pointee.save?(store.context, request.raw, text, maxAge) ?? APUS_DECLINED
            if status != APUS_DECLINED { return }
        }
    }
}
