import ByteKit
import CSystem
import Glibc
import ModuleABI

/// What is done once every directive has been handled: merging, ordering, freezing.
extension ConfigBuilder {
    func finish() {
        let main = configuration.main.server.pointee.core
        if !main.pointee.documentRoot.isSet {
            main.pointee.documentRoot = configuration.arena.copy(configuration.resolve("htdocs"))
        }
        for draft in configuration.servers.dropFirst() { merge(draft, over: configuration.main) }
        for draft in configuration.servers { settle(draft) }
        link()
        checkListeners()
        configuration.hosts = HostTable.build(configuration, diagnostics)
        guard runtime.options.checksDocumentRoots else { return }
        checkDocumentRoots()
        warnAboutDoubts()
    }

    private func merge(_ draft: ServerDraft, over main: ServerDraft) {
        let (own, base) = (draft.server, main.server)
        let arena = configuration.arena
        own.pointee.core.pointee = own.pointee.core.pointee.merged(over: base.pointee.core.pointee)
        let dir = own.pointee.dirConf.pointee.core
        dir.pointee = dir.pointee.merged(over: base.pointee.dirConf.pointee.core.pointee, arena)
        let vector = own.pointee.dirConf.pointee.vector
        for module in runtime.modules.dropFirst() {
            own.pointee.conf[module.index] = merged(
                module, module.serverConf?.merge, base.pointee.conf[module.index], own.pointee.conf[module.index])
            vector[module.index] = merged(
                module, module.dirConf?.merge, base.pointee.dirConf.pointee.vector[module.index],
                vector[module.index])
        }
    }

    private func merged(
        _ module: LoadedModule,
        _ merge: (@convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, UnsafeRawPointer?, UnsafeRawPointer?) -> UnsafeMutableRawPointer?)?,
        _ base: UnsafeMutableRawPointer?, _ over: UnsafeMutableRawPointer?
    ) -> UnsafeMutableRawPointer? {
        guard let base else { return over }
        guard let over else { return base }
        return merge?(module.ctx, configuration.arena.handle, base, over) ?? over
    }

    private func settle(_ draft: ServerDraft) {
        let server = draft.server
        server.pointee.limits = ServerLimits(server.pointee.core.pointee)
        server.pointee.dirConf.pointee.identity = configuration.takeIdentity()
        server.pointee.sections = UnsafePointer(configuration.arena.new(sectionTable(draft)))
        if server.pointee.name.isEmpty { server.pointee.name = defaultName(draft) }
        if draft.serverName == nil, server.pointee.port == 0, let port = draft.addresses.first?.port { server.pointee.port = Int32(port) }
    }

    /// Sections of the main server come before those of the virtual host; short directories before long ones.
    private func sectionTable(_ draft: ServerDraft) -> SectionTable {
        let main = configuration.main
        let isMain = draft === main
        let directories = isMain ? draft.directories : main.directories + draft.directories
        let plain = directories.filter { $0.match != .regex }
        let ordered = plain.enumerated().sorted { a, b in
            a.element.depth != b.element.depth ? a.element.depth < b.element.depth : a.offset < b.offset
        }.map(\.element)
        let regexes = directories.filter { $0.match == .regex }
        let arena = configuration.arena
        let own = scope(of: draft, .vhost).conditions
        let conditions = isMain ? own : scope(of: main, .server).conditions + own
        let files = isMain ? draft.files : main.files + draft.files
        let locations = isMain ? draft.locations : main.locations + draft.locations
        let readsAccessFiles = readsAccessFiles(draft, ordered)
        return SectionTable(
            directories: UnsafeBufferPointer(arena.copy(ordered)), patterns: UnsafeBufferPointer(arena.copy(regexes)),
            files: UnsafeBufferPointer(arena.copy(files)), locations: UnsafeBufferPointer(arena.copy(locations)),
            conditions: UnsafeBufferPointer(arena.copy(conditions)), restrictsLinks: restrictsLinks(draft, ordered),
            readsAccessFiles: readsAccessFiles, namesFiles: ordered.contains(where: mayNameFile),
            goesByNames: !readsAccessFiles && conditions.isEmpty && (directories + files + locations).allSatisfy(goesByNames))
    }

    private func goesByNames(_ section: Section) -> Bool {
        section.conditions.isEmpty && section.captures.isEmpty && section.files.allSatisfy(goesByNames)
    }

    private func mayNameFile(_ section: Section) -> Bool {
        guard section.match == .prefix else { return true }
        var info = stat()
        return stat(section.pattern.ptr, &info) != 0 || info.st_mode & S_IFMT != S_IFDIR
    }

    private func readsAccessFiles(_ draft: ServerDraft, _ directories: [Section]) -> Bool {
        let confs = directories.compactMap { $0.core?.pointee } + [draft.server.pointee.dirConf.pointee.core.pointee]
        return confs.contains {
            var override = AccessOverride()
            override.apply($0)
            return override.readsFiles
        }
    }

    private func restrictsLinks(_ draft: ServerDraft, _ directories: [Section]) -> Bool {
        let nested = directories.flatMap { Array($0.files) }
        let confs = (directories + nested).compactMap { $0.core?.pointee }
        return draft.server.pointee.dirConf.pointee.core.pointee.restrictsLinks || confs.contains(where: \.restrictsLinks)
    }

    private func defaultName(_ draft: ServerDraft) -> Bytes {
        if draft.server.pointee.isVirtual { return configuration.main.server.pointee.name }
        var name = [CChar](repeating: 0, count: 256)
        return gethostname(&name, name.count - 1) == 0 ? configuration.arena.copy(Bytes(cString: name)) : Bytes("localhost")
    }

    private func link() {
        for (draft, next) in zip(configuration.servers, configuration.servers.dropFirst()) {
            draft.server.pointee.next = next.server
        }
    }

    private func checkListeners() {
        guard configuration.listeners.isEmpty else { return }
        diagnostics.error(
            "no Listen directive: the server would have no port to serve", at: configuration.main.location,
            hint: "add a line such as Listen 80")
    }

    private func checkDocumentRoots() {
        for draft in configuration.servers {
            guard let place = draft.documentRootLocation else { continue }
            let root = draft.server.pointee.core.pointee.documentRoot
            var info = stat()
            guard stat(root.ptr, &info) != 0 || info.st_mode & S_IFMT != S_IFDIR else { continue }
            diagnostics.warning("DocumentRoot: \(root.string) is not a directory", at: place, hint: "create it, or correct the path")
        }
    }
}
