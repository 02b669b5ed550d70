import ModuleKit

/// Stands before all others until the head of the answer is known; then it puts those filters behind it that are to work
/// on this answer, and goes, unless one of them is traced.
final class Dispatcher: OutputFilter {
    static let name = "SMART-FILTER"
    static let literal: StaticString = "SMART-FILTER"

    private var traced = Bytes.none
    private var traceLevel: Int32 = 0

    init?(_ filter: Filter) {}

    func prepare(_ filter: Filter) -> Bool {
        let request = filter.request
        let conf = request.confPointer(FilterConf.self)
        for name in conf.pointee.chain.elements {
            guard let declared = conf.pointee.find(name) else {
                insert(name, filter)
                continue
            }
            let chosen = choose(declared, request)
            if declared.trace > 0 { trace(declared, chosen, filter) }
            guard let chosen else { continue }
            let traits = declared.traits.union(chosen.traits)
            if isRuledOut(traits, request) { continue }
            insert(chosen.name, filter)
            apply(traits, request)
        }
        return traceLevel > 0
    }

    private func choose(_ declared: Declared, _ request: Request) -> Provider? {
        declared.providers.elements.first { provider in
            switch provider.condition {
            case .expression(let expression): expression.test(request) == true
            case .type(let type): request.contentType.withoutParameters.equalsIgnoringCase(type)
            }
        }
    }

    private func insert(_ name: Bytes, _ filter: Filter) {
        guard !filter.insertBehind(name) else { return }
        Log(host: filter.host).write(
            .error, code: "AH01375", request: filter.request, "the filter \(name.string) is not known: left out")
    }

    /// A proxy must leave some answers as they are (RFC 9110, 7.7).
    private func isRuledOut(_ traits: FilterTraits, _ request: Request) -> Bool {
        guard request.handler == "proxy-server" else { return false }
        if traits.contains(.notProxied) { return true }
        guard traits.contains(.transforms), let control = request.headersOut["Cache-Control"] else { return false }
        var forbids = false
        control.eachListElement { if $0.equalsIgnoringCase("no-transform") { forbids = true } }
        return forbids
    }

    private func apply(_ traits: FilterTraits, _ request: Request) {
        if !traits.isDisjoint(with: [.changes, .keepsLength]) {
            request.headersOut["Content-MD5"] = nil
            if traits.contains(.changes) { request.headersOut["Content-Length"] = nil }
        }
        if !traits.isDisjoint(with: [.noRanges, .changes]) { request.headersOut["Accept-Ranges"] = nil }
        if traits.contains(.noCache) {
            request.headersOut["Last-Modified"] = nil
            request.headersOut["Cache-Control"] = Bytes("no-cache")
        }
    }

    private func trace(_ declared: Declared, _ chosen: Provider?, _ filter: Filter) {
        let outcome = chosen.map { "is \($0.name.string)" } ?? "is none of its providers"
        Log(host: filter.host).write(
            .debug, code: "AH01376", request: filter.request, "\(declared.name.string) \(outcome) for this answer")
        guard declared.trace > traceLevel else { return }
        traced = declared.name
        traceLevel = declared.trace
    }

    func process(_ chain: Chain, _ filter: Filter) -> Status {
        if traceLevel > 0 {
            Log(host: filter.host).write(
                .debug, code: "AH01377", request: filter.request, "\(traced.string): \(chain.length) bytes of the body")
        }
        return filter.pass(chain)
    }
}
