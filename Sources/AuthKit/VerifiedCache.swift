import ByteKit
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
    private var entries: UnsafeMutablePointer<Entry>?

    public init() {}

    /// The name of a finding: what the password of a user in a realm was compared with, and where that is from.
    func tag(_ realm: Bytes, _ source: Bytes, _ user: Bytes, _ stored: Bytes, _ password: Bytes) -> KeyedHash.Tag {
        var hash = KeyedHash(key)
        hash.add(realm)
        hash.add(source)
        hash.add(user)
        hash.add(stored)
        hash.add(password)
        return hash.finish()
    }

    private func set(_ tag: KeyedHash.Tag) -> UnsafeMutableBufferPointer<Entry>? {
        let start = Int(truncatingIfNeeded: tag.low) & (VerifiedCache.sets - 1)
        return entries.map { UnsafeMutableBufferPointer(start: $0 + start * VerifiedCache.ways, count: VerifiedCache.ways) }
    }

    public func contains(_ tag: KeyedHash.Tag, now: Int64) -> Bool {
        guard let set = set(tag) else { return false }
        for entry in set where entry.tag == tag { return entry.until > now && entry.until <= now + VerifiedCache.life }
        return false
    }

    /// Notes a finding in the place of the same, or of the oldest that it could be confused with.
    public mutating func insert(_ tag: KeyedHash.Tag, now: Int64) {
        if entries == nil {
            let place = UnsafeMutablePointer<Entry>.allocate(capacity: VerifiedCache.sets * VerifiedCache.ways)
            let empty = Entry(tag: KeyedHash.Tag(low: 0, high: 0), until: 0)
            place.initialize(repeating: empty, count: VerifiedCache.sets * VerifiedCache.ways)
            entries = place
        }
        guard let set = set(tag) else { return }
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
