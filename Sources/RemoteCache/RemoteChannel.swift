/// What stands between the words of a connection and the wire, such as TLS. It moves bytes between buffers and does no input or
/// output of its own.
public protocol RemoteChannel: AnyObject {
    /// Goes on with what came from the wire and with what is to be said.
    /// - Parameters:
    ///   - saying: taken from the front as soon as the other side has been agreed with
    ///   - wire: what is to be sent is appended
    ///   - hear: gets what the other side says
    func exchange(
        received: UnsafeRawBufferPointer, saying: inout [UInt8], to wire: inout [UInt8],
        hear: (UnsafeRawBufferPointer) -> Void
    ) -> RemoteChannelOutcome
}

public enum RemoteChannelOutcome {
    case fine
    /// The other side has said that it ends.
    case ended
    case failed(String)
}

/// Makes the channels of connections to a server.
public protocol RemoteChannels: AnyObject {
    /// From open_config; what it throws is reported at the directive that names the cache.
    func open() throws
    func channel(to server: RemoteAddress) throws -> any RemoteChannel
}
