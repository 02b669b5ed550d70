import ByteKit
import Glibc
import ModuleABI

/// Merged directory configurations by the set of sections they were merged of: a request pays a look-up, not a merge.
///
/// Bounded; a set that no longer fits is merged into the request's own arena.
struct MergeCache {
    struct Entry {
        var hash: UInt64
        var base: UnsafeMutablePointer<MergedConf>
        var ids: UnsafePointer<UInt32>
        var count: Int32
        var conf: UnsafePointer<MergedConf>
        /// What a .htaccess file is part of lies in memory of its own; nil: in that of all.
        var own: Arena.Ref?
    }

    static let limit = 4096

    private var slots: UnsafeMutablePointer<Entry?>
    private let capacity = limit * 2
    private var count = 0
    private let arena = Arena.make(nil)
    /// The last one that was merged for one request alone.
    private var passing: UnsafePointer<MergedConf>?
    private var nextIdentity: UInt64

    init(firstIdentity: UInt64) {
        slots = .allocate(capacity: capacity)
        slots.initialize(repeating: nil, count: capacity)
        nextIdentity = firstIdentity
    }

    /// The configuration of `sections` merged in order over the server's own.
    @inline(__always)
    mutating func conf(_ r: Request.Ref, _ sections: UnsafeBufferPointer<UnsafePointer<Section>>) -> UnsafePointer<MergedConf> {
        let base = r.pointee.server.pointee.dirConf
        guard !sections.isEmpty else { return UnsafePointer(base) }
        var hash = UInt64(UInt(bitPattern: base))
        for section in sections { hash = (hash ^ UInt64(section.pointee.id)) &* 0xff51_afd7_ed55_8ccd ^ hash >> 31 }
        var at = Int(truncatingIfNeeded: hash) & (capacity - 1)
        while let entry = slots[at] {
            if entry.hash == hash, entry.base == base, MergeCache.same(entry, sections) { return entry.conf }
            at = (at + 1) & (capacity - 1)
        }
        return make(r, base, sections, hash, at)
    }

    /// Whether what `conf` just returned stays as long as the sections it was merged of.
    func keeps(_ conf: UnsafePointer<MergedConf>) -> Bool { conf != passing }

    private static func same(_ entry: Entry, _ sections: UnsafeBufferPointer<UnsafePointer<Section>>) -> Bool {
        guard Int(entry.count) == sections.count else { return false }
        for index in 0..<sections.count where entry.ids[index] != sections[index].pointee.id { return false }
        return true
    }

    @inline(never)
    private mutating func make(
        _ r: Request.Ref, _ base: UnsafeMutablePointer<MergedConf>,
        _ sections: UnsafeBufferPointer<UnsafePointer<Section>>, _ hash: UInt64, _ slot: Int
    ) -> UnsafePointer<MergedConf> {
        let isPassing = sections.contains { $0.pointee.isAccessFile }
        let isKept = count < MergeCache.limit
        let own = isPassing && isKept ? Arena.make(nil, first: 2048) : nil
        let place = own ?? (isKept ? arena : r.pointee.arena)
        let conf = UnsafePointer(merge(UnsafePointer(base), sections, in: place))
        if !isKept { passing = conf }
        if isKept {
            let ids = place.copy(sections.map { $0.pointee.id })
            slots[slot] = Entry(
                hash: hash, base: base, ids: UnsafePointer(ids.baseAddress.unsafelyUnwrapped), count: Int32(ids.count), conf: conf, own: own)
            count += 1
        }
        return conf
    }

    /// Drops what was merged of sections that are no more. Requests may still read it: its memory is retired.
    mutating func forget(_ sections: Set<UInt32>) {
        var kept: [Entry] = []
        for slot in 0..<capacity {
            guard let entry = slots[slot] else { continue }
            slots[slot] = nil
            let isGone = entry.own != nil && (0..<Int(entry.count)).contains { sections.contains(entry.ids[$0]) }
            if isGone, let own = entry.own { theWorker.pointee.epochs.retire(own) } else { kept.append(entry) }
        }
        for entry in kept {
            var at = Int(truncatingIfNeeded: entry.hash) & (capacity - 1)
            while slots[at] != nil { at = (at + 1) & (capacity - 1) }
            slots[at] = entry
        }
        count = kept.count
    }

    /// One set of settings merged over a configuration that may itself be a merged one.
    mutating func merge(
        _ base: UnsafePointer<MergedConf>, _ set: UnsafePointer<Section>, in arena: Arena.Ref
    ) -> UnsafeMutablePointer<MergedConf> {
        withUnsafePointer(to: set) { merge(base, UnsafeBufferPointer(start: $0, count: 1), in: arena) }
    }

