import ByteKit
import Glibc
import ModuleABI

/// All .htaccess files that requests have come across, and what is known of the directories they lie in.
final class AccessFiles {
    /// How many are remembered; beyond that all are forgotten, and looked at again as they are met.
    private static let limit = 16384

    private struct Key: Hashable {
        let server: Int32
        let directory: [UInt8]
    }

    private var files: [Key: AccessFile] = [:]
    private var watcher: PathWatcher?
    private var hasTriedToWatch = false
    private var hasChanges = false

    // MARK: Changes

    func noteChange(of file: AccessFile) {
        file.isDirty = true
        hasChanges = true
    }

    /// A descriptor of the watcher is ready.
    func readEvents(_ descriptor: Int32) {
        guard let watcher, let changes = watcher.readEvents(descriptor) else { return }
        switch changes {
        case .some(let changed): for file in changed { noteChange(of: file) }
        case .everything: for file in files.values { noteChange(of: file) }
        }
        if takeChanges() { theWorker.pointee.walks.beginEra() }
    }

    /// Whether changes have been noted since the last time.
    func takeChanges() -> Bool {
        defer { hasChanges = false }
        return hasChanges
    }

    /// Forgets everything when there is too much of it; the walks that it was part of are made anew.
    func makeRoom() {
        guard files.count >= AccessFiles.limit else { return }
        watcher?.stop()
        (watcher, hasTriedToWatch) = (nil, false)
        retire(files.values.compactMap { $0.forget() })
        files = [:]
        hasChanges = true
    }

    // MARK: Walks

    func draft(of server: Server.Ref) -> ServerDraft {
        Runtime.current.unsafelyUnwrapped.configuration.servers[Int(server.pointee.index)]
    }

    /// Walks down to a directory: at each level the <Directory> sections of that depth, then its .htaccess file.
    func walk(_ old: DirectoryWalk, era: UInt64, server: ServerDraft) -> DirectoryWalk {
        var progress = Progress(old.table, server: server)
        var retired: [(arena: Arena.Ref, section: UInt32?)] = []
        var end = 0
        let directory = old.directory
        while progress.status == APUS_OK, let slash = directory.firstIndex(of: 0x2f, from: end) {
            end = slash + 1
            progress.descend(to: directory.upTo(end))
            guard progress.override.readsFiles else { continue }
            let file = self.file(Array(directory.upTo(end).buffer), server, progress.override)
            if file.isDirty, let old = file.look(startedWatcher) { retired.append(old) }
            progress.add(file)
        }
        retire(retired)
        return DirectoryWalk(
            hash: old.hash, table: old.table, directory: directory, sections: copy(progress.sections), era: era,
            restrictsLinks: progress.restrictsLinks, status: progress.status, faulty: progress.faulty, polled: progress.polled,
            isLasting: progress.status == APUS_OK && progress.polled.isEmpty,
            hasFiles: progress.sections.contains { !$0.pointee.files.isEmpty },
            hasConditions: progress.sections.contains { !$0.pointee.conditions.isEmpty }, conf: nil)
    }

    private func copy(_ sections: [UnsafePointer<Section>]) -> UnsafeMutableBufferPointer<UnsafePointer<Section>> {
        let place = UnsafeMutableBufferPointer<UnsafePointer<Section>>.allocate(capacity: sections.count)
        _ = place.initialize(from: sections)
        return place
    }

    private func file(_ directory: [UInt8], _ server: ServerDraft, _ override: AccessOverride) -> AccessFile {
        let key = Key(server: server.server.pointee.index, directory: directory)
        if let known = files[key] { return known }
        let file = AccessFile(directory: directory, server: server, override: override)
        files[key] = file
        return file
    }

    /// Takes what was merged of old texts out of the cache; its memory goes when no request reads it any more.
    private func retire(_ old: [(arena: Arena.Ref, section: UInt32?)]) {
        guard !old.isEmpty else { return }
        theWorker.pointee.mergeCache.forget(Set(old.compactMap(\.section)))
        for each in old { theWorker.pointee.epochs.retire(each.arena) }
    }

    private var startedWatcher: PathWatcher? {
        guard !hasTriedToWatch else { return watcher }
        hasTriedToWatch = true
        do throws(SystemProblem) {
            let new = try PathWatcher()
            watcher = new
            theWorker.pointee.loop.watchPaths(new.descriptors)
        } catch {
            ErrorLog.write(
                .notice, code: "APUS1403",
                "changes of .htaccess files cannot be watched (\(error.description)): each request looks at them; raise fs.inotify.max_user_instances")
        }
        return watcher
    }
}

/// A walk on its way down.
private struct Progress {
    let table: UnsafePointer<SectionTable>
    var override: AccessOverride
    var sections: [UnsafePointer<Section>] = []
    var restrictsLinks = false
    var status = APUS_OK
    var faulty: AccessFile?
    var polled: [AccessFile] = []
    private var depth: Int32 = 0
    private var next = 0

    init(_ table: UnsafePointer<SectionTable>, server: ServerDraft) {
        self.table = table
        override = AccessOverride()
        override.apply(server.server.pointee.dirConf.pointee.core.pointee)
    }

    /// The sections for a directory one level further down. They are in the order of their depths.
    mutating func descend(to directory: Bytes) {
        depth += 1
        let all = table.pointee.directories
        guard let start = all.baseAddress else { return }
        while next < all.count, all[next].depth <= depth {
            let section = UnsafePointer(start + next)
            next += 1
            guard section.pointee.matches(directory: directory) else { continue }
            sections.append(section)
            if let own = section.pointee.core { override.apply(own.pointee) }
        }
    }

    mutating func add(_ file: AccessFile) {
        if file.isPolled { polled.append(file) }
        guard file.status == APUS_OK else {
            (status, faulty) = (file.status, file)
            return
        }
        guard let section = file.section else { return }
        sections.append(section)
        if let own = section.pointee.core, own.pointee.restrictsLinks { restrictsLinks = true }
    }
}
