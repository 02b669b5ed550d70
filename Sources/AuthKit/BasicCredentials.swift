public import ByteKit
public import ModuleKit

/// A user's name and password as a client sends them (RFC 7617 section 2). Whoever looks at them looks through this, so that
/// nobody is told one name here and another there.
public struct BasicCredentials: BitwiseCopyable {
    public let user, password: Bytes

    public enum Problem: Error {
        case otherScheme
        /// No Base64, or with a NUL byte in it, at which one program would end what goes on for another.
        case invalid
    }

    /// Takes a field apart; what it holds lives as long as `pool`.
    public init(_ field: Bytes, in pool: Pool) throws(Problem) {
        let (scheme, rest) = field.split(at: UInt8(ascii: " "))
        guard scheme.equalsIgnoringCase("Basic") else { throw .otherScheme }
        let text = rest.trimmed
        let room = text.count / 4 * 3 + 4
        var decoded = ByteWriter(pool.allocate(UInt8.self, count: room), capacity: room)
        guard Base64.decode(text, &decoded), !decoded.written.contains(0) else { throw .invalid }
        (user, password) = decoded.written.split(at: UInt8(ascii: ":"))
    }
}
