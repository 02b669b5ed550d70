import AuthKit
import ModuleKit

/// Finds the client behind proxies: goes through the addresses of a header field from the last to the first, as long as
/// each is named by somebody who is trusted.
struct HeaderWalk {
    private let request: Request
    private let host: Host
    private let conf: UnsafePointer<RemoteIPConf>
    /// What is left of the field: addresses that nobody trusted has named.
    private var rest: Bytes
    private var client: IPAddress
    private var clientText: Bytes
    private var hasMoved = false
    private var isInternal = false
    /// The trusted proxies on the way, the nearest first.
    private var proxies: [Bytes] = []

    /// Makes the request's client who it is said to be. What the PROXY protocol says comes before any field.
    static func correct(_ request: Request, _ host: Host) {
        if let told = ProxyPreface.client(of: request.connection) {
            request.set(APUS_R_PEER_ADDRESS, told.address)
            return request.setNumber(APUS_R_PEER_PORT, told.port)
        }
        let conf = request.serverConf(RemoteIPConf.self)
        guard conf.pointee.header.isSet, let field = joined(conf.pointee.header, of: request),
            let peer = IPAddress(request.peerAddress)
        else { return }
        var walk = HeaderWalk(request, host, conf, field, peer)
        while walk.step() {}
        walk.finish()
    }

    private init(_ request: Request, _ host: Host, _ conf: UnsafePointer<RemoteIPConf>, _ field: Bytes, _ peer: IPAddress) {
        self.request = request
        self.host = host
        self.conf = conf
        rest = field
        client = peer
        clientText = request.peerAddress
    }

    /// The values of all fields of a name as one list (RFC 9110, 5.3).
    private static func joined(_ name: Bytes, of request: Request) -> Bytes? {
        guard let first = request.headersIn[name] else { return nil }
        guard request.headersIn.value(name, 1) != nil else { return first }
        var values: [Bytes] = []
        while let value = request.headersIn.value(name, values.count) { values.append(value) }
        return request.pool.compose(capacity: values.reduce(0) { $0 + $1.count + 2 }) { writer in
            for (index, value) in values.enumerated() {
                if index > 0 { writer.append(", ") }
                writer.append(value)
            }
        }
    }

    /// Takes the last address of what is left. False: the walk is over.
    private mutating func step() -> Bool {
        guard rest.isSet, trustsClient() else { return false }
        let comma = rest.lastIndex(of: UInt8(ascii: ","))
        let word = rest.from(comma.map { $0 + 1 } ?? 0).trimmed
        guard !word.isEmpty else { return false }
        guard let address = IPAddress(word) else {
            note("AH01568", "its word \"\(word.string)\" is no address")
            return false
        }
        guard isInternal || address.isPublic else {
            note("AH01569", "\(word.string) is a private address, and was not named by a proxy of one's own")
            return false
        }
        if !isInternal { proxies.append(clientText) }
        client = address
        clientText = request.pool.compose(capacity: 48) { $0.append(address: address) }
        rest = comma.map { rest.upTo($0) } ?? .none
        hasMoved = true
        return true
    }

    /// Whether the client reached so far may say who is behind it: all may, when none are named.
    private mutating func trustsClient() -> Bool {
        guard !conf.pointee.proxies.isEmpty else { return true }
        for proxy in conf.pointee.proxies.elements where proxy.range.contains(client) {
            isInternal = proxy.isInternal
            return true
        }
        return false
    }

    private func finish() {
        guard hasMoved else { return }
        request.set(APUS_R_PEER_ADDRESS, clientText)
        request.headersIn[conf.pointee.header] = rest.isSet ? rest : nil
        guard !proxies.isEmpty else { return }
        let list = request.pool.compose(capacity: proxies.reduce(0) { $0 + $1.count + 2 }) { writer in
            for (index, proxy) in proxies.enumerated() {
                if index > 0 { writer.append(", ") }
                writer.append(proxy)
            }
        }
        request.notes["remoteip-proxy-ip-list"] = list
        if conf.pointee.proxiesHeader.isSet { request.headersIn[conf.pointee.proxiesHeader] = list }
    }

    private func note(_ code: StaticString, _ reason: @autoclosure () -> String) {
        guard !request.isExplain else { return }
        host.log.write(
            .debug, code: code, request: request,
            "\(conf.pointee.header.string) is not followed further: \(reason())")
    }
}

extension IPAddress {
    /// Whether it may be an address of the public Internet.
    fileprivate var isPublic: Bool {
        guard isV4 else { return high >> 61 == 1 }
        let (first, second) = (UInt8(truncatingIfNeeded: low >> 24), UInt8(truncatingIfNeeded: low >> 16))
        switch first {
        case 10, 127: return false
        case 169: return second != 254
        case 172: return second & 0xf0 != 16
        case 192: return second != 168
        default: return true
        }
    }
}
