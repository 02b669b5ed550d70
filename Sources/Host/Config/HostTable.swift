import ByteKit

/// Which server answers on which address, and which virtual host bears which name.
///
/// Frozen raw memory: the request path reads it without reference counting.
struct HostTable: BitwiseCopyable {
    /// The virtual hosts of one address, in the order of the configuration; the first is the default.
    struct Entry: BitwiseCopyable {
        /// Nil: any address.
        var address: SocketAddress?
        /// 0: any port.
        var port: UInt16
        var servers: UnsafeBufferPointer<Server.Ref>
        var names: NameTable
    }

    /// Exact names hashed, patterns in order.
    struct NameTable: BitwiseCopyable {
        struct Slot: BitwiseCopyable {
            var hash: UInt64
            var name: Bytes
            var order: Int32
        }

        struct Pattern: BitwiseCopyable {
            var pattern: Bytes
            var order: Int32
        }

        var slots: UnsafeBufferPointer<Slot>
        var patterns: UnsafeBufferPointer<Pattern>

        /// The same for a name in any case.
        func find(lowercasing name: Bytes) -> Int? {
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: max(name.count, 1)) { lower in
                for index in 0..<name.count { lower[index] = name[index].asciiLowercased }
                return find(Bytes(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(lower)[..<name.count])))
            }
        }

        /// The place in the order of the first server that bears the name, which is in lower case.
        func find(_ name: Bytes) -> Int? {
            var best = Int32.max
            if !slots.isEmpty {
                let hash = name.hashed
                var at = Int(truncatingIfNeeded: hash) & (slots.count - 1)
                while slots[at].order >= 0 {
                    if slots[at].hash == hash, slots[at].name == name {
                        best = slots[at].order
                        break
                    }
                    at = (at + 1) & (slots.count - 1)
                }
            }
            for entry in patterns where entry.order < best {
                if Wildcard.matches(entry.pattern, name, ignoringCase: true, pathname: false) {
                    best = entry.order
                    break
                }
            }
            return best == .max ? nil : Int(best)
        }
    }

    var main: Server.Ref
    var entries: UnsafeBufferPointer<Entry>
    /// Whether an entry names an address, so that a connection's local one must be known.
    var needsLocalAddress: Bool

    /// The entry for a connection to this address: its own before the wildcard, a port before any port.
    func entry(for local: SocketAddress) -> UnsafePointer<Entry>? {
        var best: Int?
        var bestScore = -1
        for (index, entry) in entries.enumerated() {
            if let address = entry.address, !address.hasSameHost(as: local) { continue }
            if entry.port != 0, entry.port != local.port { continue }
            let score = (entry.address != nil ? 2 : 0) + (entry.port != 0 ? 1 : 0)
            if score > bestScore { (best, bestScore) = (index, score) }
        }
        return best.flatMap { index in entries.baseAddress.map { $0 + index } }
    }
}

extension HostTable {
    /// Groups the virtual hosts by their addresses.
    static func build(_ configuration: Configuration, _ diagnostics: Diagnostics) -> HostTable {
        var groups: [(address: SocketAddress?, port: UInt16, drafts: [ServerDraft])] = []
        for draft in configuration.servers.dropFirst() {
            for spec in draft.addresses {
                for (address, port) in places(of: spec, diagnostics) {
                    if let at = groups.firstIndex(where: { $0.port == port && same($0.address, address) }) {
                        if groups[at].drafts.last !== draft { groups[at].drafts.append(draft) }
                    } else {
                        groups.append((address, port, [draft]))
                    }
                }
            }
        }
        let arena = configuration.arena
        let entries = groups.map { group in
            Entry(
                address: group.address, port: group.port,
                servers: UnsafeBufferPointer(arena.copy(group.drafts.map(\.server))),
                names: NameTable.build(group.drafts, arena))
        }
        return HostTable(
            main: configuration.main.server, entries: UnsafeBufferPointer(arena.copy(entries)),
            needsLocalAddress: entries.contains { $0.address != nil })
    }

    private static func same(_ a: SocketAddress?, _ b: SocketAddress?) -> Bool {
        switch (a, b) {
        case (nil, nil): true
        case (let a?, let b?): a.hasSameHost(as: b)
        default: false
        }
    }

    private static func places(of spec: AddressSpec, _ diagnostics: Diagnostics) -> [(SocketAddress?, UInt16)] {
        let port = spec.port ?? 0
        guard let host = spec.host else { return [(nil, port)] }
        let addresses = SocketAddress.resolve(host, port: port)
        if addresses.isEmpty {
            diagnostics.error(
                "<VirtualHost>: the host name \(host) cannot be resolved", at: spec.location,
                hint: "write an IP address or *")
        }
        return addresses.map { ($0.isWildcard ? nil : $0, port) }
    }
}

extension HostTable.NameTable {
    static func build(_ drafts: [ServerDraft], _ arena: Arena.Ref) -> HostTable.NameTable {
        var exact: [(name: Bytes, order: Int32)] = []
        var patterns: [Pattern] = []
        for (order, draft) in drafts.enumerated() {
            let name = draft.server.pointee.name
            // A host without a ServerName answers to the main server's.
            exact.append((name, Int32(order)))
            exact += draft.names.map { (arena.copy($0.asciiLowered), Int32(order)) }
            patterns += draft.patterns.map { Pattern(pattern: arena.copy($0.asciiLowered), order: Int32(order)) }
        }
        var size = 1
        while size < exact.count * 2 { size *= 2 }
        let empty = Slot(hash: 0, name: .none, order: -1)
        let slots = arena.copy([Slot](repeating: empty, count: exact.isEmpty ? 0 : size))
        for (name, order) in exact { insert(name, order, into: slots) }
        return HostTable.NameTable(
            slots: UnsafeBufferPointer(slots), patterns: UnsafeBufferPointer(arena.copy(patterns)))
    }

    /// The first server that bears a name keeps it.
    private static func insert(_ name: Bytes, _ order: Int32, into slots: UnsafeMutableBufferPointer<Slot>) {
        let hash = name.hashed
        var at = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[at].order >= 0 {
            if slots[at].hash == hash, slots[at].name == name { return }
            at = (at + 1) & (slots.count - 1)
        }
        slots[at] = Slot(hash: hash, name: name, order: order)
    }
}
