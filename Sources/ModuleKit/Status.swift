public import ModuleABI

/// What a hook answers.
public struct Status: RawRepresentable, Equatable, Sendable {
    /// As apus.h has it.
    public let rawValue: apus_status

    /// From a status of apus.h.
    @inlinable public init(rawValue: apus_status) { self.rawValue = rawValue }

    /// It is done; of hooks that decide: yes.
    @inlinable public static var ok: Status { Status(rawValue: APUS_OK) }
    /// Somebody else is asked.
    @inlinable public static var declined: Status { Status(rawValue: APUS_DECLINED) }
    /// It is done, and nobody else is asked.
    @inlinable public static var done: Status { Status(rawValue: APUS_DONE) }
    /// The answer comes later, with a task.
    @inlinable public static var suspended: Status { Status(rawValue: APUS_SUSPENDED) }
    /// There is more to come, or to do.
    @inlinable public static var again: Status { Status(rawValue: APUS_AGAIN) }
    /// It came to nothing; a request is answered 500.
    @inlinable public static var failed: Status { Status(rawValue: APUS_E_FAIL) }
    /// What was asked for makes no sense.
    @inlinable public static var invalid: Status { Status(rawValue: APUS_E_INVALID) }
    /// There is no such thing.
    @inlinable public static var notFound: Status { Status(rawValue: APUS_E_NOT_FOUND) }

    /// Answer the request with this HTTP status.
    @inlinable public static func status(_ code: Int32) -> Status { Status(rawValue: code) }
}

/// A refusal by the host, or a reason of the module's own to give up; an uncaught one becomes a logged 500.
public struct ModuleError: Error, CustomStringConvertible {
    /// What the request is answered.
    public let status: Status
    /// What is logged.
    public let description: String

    /// An error with a text for the log.
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
