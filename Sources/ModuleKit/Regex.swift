public import ByteKit
public import ModuleABI

/// A compiled regular expression (PCRE2), freed with the pool it was compiled in.
public struct Pattern: @unchecked Sendable, BitwiseCopyable {
    let raw: OpaquePointer

    /// - Throws: `DirectiveError` with PCRE2's reason.
    public init(_ pattern: Bytes, flags: UInt32 = 0, in pool: Pool) throws {
        var compiled: OpaquePointer?
        var reason = Bytes.none
        guard regexTable.pointee.compile(pool.raw, pattern, flags, &compiled, &reason) == APUS_OK, let compiled else {
            throw DirectiveError("the regular expression \"\(pattern.string)\" cannot be compiled: \(reason.string)")
        }
        raw = compiled
    }

    /// Groups a match fills; more than any directive can refer to.
    static let maxGroups = 10

    /// Number of capture groups.
    public var groups: Int { Int(regexTable.pointee.groups(raw)) }

    /// Matches and fills start and end of group 0, 1, … into `spans`, two numbers a group, -1 for one that is not set.
    /// A match limit that was hit counts as no match.
    public func match(_ subject: Bytes, spans: UnsafeMutableBufferPointer<Int64>) -> Bool {
        regexTable.pointee.match(raw, subject, spans.baseAddress, UInt32(spans.count / 2)) == APUS_OK
    }

    /// `template` with $0…$9 filled in from the groups of a match with `subject`; a backslash takes the next byte as it is.
    public static func fill(
        _ template: Bytes, from subject: Bytes, spans: UnsafeMutableBufferPointer<Int64>, in pool: Pool
    ) -> Bytes {
        regexTable.pointee.substitute(pool.raw, template, subject, spans.baseAddress, UInt32(spans.count / 2))
    }

    /// How a match came out.
    public enum Outcome: Sendable {
        case match, noMatch
        /// A match limit was hit: the input is an attack, or the pattern invites one.
        case limit
    }

    /// As `match`, for callers that must not take a limit that was hit for no match.
    @inline(__always)
    public func outcome(_ subject: Bytes, spans: UnsafeMutableBufferPointer<Int64>) -> Outcome {
        switch regexTable.pointee.match(raw, subject, spans.baseAddress, UInt32(spans.count / 2)) {
        case APUS_OK: .match
        case APUS_DECLINED: .noMatch
        default: .limit
        }
    }

    /// Whether it matches anywhere in the subject.
    public func matches(_ subject: Bytes) -> Bool {
        regexTable.pointee.match(raw, subject, nil, 0) == APUS_OK
    }

    /// `replacement` with $0…$9 filled in from a match with `subject`; nil: no match.
    public func substitute(_ replacement: Bytes, matching subject: Bytes, in pool: Pool) -> Bytes? {
        withUnsafeTemporaryAllocation(of: Int64.self, capacity: Pattern.maxGroups * 2) { spans in
            let count = UInt32(Pattern.maxGroups)
            guard regexTable.pointee.match(raw, subject, spans.baseAddress, count) == APUS_OK else { return nil }
            return regexTable.pointee.substitute(pool.raw, replacement, subject, spans.baseAddress, count)
        }
    }
}
