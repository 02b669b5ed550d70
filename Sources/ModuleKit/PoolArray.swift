/// A list of trivial values in a pool: what a configuration holds when the request path reads it.
///
/// Copies share their elements, so only one of them may be appended to; `joined` makes a list of its own.
public struct PoolArray<Element: BitwiseCopyable>: BitwiseCopyable, @unchecked Sendable {
    /// How many elements there are.
    @usableFromInline var start: UnsafeMutablePointer<Element>?
    public private(set) var count = 0
    private var capacity = 0

    /// An empty array, which has no memory yet.
    public init() {}

    /// Whether there are none.
    @inlinable public var isEmpty: Bool { count == 0 }

    /// All of them, until the next is appended.
    @inlinable @inline(__always)
    public var elements: UnsafeMutableBufferPointer<Element> {
        UnsafeMutableBufferPointer(start: start, count: count)
    }

    /// One of them.
    @inlinable public subscript(index: Int) -> Element { elements[index] }

    /// Appends a value; the elements move to `pool` when there is no room.
    public mutating func append(_ element: Element, in pool: Pool) {
        if count == capacity { grow(to: max(4, capacity * 2), in: pool) }
        guard let start else { return }
        (start + count).initialize(to: element)
        count += 1
    }

    /// The elements of this list followed by those of another, as a list of its own.
    public func joined(with other: PoolArray, in pool: Pool) -> PoolArray {
        if isEmpty { return other.sealed }
        if other.isEmpty { return sealed }
        var both = PoolArray()
        both.grow(to: count + other.count, in: pool)
        for element in elements { both.append(element, in: pool) }
        for element in other.elements { both.append(element, in: pool) }
        return both
    }

    /// The same elements without spare room, so that appending copies.
    private var sealed: PoolArray {
        var copy = self
        copy.capacity = count
        return copy
    }

    private mutating func grow(to size: Int, in pool: Pool) {
        let place = pool.allocate(Element.self, count: size)
        if let start { place.initialize(from: start, count: count) }
        start = place
        capacity = size
    }
}
