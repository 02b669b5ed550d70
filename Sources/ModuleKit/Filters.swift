import ByteKit
public import ModuleABI

/// One filter on one request.
public struct Filter {
    /// The handle, for functions of apus/filters.h that have no face here.
    public let raw: OpaquePointer
    /// The module's own handle of the host.
    public let host: UnsafePointer<apus_host>

    /// The request it stands in.
    public var request: Request { Request(filterTable.pointee.request(raw).unsafelyUnwrapped, host: host) }

    /// Hands a chain to the next output filter.
    public func pass(_ chain: Chain) -> Status { Status(rawValue: filterTable.pointee.pass(raw, chain.raw)) }

    /// Asks the next input filter for more.
    public func pull(_ max: Int, into chain: Chain) -> Status {
        Status(rawValue: filterTable.pointee.pull(raw, max, chain.raw))
    }

    /// Takes the filter off the request.
    public func remove() { filterTable.pointee.remove(raw) }

    /// Puts a registered output filter on the request, at its stage but never before this one. False: there is none of that
    /// name.
    public func insertBehind(_ name: Bytes) -> Bool { filterTable.pointee.insert_behind(raw, name) == APUS_OK }

    /// Goes on with a filter that returned `.suspended`: it is called with an empty chain.
    public func resume() { filterTable.pointee.resume(raw) }
}

/// What an output filter does, with one object for each request it is put on.
public protocol OutputFilterBody: AnyObject {
    /// The head of the answer is complete and its body about to come. False: the filter is taken off.
    func prepare(_ filter: Filter) -> Bool
    /// Takes what came, and passes on what it makes of it.
    func process(_ chain: Chain, _ filter: Filter) -> Status
    /// The request ends, for whatever reason.
    func end(_ filter: Filter)
}

/// One whose type alone says how it is made. Nil: it is left out.
public protocol OutputFilter: OutputFilterBody {
    init?(_ filter: Filter)
}

extension OutputFilterBody {
    /// Filters in every case.
    public func prepare(_ filter: Filter) -> Bool { true }
    /// There is nothing to free.
    public func end(_ filter: Filter) {}
}

/// The same on the way in.
public protocol InputFilterBody: AnyObject {
    /// Reads up to so many bytes onto the end of the chain, from the next filter.
    func fill(_ chain: Chain, max: Int, _ filter: Filter) -> Status
    /// The request ends, for whatever reason.
    func end(_ filter: Filter)
}

/// A filter of what clients send.
public protocol InputFilter: InputFilterBody {
    init?(_ filter: Filter)
}

extension InputFilterBody {
    /// There is nothing to free.
    public func end(_ filter: Filter) {}
}

/// How a filter is made and driven, behind the ctx pointer of its registration.
final class FilterKind {
    let host: UnsafePointer<apus_host>
    let make: (Filter) -> AnyObject?
    let prepare: (AnyObject, Filter) -> Bool
    let process: (AnyObject, Chain, Filter) -> Status
    let end: (AnyObject, Filter) -> Void
    let fill: (AnyObject, Chain, Int, Filter) -> Status

    init(
        host: UnsafePointer<apus_host>, make: @escaping (Filter) -> AnyObject?,
        prepare: @escaping (AnyObject, Filter) -> Bool = { _, _ in true },
        end: @escaping (AnyObject, Filter) -> Void = { _, _ in },
        process: @escaping (AnyObject, Chain, Filter) -> Status = { _, _, _ in .failed },
        fill: @escaping (AnyObject, Chain, Int, Filter) -> Status = { _, _, _, _ in .failed }
    ) {
        self.host = host
        self.make = make
        self.prepare = prepare
        self.end = end
        self.process = process
        self.fill = fill
    }
}

extension Host {
    /// Registers an output filter type under a name, at a stage.
    public func outputFilter<F: OutputFilter>(
        _ name: String, stage: UInt32, after: [String] = [], before: [String] = [], _ type: F.Type
    ) throws {
        try outputFilter(name, stage: stage, after: after, before: before) { F($0) }
    }

    /// The same for filters that differ in more than their type. From `init`, or from a directive of servers.
    public func outputFilter<F: OutputFilterBody>(
        _ name: String, stage: UInt32, after: [String] = [], before: [String] = [], make: @escaping (Filter) -> F?
    ) throws {
        let kind = FilterKind(
            host: raw, make: make,
            prepare: { object, filter in unsafeDowncast(object, to: F.self).prepare(filter) },
            end: { object, filter in unsafeDowncast(object, to: F.self).end(filter) },
            process: { object, chain, filter in unsafeDowncast(object, to: F.self).process(chain, filter) })
        try register(name, APUS_OUTPUT, stage, after, before, kind)
    }