    private mutating func merge(
        _ base: UnsafePointer<MergedConf>, _ sections: UnsafeBufferPointer<UnsafePointer<Section>>, in arena: Arena.Ref
    ) -> UnsafeMutablePointer<MergedConf> {
        let modules = theWorker.pointee.modules
        let vector = arena.allocate(UnsafeMutableRawPointer?.self, count: modules.count)
        let core = arena.new(base.pointee.core.pointee)
        vector.initialize(from: base.pointee.vector, count: modules.count)
        vector[0] = UnsafeMutableRawPointer(core)
        for section in sections {
            if let own = section.pointee.conf[0] {
                core.pointee = own.assumingMemoryBound(to: CoreDirConf.self).pointee.merged(over: core.pointee, arena)
            }
            for index in 1..<max(modules.count, 1) {
                guard let over = section.pointee.conf[index] else { continue }
                let merge = modules[index].mergeDir
                vector[index] = vector[index].flatMap { merge?(modules[index].ctx, arena.handle, $0, over) } ?? over
            }
        }
        defer { nextIdentity += 1 }
        return arena.new(MergedConf(identity: nextIdentity, vector: vector, core: core))
    }
}

/// What the request path needs of a module, without touching a class.
struct ModuleLink {
    var ctx: UnsafeMutableRawPointer?
    var mergeDir: (@convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, UnsafeRawPointer?, UnsafeRawPointer?) -> UnsafeMutableRawPointer?)?
}

/// Finds the sections that hold for a request and gives it their merged configuration.
enum SectionWalk {
    /// More sections than this never hold for one request; what exceeds it is refused, never left out. So many pointers
    /// still lie on the stack.
    private static let limit = 128

    /// Before translate_name only <Location> can be known, and the <If> sections outside and inside of it.
    static func locations(_ r: Request.Ref) throws(HeadProblem) {
        guard let table = r.pointee.server.pointee.sections,
            !table.pointee.locations.isEmpty || !table.pointee.conditions.isEmpty
        else { return }
        try collect(r, below: nil) { (add: (UnsafePointer<Section>) -> Void) in addLocations(table, r, add) }
    }

    /// <Directory> and .htaccess for the directory of the file, then <Files>, then <Location>, then <If>.
    /// - Returns: whether symbolic links on the way may not simply be followed.
    static func all(_ r: Request.Ref) throws(HeadProblem) -> Bool {
        guard let table = r.pointee.server.pointee.sections else { return false }
        if table.pointee.goesByNames, let file = r.pointee.openFile, r.pointee.telling == .silent {
            if let conf = file.pointee.sections.conf(r, table) {
                r.pointee.conf = conf
                return table.pointee.restrictsLinks
            }
            let restrictsLinks = try look(r, table)
            if theWorker.pointee.mergeCache.keeps(r.pointee.conf) { file.pointee.sections.note(r, table) }
            return restrictsLinks
        }
        return try look(r, table)
    }

    @inline(never)
    private static func look(_ r: Request.Ref, _ table: UnsafePointer<SectionTable>) throws(HeadProblem) -> Bool {
        let place = FilePlace(r)
        let walk = try walk(place.directory, r, table)
        let restrictsLinks = table.pointee.restrictsLinks || walk?.pointee.restrictsLinks == true
        try collect(r, below: walk) { (add: (UnsafePointer<Section>) -> Void) in
            if let walk { addRest(of: walk, place, r, add) } else if r.pointee.filename.isSet { addDirectories(table, place, r, add) }
            addLocations(table, r, add)
        }
        return restrictsLinks
    }

    /// The walk down to a directory, where .htaccess files are read at all.
    @inline(__always)
    static func walk(_ directory: Bytes, _ r: Request.Ref, _ table: UnsafePointer<SectionTable>) throws(HeadProblem) -> DirectoryWalk.Ref? {
        guard table.pointee.readsAccessFiles, !directory.isEmpty, directory[0] == 0x2f else { return nil }
        return try theWorker.pointee.walks.find(directory, r, table)
    }

    /// Gives the request what the sections that `body` adds come to, after those of a walk.
    @inline(__always)
    private static func collect(
        _ r: Request.Ref, below walk: DirectoryWalk.Ref?, _ body: ((UnsafePointer<Section>) -> Void) -> Void
    ) throws(HeadProblem) {
        var isTooMany = false
        withUnsafeTemporaryAllocation(of: UnsafePointer<Section>.self, capacity: limit) { places in
            var found = FoundSections(places, walk)
            body { found.add($0) }
            // The walk may be gone after conditions were asked: they may ask for sub-requests.
            let walk = found.hasConditions || r.pointee.server.hasConditions ? nil : walk
            if walk == nil { found.addConditions(r) }
            isTooMany = found.isTooMany
            guard !isTooMany else { return }
            if r.pointee.telling != .silent { Telling.note(found.sections, of: r) }
            if let walk, found.isOnlyWalk, let conf = walk.pointee.conf { return r.pointee.conf = conf }
            r.pointee.conf = theWorker.pointee.mergeCache.conf(r, found.sections)
            if let walk, found.isOnlyWalk, theWorker.pointee.mergeCache.keeps(r.pointee.conf) { walk.pointee.conf = r.pointee.conf }
        }
        if isTooMany { throw HeadProblem(500, "more than 128 sections hold for one request") }
    }

