import ModuleABI
import ModuleABI.Draft

@_spi(Draft) extension Server {
    /// Limits how long clients may take for a part of an exchange; see apus/draft/timeouts.h, whose id belongs into
    /// `ModuleInfo.requires`. From open_config.
    public func limit(_ phase: ClientPhase, initial: Int64, maximum: Int64, rate: Int64) throws {
        try check(timeoutTable.pointee.limit(raw, phase.rawValue, initial, maximum, rate), "cannot limit a phase")
    }
}

/// The parts of an exchange that a client can be slow in.
@_spi(Draft) public struct ClientPhase: Sendable {
    /// APUS_PHASE_…
    public let rawValue: UInt32

    /// The handshake of the transport.
    public static let handshake = ClientPhase(rawValue: APUS_PHASE_HANDSHAKE)
    /// The head of a request.
    public static let header = ClientPhase(rawValue: APUS_PHASE_HEADER)
    /// The body of a request.
    public static let body = ClientPhase(rawValue: APUS_PHASE_BODY)
    /// Taking the answer.
    public static let response = ClientPhase(rawValue: APUS_PHASE_RESPONSE)
}
