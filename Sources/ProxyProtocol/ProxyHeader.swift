import ByteKit
import Glibc

/// The header that a PROXY protocol connection begins with, versions 1 and 2: where the client behind the proxy is.
///
/// Read strictly: what a sender must not write is refused, and no header is longer than `limit`.
public enum ProxyHeader {
    /// A client's address; one of IPv4 in its mapped form.
    public struct Source: Equatable, BitwiseCopyable, Sendable {
        public let address: IPAddress
        public let port: UInt16
    }

    public enum Outcome: Equatable, Sendable {
        /// What has come may be the begin of a header.
        case more
        /// It ends after so many bytes. No source: the sender speaks for itself, or does not know.
        case whole(length: Int, source: Source?)
        case invalid(Problem)
    }

    public enum Problem: Equatable, Sendable {
        case noHeader, malformedLine, invalidAddress, invalidPort
        case unknownVersion, unknownCommand, unknownFamily, tooShort, tooLong
    }

    /// Longest header of version 2, extensions included.
    public static let limit = 2048
    private static let lineLimit = 107
    private static let signature: StaticString = "\r\n\r\n\0\r\nQUIT\n"
    private static let word: StaticString = "PROXY "

    /// - Parameter bytes: all that has come, from the first byte on.
    public static func read(_ bytes: Bytes) -> Outcome {
        if isBegin(of: Bytes(signature), bytes) { return binary(bytes) }
        if isBegin(of: Bytes(word), bytes) { return line(bytes) }
        return .invalid(.noHeader)
    }

    private static func isBegin(of mark: Bytes, _ bytes: Bytes) -> Bool {
        let common = min(mark.count, bytes.count)
        return bytes.upTo(common) == mark.upTo(common)
    }

    // MARK: Version 1

    /// "PROXY TCP4 192.0.2.1 198.51.100.1 5000 80", up to CR LF.
    private static func line(_ bytes: Bytes) -> Outcome {
        let seen = bytes.upTo(min(bytes.count, lineLimit))
        guard let lineFeed = seen.firstIndex(of: 0x0a) else {
            return seen.count < lineLimit ? .more : .invalid(.tooLong)
        }
        guard seen[lineFeed - 1] == 0x0d else { return .invalid(.malformedLine) }
        var rest = seen[word.utf8CodeUnitCount..<max(lineFeed - 1, word.utf8CodeUnitCount)]
        let family = next(&rest)
        // What follows is not to be looked at.
        if family == "UNKNOWN" { return .whole(length: lineFeed + 1, source: nil) }
        guard family == "TCP4" || family == "TCP6" else { return .invalid(.unknownFamily) }
        guard let client = address(next(&rest), isIPv6: family == "TCP6"),
            address(next(&rest), isIPv6: family == "TCP6") != nil
        else { return .invalid(.invalidAddress) }
        guard let clientPort = port(next(&rest)), port(next(&rest)) != nil else { return .invalid(.invalidPort) }
        guard !rest.isSet else { return .invalid(.malformedLine) }
        return .whole(length: lineFeed + 1, source: Source(address: client, port: clientPort))
    }

    /// The word up to the next space, which is taken too. `rest` is not set after the last one.
    private static func next(_ rest: inout Bytes) -> Bytes {
        guard let space = rest.firstIndex(of: 0x20) else {
            defer { rest = .none }
            return rest
        }
        defer { rest = rest.from(space + 1) }
        return rest.upTo(space)
    }

    private static func address(_ text: Bytes, isIPv6: Bool) -> IPAddress? {
        guard text.contains(0x3a) == isIPv6 else { return nil }
        return IPAddress(text)
    }

    private static func port(_ text: Bytes) -> UInt16? {
        guard let number = text.decimal, number <= 65535, text.count == 1 || text[0] != 0x30 else { return nil }
        return UInt16(number)
    }

    // MARK: Version 2

    private static func binary(_ bytes: Bytes) -> Outcome {
        let fixed = 16
        if bytes.count > 12, bytes[12] >> 4 != 2 { return .invalid(.unknownVersion) }
        if bytes.count > 12, bytes[12] & 15 > 1 { return .invalid(.unknownCommand) }
        guard bytes.count >= fixed else { return .more }
        let length = Int(bytes[14]) << 8 | Int(bytes[15])
        guard fixed + length <= limit else { return .invalid(.tooLong) }
        let isLocal = bytes[12] & 15 == 0
        let needed: Int
        switch bytes[13] {
        case 0x11: needed = 12
        case 0x21: needed = 36
        case 0x00: needed = 0
        // A connection of the proxy's own is let in whatever it says about addresses.
        default:
            guard isLocal else { return .invalid(.unknownFamily) }
            needed = 0
        }
        guard isLocal || length >= needed else { return .invalid(.tooShort) }
        guard bytes.count >= fixed + length else { return .more }
        let isKnown = !isLocal && needed > 0
        return .whole(length: fixed + length, source: isKnown ? source(bytes.from(fixed), isIPv6: needed == 36) : nil)
    }

    /// The first of the addresses, and the first of the ports that follow both.
    private static func source(_ block: Bytes, isIPv6: Bool) -> Source {
        let raw = block.buffer
        func word(_ offset: Int) -> UInt64 { UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
        let port = UInt16(bigEndian: raw.loadUnaligned(fromByteOffset: isIPv6 ? 32 : 8, as: UInt16.self))
        if isIPv6 { return Source(address: IPAddress(high: word(0), low: word(8)), port: port) }
        let address = UInt32(bigEndian: raw.loadUnaligned(as: UInt32.self))
        return Source(address: IPAddress(v4: address), port: port)
    }
}
