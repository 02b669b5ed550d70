import ByteKit
import Glibc
import ModuleABI

/// What holds for the files of one directory of one server: <Directory> sections and .htaccess files in the order in which
/// they are merged.
struct DirectoryWalk {
    typealias Ref = UnsafeMutablePointer<DirectoryWalk>

    let hash: UInt64
    let table: UnsafePointer<SectionTable>
    /// With a slash at the end.
    let directory: Bytes
    var sections: UnsafeMutableBufferPointer<UnsafePointer<Section>>
    /// The era it was made in: in a later one it may no longer be true.
    let era: UInt64
    /// Whether a .htaccess file on the way makes symbolic links something to look at.
    let restrictsLinks: Bool
    /// A file on the way that could not be used, and what to answer; 0: all could.
    let status: apus_status
    let faulty: AccessFile?
    /// The files whose changes no event tells of.
    let polled: [AccessFile]
    /// Whether it is as good as it was while its era lasts.
    let isLasting: Bool
    /// Whether some section has <Files> inside.
    let hasFiles: Bool
    /// Whether some section has <If> sections inside.
    let hasConditions: Bool
    /// What the sections come to, once that is known.
    var conf: UnsafePointer<MergedConf>?

    static func release(_ walk: Ref) {
        walk.pointee.sections.deallocate()
        free(UnsafeMutableRawPointer(mutating: walk.pointee.directory.ptr))
        walk.deinitialize(count: 1)
        walk.deallocate()
    }
}

/// The walks of the directories that were asked for, so that a request pays a look-up and no system call.
struct DirectoryWalks {
    private static let capacity = 8192
    private static let limit = capacity / 2

    private let slots: UnsafeMutablePointer<DirectoryWalk.Ref?>
    private var count = 0
    /// Raised when a file on any way may have changed.
    private(set) var era: UInt64 = 1

    init() {
        slots = .allocate(capacity: DirectoryWalks.capacity)
        slots.initialize(repeating: nil, count: DirectoryWalks.capacity)
    }

    mutating func beginEra() { era &+= 1 }

    /// The walk for a directory, whose name ends in a slash. Valid until the next call.
    @inline(__always)
    mutating func find(_ directory: Bytes, _ r: Request.Ref, _ table: UnsafePointer<SectionTable>) throws(HeadProblem) -> DirectoryWalk.Ref {
        let hash = directory.hashed ^ UInt64(UInt(bitPattern: table))
        var at = Int(truncatingIfNeeded: hash) & (DirectoryWalks.capacity - 1)
        while let walk = slots[at] {
            if walk.pointee.hash == hash, walk.pointee.table == table, walk.pointee.directory == directory {
                if walk.pointee.era == era, walk.pointee.isLasting { return walk }
                return try renew(at, r)
            }
            at = (at &+ 1) & (DirectoryWalks.capacity - 1)
        }
        return try renew(insert(directory, hash, table), r)
    }

    /// A place for a new walk, which is out of date from the beginning.
    @inline(never)
    private mutating func insert(_ directory: Bytes, _ hash: UInt64, _ table: UnsafePointer<SectionTable>) -> Int {
        // They are quickly made again: what they consist of stays known.
        if count >= DirectoryWalks.limit { removeAll() }
        var at = Int(truncatingIfNeeded: hash) & (DirectoryWalks.capacity - 1)
        while slots[at] != nil { at = (at &+ 1) & (DirectoryWalks.capacity - 1) }
        let name = UnsafeMutableRawPointer.allocate(byteCount: directory.count + 1, alignment: 1)
        memcpy(name, directory.ptr, directory.count)
        name.storeBytes(of: 0, toByteOffset: directory.count, as: UInt8.self)
        let walk = DirectoryWalk.Ref.allocate(capacity: 1)
        walk.initialize(
            to: DirectoryWalk(
                hash: hash, table: table, directory: Bytes(name, count: directory.count), sections: .allocate(capacity: 0), era: 0,
                restrictsLinks: false, status: APUS_OK, faulty: nil, polled: [], isLasting: false,
                hasFiles: false, hasConditions: false, conf: nil))
        slots[at] = walk
        count += 1
        return at
    }

    @inline(never)
    private mutating func renew(_ slot: Int, _ r: Request.Ref) throws(HeadProblem) -> DirectoryWalk.Ref {
        guard let walk = slots[slot] else { throw HeadProblem(500, "a directory is lost") }
        let files = theWorker.pointee.accessFiles
        for file in walk.pointee.polled where file.hasChanged() { files.noteChange(of: file) }
        files.makeRoom()
        if files.takeChanges() { beginEra() }
        if walk.pointee.era != era {
            let sections = walk.pointee.sections
            let draft = files.draft(of: r.pointee.server)
            walk.pointee = files.walk(walk.pointee, era: era, server: draft)
            sections.deallocate()
        }
        guard walk.pointee.status == APUS_OK else {
            walk.pointee.faulty?.report(r)
            throw HeadProblem(walk.pointee.status, "a .htaccess file cannot be used")
        }
        return walk
    }

    mutating func removeAll() {
        for slot in 0..<DirectoryWalks.capacity {
            guard let walk = slots[slot] else { continue }
            slots[slot] = nil
            DirectoryWalk.release(walk)
        }
        count = 0
    }
}
