public import ByteKit

/// Names with values, in the order of a file; a name may have several. Immutable, in memory of its own.
public final class PairTable {
    private struct Entry: BitwiseCopyable {
        var name: Bytes
        var value: Bytes
        var next: Int32
    }

    private let text: UnsafeMutablePointer<UInt8>
    private let entries: UnsafeMutablePointer<Entry>
    private let buckets: UnsafeMutablePointer<Int32>
    private let mask: Int
    public let count: Int

    /// Collects the pairs of a table.
    public struct Builder {
        fileprivate var text: [UInt8] = []
        fileprivate var pairs: [(name: Int, value: Int, end: Int)] = []

        public init() {}

        public mutating func add(_ name: Bytes, _ value: Bytes) {
            let start = text.count
            text.append(contentsOf: name.buffer)
            let middle = text.count
            text.append(contentsOf: value.buffer)
            pairs.append((start, middle, text.count))
        }
    }

    public init(_ builder: Builder) {
        count = builder.pairs.count
        text = .allocate(capacity: max(builder.text.count, 1))
        text.initialize(from: builder.text, count: builder.text.count)
        entries = .allocate(capacity: max(count, 1))
        var size = 8
        while size < count * 2 { size *= 2 }
        mask = size - 1
        buckets = .allocate(capacity: size)
        buckets.initialize(repeating: -1, count: size)
        // From the last to the first, so that a chain has the order of the file.
        for (index, pair) in builder.pairs.enumerated().reversed() {
            let name = Bytes(UnsafeRawPointer(text + pair.name), count: pair.value - pair.name)
            let value = Bytes(UnsafeRawPointer(text + pair.value), count: pair.end - pair.value)
            let bucket = Int(truncatingIfNeeded: name.hashed) & mask
            (entries + index).initialize(to: Entry(name: name, value: value, next: buckets[bucket]))
            buckets[bucket] = Int32(index)
        }
    }

    deinit {
        text.deallocate()
        entries.deallocate()
        buckets.deallocate()
    }

    /// The first value of a name that `accept` takes.
    public func first(_ name: Bytes, where accept: (Bytes) -> Bool = { _ in true }) -> Bytes? {
        var index = buckets[Int(truncatingIfNeeded: name.hashed) & mask]
        while index >= 0 {
            let entry = entries[Int(index)]
            if entry.name == name, accept(entry.value) { return entry.value }
            index = entry.next
        }
        return nil
    }

    /// All values, in no meaningful order of names.
    public func forEach(_ body: (_ name: Bytes, _ value: Bytes) -> Void) {
        for index in 0..<count { body(entries[index].name, entries[index].value) }
    }
}
