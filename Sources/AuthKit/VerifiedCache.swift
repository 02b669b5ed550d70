import ByteKit
import Glibc
public import PasswordKit

/// Passwords that were found right, by a keyed hash of all that the finding rests on; none of it is kept. Bounded in size
/// and time. Used on the loop only.
public struct VerifiedCache {
    private struct Entry: BitwiseCopyable {
        let tag: KeyedHash.Tag
        /// Microseconds since 1970; 0: empty.
        let until: Int64
    }

    /// Five minutes.
    private static let life: Int64 = 300_000_000
    private static let ways = 4
    private static let sets = 2048

    private let key = KeyedHash.Key.random()
    /// nil: there was no memory, and nothing is remembered.
    private let entries: UnsafeMutablePointer<Entry>?

    /// Takes memory that lives as long as the process; the kernel gives no page of it before something is noted there.
    public init() {
        let place = calloc(VerifiedCache.sets * VerifiedCache.ways, MemoryLayout<Entry>.stride)
        entries = place?.bindMemory(to: Entry.self, capacity: VerifiedCache.sets * VerifiedCache.ways)
    }

    /// The name of a finding: what the password of a user in a realm was compared with, and where that is from.
    func tag(_ realm: Bytes, _ source: Bytes, _ user: Bytes, _ stored: Bytes, _ password: Bytes) -> KeyedHash.Tag {
        var hash = KeyedHash(key, for: .kept)
        hash.add(realm, source)
        hash.add(user, stored)
        hash.add(password)
        return hash.finish()
    }

    private func set(_ tag: KeyedHash.Tag) -> UnsafeMutableBufferPointer<Entry> {
        let start = Int(truncatingIfNeeded: tag.low) & (VerifiedCache.sets - 1)
        return UnsafeMutableBufferPointer(start: entries.map { $0 + start * VerifiedCache.ways }, count: entries == nil ? 0 : VerifiedCache.ways)
    }

    public func contains(_ tag: KeyedHash.Tag, now: Int64) -> Bool {
        for entry in set(tag) where entry.tag == tag { return entry.until > now && entry.until <= now + VerifiedCache.life }
        return false
    }

    /// Notes a finding in the place of the same, or of the oldest that it could be confused with.
    public func insert(_ tag: KeyedHash.Tag, now: Int64) {
        let set = set(tag)
        guard !set.isEmpty else { return }
        var oldest = 0
        for index in 0..<set.count {
            if set[index].tag == tag {
                oldest = index
                break
            }
            if set[index].until < set[oldest].until { oldest = index }
        }
        set[oldest] = Entry(tag: tag, until: now + VerifiedCache.life)
    }
}
