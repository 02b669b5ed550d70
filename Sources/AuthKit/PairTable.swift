public import ByteKit
import PasswordKit

/// Names with values; a name may have several, in the order of the file. Immutable, in memory of its own.
///
/// Names are kept as keyed hashes, in their order. A search takes the same steps for a name that is there and for one that is
/// not, so that its time tells nobody which it was.
public final class PairTable {
    private let text: UnsafeMutablePointer<UInt8>
    private let names: UnsafeMutablePointer<UInt128>
    private let values: UnsafeMutablePointer<Bytes>
    private let key: KeyedHash.Key
    public let count: Int

    /// Collects the pairs of a table.
    public struct Builder {
        fileprivate let key = KeyedHash.Key.random()
        fileprivate var text: [UInt8] = []
        fileprivate var pairs: [(name: UInt128, value: Range<Int>)] = []

        /// Pairs, and bytes of values: far more than users of one file.
        private static let mostPairs = 1 << 20
        private static let mostBytes = 256 << 20

        public init() {}

        /// False: there is no room for more.
        public mutating func add(_ name: Bytes, _ value: Bytes) -> Bool {
            guard pairs.count < Builder.mostPairs, text.count <= Builder.mostBytes else { return false }
            let start = text.count
            text.append(contentsOf: value.buffer)
            pairs.append((PairTable.tag(name, key), start..<text.count))
            return true
        }
    }

    public init(_ builder: Builder) {
        count = builder.pairs.count
        key = builder.key
        text = .allocate(capacity: max(builder.text.count, 1))
        text.initialize(from: builder.text, count: builder.text.count)
        names = .allocate(capacity: max(count, 1))
        values = .allocate(capacity: max(count, 1))
        let pairs = builder.pairs
        let order = pairs.indices.sorted { (pairs[$0].name, $0) < (pairs[$1].name, $1) }
        for (index, pair) in order.lazy.map({ pairs[$0] }).enumerated() {
            (names + index).initialize(to: pair.name)
            let value = Bytes(UnsafeRawPointer(text + pair.value.lowerBound), count: pair.value.count)
            (values + index).initialize(to: value)
        }
    }

    deinit {
        text.deallocate()
        names.deallocate()
        values.deallocate()
    }

    private static func tag(_ name: Bytes, _ key: KeyedHash.Key) -> UInt128 {
        var hash = KeyedHash(key, for: .kept)
        hash.add(name)
        let tag = hash.finish()
        return UInt128(tag.high) << 64 | UInt128(tag.low)
    }

    /// The first value of a name that `accept` takes.
    public func first(_ name: Bytes, where accept: (Bytes) -> Bool) -> Bytes? {
        guard count > 0 else { return nil }
        let tag = PairTable.tag(name, key)
        var index = place(of: tag)
        while index < count, names[index] == tag {
            if accept(values[index]) { return values[index] }
            index += 1
        }
        return nil
    }

    /// The first value of a name, or another when there is no such name, which takes the same steps.
    public func first(_ name: Bytes, or other: Bytes) -> (isThere: Bool, value: Bytes) {
        guard count > 0 else { return (false, other) }
        let tag = PairTable.tag(name, key)
        let index = place(of: tag)
        let isThere = names[index] == tag
        return (isThere, isThere ? values[index] : other)
    }

    /// The place of the first name that is not less, or else the last place.
    private func place(of name: UInt128) -> Int {
        var start = 0
        var left = count
        while left > 1 {
            let half = left / 2
            start &+= names[start &+ half &- 1] < name ? half : 0
            left &-= half
        }
        start &+= names[start] < name ? 1 : 0
        return min(start, count &- 1)
    }

    /// All values, in no meaningful order.
    public func forEach(_ body: (Bytes) -> Void) {
        for index in 0..<count { body(values[index]) }
    }
}