    /// Registers an input filter type under a name, at a stage.
    public func inputFilter<F: InputFilter>(
        _ name: String, stage: UInt32, after: [String] = [], before: [String] = [], _ type: F.Type
    ) throws {
        try inputFilter(name, stage: stage, after: after, before: before) { F($0) }
    }

    /// The same for filters that differ in more than their type. From `init`, or from a directive of servers.
    public func inputFilter<F: InputFilterBody>(
        _ name: String, stage: UInt32, after: [String] = [], before: [String] = [], make: @escaping (Filter) -> F?
    ) throws {
        let kind = FilterKind(
            host: raw, make: make,
            end: { object, filter in unsafeDowncast(object, to: F.self).end(filter) },
            fill: { object, chain, max, filter in unsafeDowncast(object, to: F.self).fill(chain, max: max, filter) })
        try register(name, APUS_INPUT, stage, after, before, kind)
    }

    private func register(
        _ name: String, _ direction: UInt32, _ stage: UInt32, _ after: [String], _ before: [String], _ kind: FilterKind
    ) throws {
        var registration = apus_filter_reg()
        registration.size = UInt32(MemoryLayout<apus_filter_reg>.size)
        registration.direction = direction
        registration.stage = stage
        registration.ctx = Unmanaged.passRetained(kind).toOpaque()
        registration.begin = beginFilter
        registration.end = endFilter
        if direction == APUS_OUTPUT {
            registration.prepare = prepareFilter
            registration.process = processFilter
        } else {
            registration.fill = fillFilter
        }
        let status = withCStrings(after) { after in
            withCStrings(before) { before in
                registration.after = after
                registration.before = before
                return name.withCString {
                    registration.name = $0
                    return filterTable.pointee.add(raw, &registration)
                }
            }
        }
        try check(status, "filter \(name)")
    }
}

extension Request {
    /// Puts a registered filter on the request.
    public func insertFilter(_ name: StaticString, direction: UInt32 = APUS_OUTPUT) throws {
        try insertFilter(Bytes(name), direction: direction)
    }

    /// The same for a filter that the configuration names.
    public func insertFilter(_ name: Bytes, direction: UInt32) throws {
        try check(filterTable.pointee.insert(raw, direction, name), "filter \(name.string)")
    }
}

private func kind(_ ctx: UnsafeMutableRawPointer?) -> FilterKind {
    Unmanaged<FilterKind>.fromOpaque(ctx.unsafelyUnwrapped).takeUnretainedValue()
}

private func object(of f: OpaquePointer?) -> AnyObject? {
    filterTable.pointee.state(f).map { Unmanaged<AnyObject>.fromOpaque($0).takeUnretainedValue() }
}

private func beginFilter(_ ctx: UnsafeMutableRawPointer?, _ f: OpaquePointer?) -> apus_status {
    guard let f, let made = kind(ctx).make(Filter(raw: f, host: kind(ctx).host)) else { return APUS_DECLINED }
    filterTable.pointee.set_state(f, Unmanaged.passRetained(made).toOpaque())
    return APUS_OK
}

private func processFilter(_ ctx: UnsafeMutableRawPointer?, _ f: OpaquePointer?, _ chain: OpaquePointer?) -> apus_status {
    guard let f, let chain, let object = object(of: f) else { return APUS_E_INVALID }
    return kind(ctx).process(object, Chain(chain), Filter(raw: f, host: kind(ctx).host)).rawValue
}

private func fillFilter(
    _ ctx: UnsafeMutableRawPointer?, _ f: OpaquePointer?, _ max: Int, _ chain: OpaquePointer?
) -> apus_status {
    guard let f, let chain, let object = object(of: f) else { return APUS_E_INVALID }
    return kind(ctx).fill(object, Chain(chain), max, Filter(raw: f, host: kind(ctx).host)).rawValue
}

private func prepareFilter(_ ctx: UnsafeMutableRawPointer?, _ f: OpaquePointer?) -> apus_status {
    guard let f, let object = object(of: f) else { return APUS_E_INVALID }
    return kind(ctx).prepare(object, Filter(raw: f, host: kind(ctx).host)) ? APUS_OK : APUS_DECLINED
}

private func endFilter(_ ctx: UnsafeMutableRawPointer?, _ f: OpaquePointer?) {
    guard let f, let state = filterTable.pointee.state(f) else { return }
    kind(ctx).end(Unmanaged<AnyObject>.fromOpaque(state).takeUnretainedValue(), Filter(raw: f, host: kind(ctx).host))
    Unmanaged<AnyObject>.fromOpaque(state).release()
}
