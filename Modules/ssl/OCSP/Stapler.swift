import COpenSSL
import Glibc
@_spi(Draft) import ModuleKit

/// Fetches the status of certificates ahead of need: in one worker, which tells all processes. Handshakes send what is
/// there and never wait.
final class Stapler {
    private let host: Host
    private var slots: [[UInt8]: UnsafeMutablePointer<StapleSlot>] = [:]
    private var targets: [[UInt8]: StapleTarget] = [:]
    private var cache: Located<ObjectCache>?
    private var background: Background?
    private var asksCache: Set<[UInt8]> = []
    private static let message = "staple"
    private static let leaseName = "stapling"
    private static let tick: UInt64 = 1_000_000
    private static let mostThreads = 4

    init(_ host: Host) { self.host = host }

    var objectCache: ObjectCache? { cache?.value }

    // MARK: Configuration

    /// The slot for a certificate of a server; nil: nothing can be stapled to it, which has been reported.
    func slot(
        _ certificate: OpaquePointer, issuers: OpaquePointer?, _ file: Located<String>, _ conf: StaplingConf,
        _ reporter: Reporter
    ) -> UnsafeMutablePointer<StapleSlot>? {
        let what = "SSLUseStapling: \(file.value)"
        guard let issuer = Stapler.issuer(of: certificate, among: issuers) else {
            reporter.warn(
                "AH02217", at: file.location,
                "\(what): the certificate of its issuer is not known, so nothing can be stapled; append it to the file")
            return nil
        }
        guard let url = conf.forcedURL?.value ?? OCSPQuestion.responder(of: certificate) else {
            reporter.warn(
                "AH02218", at: file.location,
                "\(what): the certificate names no OCSP responder, so nothing can be stapled; use SSLStaplingForceURL, or "
                    + "leave SSLUseStapling off")
            return nil
        }
        guard let address = ResponderAddress(url, timeout: conf.responderTimeout) else {
            reporter.warn("AH02218", at: file.location, "\(what): \"\(url)\" in it is no http URL of a responder")
            return nil
        }
        let id = Stapler.digest(certificate)
        let slot = slots[id] ?? newSlot()
        slots[id] = slot
        targets[id] = StapleTarget(
            id: id, certificate: certificate, issuer: issuer, name: file.value, address: address, conf: conf, slot: slot
        )
        return slot
    }

    /// Forgets the certificates that no server has any more.
    func keep(_ used: Set<UnsafeMutablePointer<StapleSlot>>) {
        targets = targets.filter { used.contains($0.value.slot) }
    }

    private func newSlot() -> UnsafeMutablePointer<StapleSlot> {
        let slot = UnsafeMutablePointer<StapleSlot>.allocate(capacity: 1)
        slot.initialize(to: StapleSlot())
        return slot
    }

    private static func issuer(of certificate: OpaquePointer, among list: OpaquePointer?) -> OpaquePointer? {
        guard let list else { return nil }
        return (0..<cossl_n_certificates(list)).lazy.compactMap { cossl_certificate(list, $0) }
            .first { X509_check_issued($0, certificate) == X509_V_OK }
    }

