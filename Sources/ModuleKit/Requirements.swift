public import ByteKit
public import ModuleABI

/// What a requirement says about a request.
public enum Decision: Sendable {
    /// No; yes; it has no opinion.
    case denied, granted, neutral
    /// Denied as long as no user is known.
    case needsUser
    /// Not known before the provider's work has been done.
    case later
    /// It could not be found out, as the log says.
    case failed

    var code: apus_status {
        switch self {
        case .denied: APUS_AUTHZ_DENIED
        case .granted: APUS_AUTHZ_GRANTED
        case .neutral: APUS_AUTHZ_NEUTRAL
        case .needsUser: APUS_AUTHZ_NEEDS_USER
        case .later: APUS_AUTHZ_LATER
        case .failed: APUS_E_FAIL
        }
    }
}

/// What stands behind a provider of requirements: its closures.
private final class RequirementProvider {
    let host: UnsafePointer<apus_host>
    let parse: (Command, Bytes) throws -> UnsafeMutableRawPointer?
    let check: (Request, UnsafeMutableRawPointer) -> Decision
    let later: ((Request, UnsafeMutableRawPointer) -> any DeferredWork)?

    init(
        host: UnsafePointer<apus_host>, parse: @escaping (Command, Bytes) throws -> UnsafeMutableRawPointer?,
        check: @escaping (Request, UnsafeMutableRawPointer) -> Decision,
        later: ((Request, UnsafeMutableRawPointer) -> any DeferredWork)?
    ) {
        self.host = host
        self.parse = parse
        self.check = check
        self.later = later
    }

    static func from(_ ctx: UnsafeMutableRawPointer?) -> RequirementProvider {
        Unmanaged<RequirementProvider>.fromOpaque(ctx.unsafelyUnwrapped).takeUnretainedValue()
    }
}

extension Host {
    /// Offers `Require NAME`. From `init`, with APUS_EXT_PROVIDERS in `ModuleInfo.requires`.
    /// - Parameters:
    ///   - parse: makes of the words after the name what `check` gets; an error it throws is shown at the line.
    ///   - later: the work that `check` wants done when it answers `.later`; it is asked again afterwards. The id of
    ///     apus/tasks.h must be required, too.
    public func provideRequirement<Parsed: BitwiseCopyable>(
        _ name: StaticString, parse: @escaping (Command, Bytes) throws -> Parsed,
        check: @escaping (Request, Parsed) -> Decision, later: ((Request, Parsed) -> any DeferredWork)? = nil
    ) throws {
        let provider = RequirementProvider(
            host: raw,
            parse: { command, words in
                let parsed = try parse(command, words)
                let place = command.pool.allocate(Parsed.self)
                place.initialize(to: parsed)
                return UnsafeMutableRawPointer(place)
            },
            check: { check($0, $1.assumingMemoryBound(to: Parsed.self).pointee) },
            later: later.map { later in { later($0, $1.assumingMemoryBound(to: Parsed.self).pointee) } })
        let table = apus_authz_v1(
            size: UInt32(MemoryLayout<apus_authz_v1>.size), flags: 0, parse: parseRequirement, check: checkRequirement,
            defer: later == nil ? nil : deferRequirement)
        try provide(APUS_GROUP_AUTHZ, name, table, context: provider)
    }
}

private func parseRequirement(
    _ ctx: UnsafeMutableRawPointer?, _ cmd: OpaquePointer?, _ words: apus_str,
    _ parsed: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> apus_status {
    let provider = RequirementProvider.from(ctx)
    let command = Command(raw: cmd.unsafelyUnwrapped, host: provider.host)
    do {
        parsed?.pointee = try provider.parse(command, words)
        return APUS_OK
    } catch {
        return command.fail(error)
    }
}

private func checkRequirement(
    _ ctx: UnsafeMutableRawPointer?, _ r: OpaquePointer?, _ parsed: UnsafeMutableRawPointer?
) -> apus_status {
    Unmanaged<RequirementProvider>.fromOpaque(ctx.unsafelyUnwrapped)._withUnsafeGuaranteedRef {
        $0.check(Request(r.unsafelyUnwrapped, host: $0.host), parsed.unsafelyUnwrapped).code
    }
}

private func deferRequirement(
    _ ctx: UnsafeMutableRawPointer?, _ r: OpaquePointer?, _ parsed: UnsafeMutableRawPointer?,
    _ work: UnsafeMutablePointer<apus_work>?
) -> apus_status {
    let provider = RequirementProvider.from(ctx)
    guard let later = provider.later else { return APUS_E_UNSUPPORTED }
    let request = Request(r.unsafelyUnwrapped, host: provider.host)
    work?.hand(out: later(request, parsed.unsafelyUnwrapped), host: provider.host)
    return APUS_OK
}

extension apus_str {
    /// Takes the next word off a directive's line: up to white space, or what stands in quotes.
    public mutating func takeArgument() -> Bytes {
        self = trimmed
        guard !isEmpty else { return self }
        let quote = self[0]
        if quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'"), let end = firstIndex(of: quote, from: 1) {
            defer { self = from(end + 1) }
            return self[1..<end]
        }
        let end = buffer.firstIndex { $0 == 0x20 || $0 == 0x09 } ?? count
        defer { self = from(end) }
        return upTo(end)
    }

    /// All words of a directive's line, copied into `pool`.
    public func arguments(in pool: Pool) -> PoolArray<Bytes> {
        var words = PoolArray<Bytes>()
        var rest = self
        while case let word = rest.takeArgument(), word.isSet, !word.isEmpty { words.append(pool.copy(word), in: pool) }
        return words
    }
}
