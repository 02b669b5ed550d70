import ModuleKit

/// What is asked of a server.
public enum RemoteRequest {
    case get
    /// For so many milliseconds.
    case set(milliseconds: Int64, data: Bytes)
    case delete
}

/// What a server answers.
public enum RemoteReply {
    /// The data, which live as long as the bytes that were parsed.
    case found(Bytes)
    case missing
    case done
    /// The request alone was refused: the connection goes on.
    case refused(Bytes)
}

/// One reply in the bytes of a connection, or what stands in its way.
public enum RemoteParse {
    case reply(RemoteReply, length: Int)
    /// The rest has yet to come.
    case incomplete
    /// It is no reply at all.
    case nonsense
}

/// A protocol in which requests can follow each other without waiting, and are answered in their order. For one kind of engine;
/// without state.
public protocol RemoteProtocol {
    var name: StaticString { get }
    var standardPort: Int { get }
    /// The longest data that it takes.
    var longestData: Int { get }
    /// What is said first on a connection, and how many replies that has.
    func greeting(_ server: RemoteAddress) -> (bytes: [UInt8], replies: Int)
    func append(_ request: RemoteRequest, key: Bytes, to bytes: inout [UInt8])
    func parse(_ bytes: Bytes) -> RemoteParse
    /// The key of an object, and what is kept under it. The name tells caches apart that share an engine.
    func key(_ name: String, id: Bytes) -> [UInt8]
    func wrap(_ data: Bytes, id: Bytes, expires: Int64) -> [UInt8]
    /// What `wrap` made it of; nil: it is another object, or has expired.
    func unwrap(_ value: Bytes, id: Bytes, now: Int64) -> Bytes?
}