    private static func digest(_ certificate: OpaquePointer) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var length: UInt32 = 0
        _ = X509_digest(certificate, EVP_sha256(), &digest, &length)
        return Array(digest.prefix(StapleNews.idLength))
    }

    /// Opens the cache, and takes over what the generation before has left.
    func open(_ conf: StaplingConf, _ reason: UInt32) throws {
        cache = conf.cache
        try cache?.value.open(
            "ssl-stapling", idLength: StapleNews.idLength, dataLength: 2048,
            lifetime: Int64(conf.standardTimeout) * 1_000_000, reason: reason)
        guard reason != UInt32(APUS_OPEN_CHECK) else { return }
        for target in targets.values {
            guard let left = host.inherited(handoverName(target.id)), let news = StapleNews(left.buffer) else {
                continue
            }
            adopt(news, target)
        }
    }

    private func handoverName(_ id: [UInt8]) -> String { "staple-\(id.hexadecimal)" }

    // MARK: News

    /// A message of a fetch. In the leader it may be anybody's: what it holds is sent to clients, who check it, and judged
    /// again by the generation that gets it.
    func receive(_ name: Bytes, _ bytes: Bytes) {
        guard name == Bytes("staple"), let news = StapleNews(bytes.buffer), let target = targets[news.id] else {
            return
        }
        target.fetchAgain = news.fetchAgain
        target.slot.pointee.take(news)
        guard host.worker < 0, news.until > 0 else { return }
        try? host.leave(handoverName(news.id), bytes)
    }

    /// Takes over an answer from elsewhere, if it is still a good one.
    private func adopt(_ news: StapleNews, _ target: StapleTarget) {
        let now = time(nil)
        guard news.until > now, case (let judged, nil) = target.evaluate(.success(news.answer), now: now),
            judged.until > now
        else { return }
        target.slot.pointee.take(judged)
        target.fetchAgain = min(news.fetchAgain, judged.until)
    }

    // MARK: Fetching

    /// In a worker: goes to work when there is something to do.
    func start() {
        guard !targets.isEmpty else { return }
        // Threads of its own: clients with slow responders must not keep it waiting.
        background = Background(host, threads: Stapler.mostThreads)
        guard background != nil else { return }
        asksCache = cache == nil ? [] : Set(targets.keys)
        turn()
    }

    private func turn() {
        _ = try? Loop.after(microseconds: Stapler.tick) { [self] in turn() }
        guard host.holdsLease(Stapler.leaseName) else { return }
        let now = time(nil)
        for target in targets.values where target.fetchAgain <= now && !target.isFetching {
            if asksCache.remove(target.id) != nil, !target.slot.pointee.hasAnswer(now) { askCache(target) }
            if target.fetchAgain <= now { fetch(target) }
        }
    }

    private func fetch(_ target: StapleTarget) {
        guard let request = target.request, let background else { return }
        let address = target.address
        target.isFetching = background.run {
            OCSPClient.result(address, request)
        } then: { [self] outcome in
            target.isFetching = false
            let (news, complaint) = target.evaluate(outcome, now: time(nil))
            target.fetchAgain = news.fetchAgain
            if let complaint {
                host.log.write(
                    .error, code: "AH01980",
                    "stapling for \(target.name): \(complaint) (http://\(address.host):\(address.port)\(address.path)); "
                        + "the next attempt is in \(news.fetchAgain - time(nil)) seconds")
            }
            publish(news)
        }
    }

    private func publish(_ news: StapleNews) {
        news.encoded.withUnsafeBytes { bytes in
            try? host.broadcast(Stapler.message, Bytes(bytes))
            guard news.until > 0, let cache else { return }
            let status = news.id.withUnsafeBytes {
                cache.value.store(Bytes($0), expires: Int64(news.until) * 1_000_000, Bytes(bytes))
            }
            guard status.rawValue == APUS_E_TOO_BIG else { return }
            host.log.write(
                .error, code: "AH01929",
                "SSLStaplingCache (\(cache.location)): it is too small for an answer of \(bytes.count) bytes")
        }
    }

    /// What the cache has kept, over a restart perhaps.
    private func askCache(_ target: StapleTarget) {
        guard let cache else { return }
        let question = Unmanaged.passRetained(CacheQuestion(stapler: self, target: target)).toOpaque()
        var data = Bytes.none
        let status = target.id.withUnsafeBytes {
            cache.value.retrieve(Bytes($0), in: host.pool, &data, context: question) { ctx, status, data in
                let asked = Unmanaged<CacheQuestion>.fromOpaque(ctx.unsafelyUnwrapped).takeRetainedValue()
                if status == APUS_OK { asked.stapler.found(data, asked.target) }
            }
        }
        guard status != .suspended else { return }
        Unmanaged<CacheQuestion>.fromOpaque(question).release()
        if status == .ok { found(data, target) }
    }

    private final class CacheQuestion {
        let stapler: Stapler
        let target: StapleTarget

        init(stapler: Stapler, target: StapleTarget) {
            self.stapler = stapler
            self.target = target
        }
    }

    private func found(_ data: Bytes, _ target: StapleTarget) {
        guard let news = StapleNews(data.buffer), news.id == target.id else { return }
        adopt(news, target)
        guard target.slot.pointee.hasAnswer(time(nil)) else { return }
        try? host.broadcast(Stapler.message, data)
    }
}
