import ByteKit
import ProxyProtocol

/// The header of the PROXY protocol must end at the same place however much of it, and of what follows, has come; an address
/// that is found in one is written as one that can be read.
enum ProxyTarget {
    static func run(_ bytes: Bytes) -> Int32 {
        let whole = ProxyHeader.read(bytes)
        switch whole {
        case .more: demand(bytes.count < ProxyHeader.limit, "more is asked for than a header can hold")
        case .invalid: break
        case .whole(let length, let source):
            demand(length > 0 && length <= bytes.count, "a header ends after \(length) of \(bytes.count) bytes")
            demand(length <= ProxyHeader.limit, "a header is longer than the limit")
            for end in 0..<length {
                demand(ProxyHeader.read(bytes.upTo(end)) == .more, "a header is not awaited after \(end) of its \(length) bytes")
            }
            demand(ProxyHeader.read(bytes.upTo(length)) == whole, "what follows a header changes it")
            if let source { check(source) }
        }
        // What is refused stays refused, whatever comes.
        if case .invalid = ProxyHeader.read(bytes.upTo(bytes.count / 2)), case .invalid = whole { return 0 }
        if case .invalid = ProxyHeader.read(bytes.upTo(bytes.count / 2)) { demand(false, "a refused header is let in later") }
        return 0
    }

    private static func check(_ source: ProxyHeader.Source) {
        withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { room in
            var text = ByteWriter(room.baseAddress.unsafelyUnwrapped, capacity: 64)
            text.append(address: source.address)
            demand(IPAddress(text.written) == source.address, "an address is written as \(text.written.string)")
        }
    }
}
