import ByteKit
import Glibc

/// What the sections of a server came to for a file, with the path by which it was asked for last: where names alone decide
/// which sections hold, the next request for it need not look for them.
struct KnownSections {
    private var table: UnsafePointer<SectionTable>?
    private var conf: UnsafePointer<MergedConf>?
    private var path: UnsafeMutableRawPointer?
    private var length = 0
    private var capacity = 0

    @inline(__always)
    func conf(_ r: Request.Ref, _ table: UnsafePointer<SectionTable>) -> UnsafePointer<MergedConf>? {
        guard self.table == table, length == r.pointee.path.count, let path, let asked = r.pointee.path.ptr,
            memcmp(path, asked, length) == 0
        else { return nil }
        return conf
    }

    mutating func note(_ r: Request.Ref, _ table: UnsafePointer<SectionTable>) {
        let path = r.pointee.path
        if capacity < path.count {
            clear()
            self.path = malloc(path.count)
            capacity = path.count
        }
        guard let place = self.path, let source = path.ptr else { return }
        memcpy(place, source, path.count)
        length = path.count
        self.table = table
        conf = r.pointee.conf
    }

    mutating func clear() {
        free(path)
        self = KnownSections()
    }
}
