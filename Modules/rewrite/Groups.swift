import ModuleKit

/// What the groups of a regular expression matched: $0 … $9 or %0 … %9. Lies in request memory.
struct Groups: BitwiseCopyable {
    static let count = 10

    /// What was matched against; none: nothing has been.
    var source = Bytes.none
    let spans: UnsafeMutablePointer<Int64>

    init(in pool: Pool) {
        spans = pool.allocate(Int64.self, count: Groups.count * 2)
        spans.initialize(repeating: -1, count: Groups.count * 2)
    }

    /// Empty for one that took no part in the match.
    subscript(number: UInt8) -> Bytes {
        let at = Int(number) * 2
        guard source.isSet, at + 1 < Groups.count * 2 else { return .none }
        let start = Int(spans[at])
        let end = Int(spans[at + 1])
        return start >= 0 && end > start && end <= source.count ? source[start..<end] : .none
    }

    var buffer: UnsafeMutableBufferPointer<Int64> {
        UnsafeMutableBufferPointer(start: spans, count: Groups.count * 2)
    }

    /// Takes over what another holds.
    mutating func take(_ other: Groups, source: Bytes) {
        self.source = source
        spans.update(from: other.spans, count: Groups.count * 2)
    }
}
