public import ModuleABI

/// What a hook answers.
public struct Status: RawRepresentable, Equatable, Sendable {
    public let rawValue: apus_status

    @inlinable public init(rawValue: apus_status) { self.rawValue = rawValue }

    @inlinable public static var ok: Status { Status(rawValue: APUS_OK) }
    @inlinable public static var declined: Status { Status(rawValue: APUS_DECLINED) }
    @inlinable public static var done: Status { Status(rawValue: APUS_DONE) }
    @inlinable public static var suspended: Status { Status(rawValue: APUS_SUSPENDED) }
    @inlinable public static var again: Status { Status(rawValue: APUS_AGAIN) }
    @inlinable public static var failed: Status { Status(rawValue: APUS_E_FAIL) }
    @inlinable public static var invalid: Status { Status(rawValue: APUS_E_INVALID) }
    @inlinable public static var notFound: Status { Status(rawValue: APUS_E_NOT_FOUND) }

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
