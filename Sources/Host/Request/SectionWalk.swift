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
    }

    static let limit = 4096

    private var slots: UnsafeMutablePointer<Entry?>
    private let capacity = limit * 2
    private var count = 0
    private let arena = Arena.make(nil)
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
        let isKept = count < MergeCache.limit
        let place = isKept ? arena : r.pointee.arena
        let conf = UnsafePointer(merge(base, sections, in: place))
        if isKept {
            let ids = place.copy(sections.map { $0.pointee.id })
            slots[slot] = Entry(
                hash: hash, base: base, ids: UnsafePointer(ids.baseAddress.unsafelyUnwrapped), count: Int32(ids.count), conf: conf)
            count += 1
        }
        return conf
    }

    private mutating func merge(
        _ base: UnsafeMutablePointer<MergedConf>, _ sections: UnsafeBufferPointer<UnsafePointer<Section>>, in arena: Arena.Ref
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

    /// Before translate_name only <Location> can be known.
    static func locations(_ r: Request.Ref) throws(HeadProblem) {
        guard let table = r.pointee.server.pointee.sections, !table.pointee.locations.isEmpty else { return }
        try collect(r) { (add: (UnsafePointer<Section>) -> Void) in addLocations(table, r, add) }
    }

    /// <Directory> for the directory of the file, then <Files>, then <Location>.
    static func all(_ r: Request.Ref) throws(HeadProblem) {
        guard let table = r.pointee.server.pointee.sections else { return }
        try collect(r) { (add: (UnsafePointer<Section>) -> Void) in
            if r.pointee.filename.isSet { addDirectories(table, r, add) }
            addLocations(table, r, add)
        }
    }

    private static func collect(_ r: Request.Ref, _ body: ((UnsafePointer<Section>) -> Void) -> Void) throws(HeadProblem) {
        var isTooMany = false
        withUnsafeTemporaryAllocation(of: UnsafePointer<Section>.self, capacity: limit) { found in
            var count = 0
            body { section in
                guard count < limit else { return isTooMany = true }
                found.initializeElement(at: count, to: section)
                count += 1
            }
            let sections = UnsafeMutableBufferPointer(rebasing: found[..<count])
            r.pointee.conf = theWorker.pointee.mergeCache.conf(r, UnsafeBufferPointer(sections))
        }
        if isTooMany { throw HeadProblem(500, "more than 128 sections hold for one request") }
    }

    @inline(__always)
    private static func addDirectories(
        _ table: UnsafePointer<SectionTable>, _ r: Request.Ref, _ add: (UnsafePointer<Section>) -> Void
    ) {
        let filename = r.pointee.filename
        let isDirectory = r.pointee.file.kind == .directory
        let directory = directoryPart(filename, isDirectory, r)
        let name = isDirectory ? Bytes.none : filename.from((filename.lastIndex(of: 0x2f) ?? -1) + 1)
        each(table.pointee.directories) { section in
            if section.pointee.matches(directory: directory) { add(section) }
        }
        guard !isDirectory else { return }
        // <Files> inside a <Directory> follows all directories, as httpd's file walk does.
        each(table.pointee.files) { if $0.pointee.matches(file: name) { add($0) } }
        each(table.pointee.directories) { section in
            guard !section.pointee.files.isEmpty, section.pointee.matches(directory: directory) else { return }
            each(section.pointee.files) { if $0.pointee.matches(file: name) { add($0) } }
        }
    }

    /// The directory of a file, with its slash at the end.
    private static func directoryPart(_ filename: Bytes, _ isDirectory: Bool, _ r: Request.Ref) -> Bytes {
        if isDirectory, filename.count > 0, filename[filename.count - 1] != 0x2f {
            return r.pointee.arena.join(filename, Bytes("/"))
        }
        guard let slash = filename.lastIndex(of: 0x2f) else { return Bytes("/") }
        return filename.upTo(slash + 1)
    }

    @inline(__always)
    private static func addLocations(
        _ table: UnsafePointer<SectionTable>, _ r: Request.Ref, _ add: (UnsafePointer<Section>) -> Void
    ) {
        let path = r.pointee.path
        each(table.pointee.locations) { if $0.pointee.matches(location: path) { add($0) } }
    }

    @inline(__always)
    private static func each(_ sections: UnsafeBufferPointer<Section>, _ body: (UnsafePointer<Section>) -> Void) {
        guard let start = sections.baseAddress else { return }
        for index in 0..<sections.count { body(start + index) }
    }
}