    @inline(__always)
    private static func addDirectories(
        _ table: UnsafePointer<SectionTable>, _ place: FilePlace, _ r: Request.Ref, _ add: (UnsafePointer<Section>) -> Void
    ) {
        each(table.pointee.directories) { if $0.pointee.matches(directory: place.directory) || place.isNamed(by: $0) { add($0) } }
        addPatterns(table, r, add)
        guard !place.isDirectory else { return }
        addFiles(table.pointee.files, place, r, add)
        each(table.pointee.directories) { section in
            guard !section.pointee.files.isEmpty else { return }
            if section.pointee.matches(directory: place.directory) || place.isNamed(by: section) { addFiles(section.pointee.files, place, r, add) }
        }
        each(table.pointee.patterns) { section in
            guard !section.pointee.files.isEmpty, section.pointee.matches(path: r.pointee.filename) else { return }
            addFiles(section.pointee.files, place, r, add)
        }
    }

    /// The same for a directory that has been walked down to: what follows the sections of the walk.
    @inline(__always)
    private static func addRest(
        of walk: DirectoryWalk.Ref, _ place: FilePlace, _ r: Request.Ref, _ add: (UnsafePointer<Section>) -> Void
    ) {
        let table = walk.pointee.table
        if table.pointee.namesFiles { each(table.pointee.directories) { if place.isNamed(by: $0) { add($0) } } }
        addPatterns(table, r, add)
        guard !place.isDirectory else { return }
        addFiles(table.pointee.files, place, r, add)
        if walk.pointee.hasFiles {
            for section in walk.pointee.sections { addFiles(section.pointee.files, place, r, add) }
        }
        each(table.pointee.patterns) { section in
            guard !section.pointee.files.isEmpty, section.pointee.matches(path: r.pointee.filename) else { return }
            addFiles(section.pointee.files, place, r, add)
        }
    }

    /// <DirectoryMatch> follows all <Directory> and .htaccess, and looks at the whole name.
    @inline(__always)
    private static func addPatterns(_ table: UnsafePointer<SectionTable>, _ r: Request.Ref, _ add: (UnsafePointer<Section>) -> Void) {
        each(table.pointee.patterns) { section in
            guard section.pointee.matches(path: r.pointee.filename) else { return }
            section.pointee.noteCaptures(of: r.pointee.filename, r)
            add(section)
        }
    }

    /// <Files> inside a <Directory> or .htaccess file follows all directories, as httpd's file walk does.
    @inline(__always)
    private static func addFiles(
        _ files: UnsafeBufferPointer<Section>, _ place: FilePlace, _ r: Request.Ref, _ add: (UnsafePointer<Section>) -> Void
    ) {
        each(files) { section in
            guard section.pointee.matches(file: place.name) else { return }
            section.pointee.noteCaptures(of: place.name, r)
            add(section)
        }
    }

    @inline(__always)
    private static func addLocations(
        _ table: UnsafePointer<SectionTable>, _ r: Request.Ref, _ add: (UnsafePointer<Section>) -> Void
    ) {
        let path = r.pointee.path
        each(table.pointee.locations) { section in
            guard section.pointee.matches(location: path) else { return }
            section.pointee.noteCaptures(of: path, r)
            add(section)
        }
    }

    @inline(__always)
    private static func each(_ sections: UnsafeBufferPointer<Section>, _ body: (UnsafePointer<Section>) -> Void) {
        guard let start = sections.baseAddress else { return }
        for index in 0..<sections.count { body(start + index) }
    }
}

/// Where the file of a request lies.
struct FilePlace {
    let isDirectory: Bool
    /// With a slash at the end.
    let directory: Bytes
    /// None for a directory.
    let name: Bytes
    /// The whole name of a file that is there.
    private let path: Bytes

    init(_ r: Request.Ref) {
        let filename = r.pointee.filename
        path = r.pointee.file.kind == .regular || r.pointee.file.kind == .other ? filename : .none
        isDirectory = r.pointee.file.kind == .directory
        let slash = filename.lastIndex(of: 0x2f)
        if isDirectory, filename.count > 0, slash != filename.count - 1 {
            directory = r.pointee.arena.join(filename, Bytes("/"))
        } else {
            directory = slash.map { filename.upTo($0 + 1) } ?? Bytes("/")
        }
        name = isDirectory ? .none : filename.from((slash ?? -1) + 1)
    }

    /// Whether a <Directory> names the file as if it were a directory itself: `/*` is about the files in `/`, too.
    @inline(__always)
    func isNamed(by section: UnsafePointer<Section>) -> Bool {
        let pattern = section.pointee.pattern
        guard path.isSet, pattern.count > directory.count else { return false }
        switch section.pointee.match {
        case .prefix: return pattern.count == path.count + 1 && pattern.hasPrefix(path)
        case .wildcard: return section.pointee.depth == levels + 1 && Wildcard.matches(pattern.upTo(pattern.count - 1), path)
        case .regex: return false
        }
    }

    private var levels: Int32 {
        var count: Int32 = 0
        for byte in directory.buffer where byte == 0x2f { count += 1 }
        return count
    }
}
