public import ModuleABI

/// What a hook answers.
public struct Status: RawRepresentable, Equatable, Sendable {
    public let rawValue: apus_status

    @inlinable public init(rawValue: apus_status) { self.rawValue = rawValue }

    public static let ok = Status(rawValue: APUS_OK)
    public static let declined = Status(rawValue: APUS_DECLINED)
    public static let done = Status(rawValue: APUS_DONE)
    public static let suspended = Status(rawValue: APUS_SUSPENDED)
    public static let again = Status(rawValue: APUS_AGAIN)
    public static let failed = Status(rawValue: APUS_E_FAIL)
    public static let notFound = Status(rawValue: APUS_E_NOT_FOUND)

    /// Answer the request with this HTTP status.
    @inlinable public static func status(_ code: Int32) -> Status { Status(rawValue: code) }
}

/// A refusal by the host, or a reason of the module's own to give up; an uncaught one becomes a logged 500.
public struct ModuleError: Error, CustomStringConvertible {
    public let status: Status
    public let description: String

    public init(_ description: String, status: Status = .failed) {
        self.status = status
        self.description = description
    }
}

/// Throws when the host refused.
func check(_ status: apus_status, _ what: @autoclosure () -> String) throws {
    guard status < 0 else { return }
    throw ModuleError("\(what()): the host answered \(status)", status: Status(rawValue: status))
}
