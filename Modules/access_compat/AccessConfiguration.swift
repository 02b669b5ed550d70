import AuthKit
import ModuleKit

/// What Satisfy says; the values are those that the host knows.
enum Satisfaction: Int32, BitwiseCopyable {
    case unset = 0
    case all, any
}

/// Which of Allow and Deny has the last word.
enum AccessOrder: UInt8, BitwiseCopyable {
    case denyAllow, allowDeny, mutualFailure
}

/// One word of Allow or Deny.
struct AccessRule: BitwiseCopyable {
    enum Kind: UInt8, BitwiseCopyable {
        case all, range, domain
        /// A variable that is set, or is not.
        case variable, noVariable
    }

    let kind: Kind
    let range: Subnet?
    let text: Bytes
}

/// Access to a directory. A section that says anything about it inherits nothing.
struct AccessConf: Configuration, BitwiseCopyable {
    /// Something that holds for the methods of a <Limit>, or for all.
    struct Limited<Value: BitwiseCopyable>: BitwiseCopyable {
        let value: Value
        let methods: MethodLimit?

        func holds(for request: Request) -> Bool { methods?.holds(for: request.raw) ?? true }
    }

    private var orders = PoolArray<Limited<AccessOrder>>()
    private var allows = PoolArray<Limited<AccessRule>>()
    private var denies = PoolArray<Limited<AccessRule>>()
    private var satisfactions = PoolArray<Limited<Satisfaction>>()

    func merged(
        over base: AccessConf, settings: [(inout AccessConf) -> Void], in pool: Pool
    ) -> AccessConf { self }

    mutating func add(_ order: AccessOrder, _ methods: MethodLimit?, in pool: Pool) {
        orders.append(Limited(value: order, methods: methods), in: pool)
    }

    mutating func add(allowed rule: AccessRule, _ methods: MethodLimit?, in pool: Pool) {
        allows.append(Limited(value: rule, methods: methods), in: pool)
    }

    mutating func add(denied rule: AccessRule, _ methods: MethodLimit?, in pool: Pool) {
        denies.append(Limited(value: rule, methods: methods), in: pool)
    }

    mutating func add(_ satisfaction: Satisfaction, _ methods: MethodLimit?, in pool: Pool) {
        satisfactions.append(Limited(value: satisfaction, methods: methods), in: pool)
    }

    /// Whether Order, Allow or Deny stands here for any method.
    var hasAnyRules: Bool { !orders.isEmpty || !allows.isEmpty || !denies.isEmpty }

    func hasRules(for request: Request) -> Bool {
        last(orders, request) != nil || last(allows, request) != nil || last(denies, request) != nil
    }

    /// The last that was said about it.
    func satisfaction(for request: Request) -> Satisfaction { last(satisfactions, request) ?? .unset }

    private func last<Value>(_ list: PoolArray<Limited<Value>>, _ request: Request) -> Value? {
        var index = list.count
        while index > 0 {
            index -= 1
            if list[index].holds(for: request) { return list[index].value }
        }
        return nil
    }

    enum Verdict {
        case yes, no
        /// The client's name has to be looked up before.
        case later
    }

    /// Whether the client may come in.
    func decide(_ request: Request, _ clients: ClientNames) -> Verdict {
        let isDenied = matches(denies, request, clients)
        let isAllowed = matches(allows, request, clients)
        switch last(orders, request) ?? .denyAllow {
        case .denyAllow:
            if isAllowed == .yes || isDenied == .no { return .yes }
            return isAllowed == .later || isDenied == .later ? .later : .no
        case .allowDeny, .mutualFailure:
            if isDenied == .yes || isAllowed == .no { return .no }
            return isAllowed == .later || isDenied == .later ? .later : .yes
        }
    }

    /// Whether one of the rules names the client.
    private func matches(
        _ rules: PoolArray<Limited<AccessRule>>, _ request: Request, _ clients: ClientNames
    ) -> Verdict {
        var verdict = Verdict.no
        for rule in rules.elements where rule.holds(for: request) {
            switch matches(rule.value, request, clients) {
            case .yes: return .yes
            case .later: verdict = .later
            case .no: break
            }
        }
        return verdict
    }

    private func matches(_ rule: AccessRule, _ request: Request, _ clients: ClientNames) -> Verdict {
        switch rule.kind {
        case .all: return .yes
        case .variable: return request.environment[rule.text] != nil ? .yes : .no
        case .noVariable: return request.environment[rule.text] == nil ? .yes : .no
        case .range:
            guard let address = IPAddress(request.peerAddress), let range = rule.range else { return .no }
            return range.contains(address) ? .yes : .no
        case .domain:
            switch clients.find(request) {
            case .unknown: return .later
            case .none: return .no
            case .name(let name):
                return name.withUnsafeBytes { NameLookup.isHost(Bytes($0), in: rule.text) } ? .yes : .no
            }
        }
    }
}
