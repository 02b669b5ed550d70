import ByteKit
import ModuleABI

/// One entry of a table of fields.
struct Field: BitwiseCopyable {
    var name: Bytes
    var value: Bytes
}

/// Names and values in order, names repeated or not: header fields, notes, environment.
///
/// Look-ups compare length first and then bytes without case; with the few dozen entries a request has that beats any
/// hashing. Entries lie in the request's arena; nothing is freed one by one.
struct FieldTable {
    private(set) var count: Int32 = 0
    private var capacity: Int32 = 0
    private var entries: UnsafeMutablePointer<Field>?
    /// Whether names differ by case alone: in the environment.
    private let isCaseSensitive: Bool

    init(isCaseSensitive: Bool = false) { self.isCaseSensitive = isCaseSensitive }

    /// Changes with each change.
    private(set) var version: UInt32 = 0

    var fields: UnsafeMutableBufferPointer<Field> { UnsafeMutableBufferPointer(start: entries, count: Int(count)) }

    @inline(__always)
    private func index(of name: Bytes, from start: Int = 0) -> Int? {
        var index = start
        while index < count {
            if let entry = entries?[index], isSame(entry.name, name) {
                return index
            }
            index &+= 1
        }
        return nil
    }

    @inline(__always)
    private func isSame(_ a: Bytes, _ b: Bytes) -> Bool { isCaseSensitive ? a == b : FieldName.isSame(a, b) }

    @inline(__always)
    func first(_ name: Bytes) -> Bytes? { index(of: name).flatMap { entries?[$0].value } }

    @inline(__always)
    func first(_ name: StaticString) -> Bytes? { first(Bytes(name)) }

    func contains(_ name: StaticString) -> Bool { index(of: Bytes(name)) != nil }

    func value(_ name: Bytes, nth: Int) -> Bytes? {
        var left = nth
        var at = index(of: name)
        while let found = at {
            if left == 0 { return entries?[found].value }
            left -= 1
            at = index(of: name, from: found + 1)
        }
        return nil
    }

    /// Adds an entry as it is: the bytes must live as long as the table.
    @inline(__always)
    mutating func append(_ field: Field, _ arena: Arena.Ref) {
        if count == capacity { grow(arena) }
        entries?[Int(count)] = field
        count &+= 1
        version &+= 1
    }

    private mutating func grow(_ arena: Arena.Ref) {
        let larger = capacity == 0 ? 16 : capacity * 2
        let place = arena.allocate(Field.self, count: Int(larger))
        if let entries { place.update(from: entries, count: Int(count)) }
        entries = place
        capacity = larger
    }

    mutating func add(_ name: Bytes, _ value: Bytes, _ arena: Arena.Ref) {
        append(Field(name: arena.copy(name), value: copied(value, arena)), arena)
    }

    /// Makes `value` the only one of a name; its place is that of the first.
    mutating func set(_ name: Bytes, _ value: Bytes, _ arena: Arena.Ref) {
        guard let at = index(of: name) else { return add(name, value, arena) }
        entries?[at].value = copied(value, arena)
        version &+= 1
        _ = removeAll(name, from: at + 1)
    }

    /// Appends ", value" to the last value of a name.
    mutating func merge(_ name: Bytes, _ value: Bytes, _ arena: Arena.Ref) {
        var last: Int?
        var at = index(of: name)
        while let found = at {
            last = found
            at = index(of: name, from: found + 1)
        }
        guard let last, let old = entries?[last].value else { return add(name, value, arena) }
        entries?[last].value = arena.join(old, Bytes(", "), value)
        version &+= 1
    }

    @discardableResult
    mutating func remove(_ name: Bytes) -> Bool { removeAll(name, from: 0) }

    private mutating func removeAll(_ name: Bytes, from start: Int) -> Bool {
        guard let entries, let first = index(of: name, from: start) else { return false }
        var kept = first
        for at in first..<Int(count) where !isSame(entries[at].name, name) {
            entries[kept] = entries[at]
            kept += 1
        }
        count = Int32(kept)
        version &+= 1
        return true
    }

    /// A table of its own with the same entries.
    func copied(_ arena: Arena.Ref) -> FieldTable {
        var copy = FieldTable(isCaseSensitive: isCaseSensitive)
        for field in fields { copy.append(field, arena) }
        return copy
    }

    mutating func removeAll() {
        count = 0
        version &+= 1
    }

    private func copied(_ value: Bytes, _ arena: Arena.Ref) -> Bytes {
        value.isEmpty ? Bytes("") : arena.copy(value)
    }
}

/// Names of fields, which are compared without case.
enum FieldName {
    /// Most differ in their length or the first letter, or are written alike.
    @inline(__always)
    static func isSame(_ a: Bytes, _ b: Bytes) -> Bool {
        guard a.len == b.len else { return false }
        let (one, other) = (a.buffer, b.buffer)
        guard one.count > 0 else { return true }
        guard (one[0] ^ other[0]) & 0xdf == 0 else { return false }
        var at = 0
        while at &+ 8 <= one.count {
            let isAlike = one.loadUnaligned(fromByteOffset: at, as: UInt64.self) == other.loadUnaligned(fromByteOffset: at, as: UInt64.self)
            guard isAlike else { return a.equalsIgnoringCase(b) }
            at &+= 8
        }
        while at < one.count {
            guard one[at] == other[at] else { return a.equalsIgnoringCase(b) }
            at &+= 1
        }
        return true
    }
}
