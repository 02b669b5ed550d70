import ModuleKit

/// Values by file name extension: open addressing over lower-case bytes.
///
/// Looked up in for every request, so there is nothing in it but flat arrays. Invariant: at most half of the
/// slots are taken, so a search always meets a free one.
struct ExtensionTable<Value: BitwiseCopyable>: BitwiseCopyable {
    /// The hash of each slot's key; 0: the slot is free.
    private var hashes: UnsafeMutablePointer<UInt64>?
    private var keys: UnsafeMutablePointer<Bytes>?
    private var values: UnsafeMutablePointer<Value>?
    private var capacity = 0
    private(set) var count = 0

    init() {}

    var isEmpty: Bool { count == 0 }

    /// The value of an extension in any case; nil: none.
    @inline(__always)
    func find(_ name: Bytes) -> UnsafeMutablePointer<Value>? {
        guard count > 0, let hashes, let keys, let values else { return nil }
        let hash = Self.hash(name)
        var slot = Int(truncatingIfNeeded: hash) & (capacity &- 1)
        while hashes[slot] != 0 {
            if hashes[slot] == hash, Self.matches(keys[slot], name) { return values + slot }
            slot = (slot &+ 1) & (capacity &- 1)
        }
        return nil
    }

    /// The value of a lower-case extension, made with `initial` when it is new. The key must live as long as
    /// the table.
    mutating func findOrInsert(
        _ key: Bytes, initial: Value, in pool: Pool
    ) -> UnsafeMutablePointer<Value> {
        if let found = find(key) { return found }
        if count * 2 >= capacity { grow(in: pool) }
        return place(key, initial)
    }

    /// A table of its own with the same values and room for `extra` more.
    func copy(extra: Int, in pool: Pool) -> ExtensionTable {
        var copy = ExtensionTable()
        copy.allocate(Self.slots(for: count + extra), in: pool)
        each { _ = copy.place($0, $1.pointee) }
        return copy
    }

    /// Calls `body` for each extension, in no order.
    func each(_ body: (Bytes, UnsafeMutablePointer<Value>) -> Void) {
        guard let hashes, let keys, let values else { return }
        for slot in 0..<capacity where hashes[slot] != 0 { body(keys[slot], values + slot) }
    }

    private mutating func grow(in pool: Pool) { self = copy(extra: max(count, 8), in: pool) }

    private mutating func allocate(_ slots: Int, in pool: Pool) {
        capacity = slots
        let hashes = pool.allocate(UInt64.self, count: slots)
        hashes.initialize(repeating: 0, count: slots)
        self.hashes = hashes
        keys = pool.allocate(Bytes.self, count: slots)
        values = pool.allocate(Value.self, count: slots)
    }

    private mutating func place(_ key: Bytes, _ value: Value) -> UnsafeMutablePointer<Value> {
        let hashes = hashes.unsafelyUnwrapped
        let hash = Self.hash(key)
        var slot = Int(truncatingIfNeeded: hash) & (capacity - 1)
        while hashes[slot] != 0 { slot = (slot + 1) & (capacity - 1) }
        hashes[slot] = hash
        keys.unsafelyUnwrapped[slot] = key
        let place = values.unsafelyUnwrapped + slot
        place.initialize(to: value)
        count += 1
        return place
    }

    private static func slots(for count: Int) -> Int {
        var slots = 16
        while slots < count * 2 + 1 { slots *= 2 }
        return slots
    }

    /// FNV-1a over the lower-case bytes; never 0. Keys come from the configuration, so nobody can make them
    /// collide.
    @inline(__always)
    private static func hash(_ name: Bytes) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in name.buffer { hash = (hash ^ UInt64(byte.asciiLowercased)) &* 0x100_0000_01b3 }
        return (hash ^ hash >> 32) | 1
    }

    @inline(__always)
    private static func matches(_ key: Bytes, _ name: Bytes) -> Bool {
        guard key.len == name.len else { return false }
        for index in 0..<key.count where key[index] != name[index].asciiLowercased { return false }
        return true
    }
}
