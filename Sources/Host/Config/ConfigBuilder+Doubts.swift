import ByteKit
import Glibc

/// What is legal and probably not meant: looked for when everything has been read.
extension ConfigBuilder {
    func warnAboutDoubts() {
        for draft in configuration.servers {
            for section in draft.directories { warnAboutDirectory(section) }
            for section in draft.locations { warnAboutLocation(section) }
            for section in draft.files + draft.directories.flatMap({ Array($0.files) }) { warnAboutFiles(section) }
        }
        warnAboutUnreachableHosts()
        warnAboutShadowedNames()
    }

    /// A directory may come into being later, so this is but a hint at a slip.
    private func warnAboutDirectory(_ section: Section) {
        guard section.match == .prefix, let place = sectionPlaces[section.id] else { return }
        var info = stat()
        guard stat(section.pattern.ptr, &info) != 0, errno == ENOENT || errno == ENOTDIR else { return }
        diagnostics.warning(
            "<Directory>: there is no \(section.pattern.string)", at: place,
            hint: "correct the path; if the directory is to come, all is well")
    }

    private func warnAboutLocation(_ section: Section) {
        let pattern = section.pattern
        guard section.match != .regex, !pattern.isEmpty, pattern[0] != 0x2f, let place = sectionPlaces[section.id] else { return }
        // Wildcards may stand for the slash; URLs are for proxies.
        guard ![0x2a, 0x3f, 0x5b].contains(pattern[0]), !pattern.contains(0x3a) else { return }
        diagnostics.warning(
            "<Location>: no request has a path that begins with \(pattern.string)", at: place,
            hint: "paths begin with a slash: write /\(pattern.string)")
    }

    private func warnAboutFiles(_ section: Section) {
        guard section.match != .regex, section.pattern.contains(0x2f), let place = sectionPlaces[section.id] else { return }
        diagnostics.warning(
            "<Files>: no name of a file holds a slash", at: place,
            hint: "name the file alone, inside a <Directory> for its directory")
    }

    /// A virtual host whose addresses and ports nobody listens on.
    private func warnAboutUnreachableHosts() {
        let listeners = configuration.listeners.map(\.address)
        for entry in configuration.hosts?.entries ?? UnsafeBufferPointer(start: nil, count: 0) {
            let isReached = listeners.contains { listener in
                guard entry.port == 0 || entry.port == listener.port else { return false }
                guard let address = entry.address else { return true }
                return listener.isWildcard || listener.hasSameHost(as: address)
            }
            guard !isReached else { continue }
            let address = entry.address.map { SocketAddress(high: $0.high, low: $0.low, port: entry.port, isIPv4: $0.isIPv4).description }
            for server in entry.servers {
                let draft = configuration.servers[Int(server.pointee.index)]
                diagnostics.warning(
                    "<VirtualHost>: nothing listens on \(address ?? "*:\(entry.port)")", at: draft.location,
                    hint: "add a Listen line, or correct the address")
            }
        }
    }

    /// A virtual host whose name another one of its address has taken.
    private func warnAboutShadowedNames() {
        for entry in configuration.hosts?.entries ?? UnsafeBufferPointer(start: nil, count: 0) where entry.servers.count > 1 {
            for (order, server) in entry.servers.enumerated() {
                let draft = configuration.servers[Int(server.pointee.index)]
                guard let name = draft.serverName, let first = entry.names.find(server.pointee.name), first < order else { continue }
                let other = configuration.servers[Int(entry.servers[first].pointee.index)]
                diagnostics.warning(
                    "ServerName: requests for \(name.host) go to the virtual host at \(other.location.map { "\($0)" } ?? "?"), which has the name, too",
                    at: name.location, hint: "give one of them another name, or another address")
            }
        }
    }
}
