public import ModuleKit

/// Reads the whole body without holding the thread, and calls `done` with it on the connection's loop.
///
/// For handlers registered MAY_SUSPEND, which return what this returns; `done` answers and returns the status.
public func collectBody(
    _ request: Request, max: Int = 65536, _ done: @escaping (Request, Chain, Status) -> Status
) throws -> Status {
    let chain = Chain(in: request.pool)
    let status = readOn(request, chain, max)
    if status != .again { return done(request, chain, status) }
    let task = try request.suspend()
    waitForBody(request, chain, max) { request, status in task.resume(done(request, chain, status)) }
    return .suspended
}

private func waitForBody(
    _ request: Request, _ chain: Chain, _ max: Int, _ done: @escaping (Request, Status) -> Void
) {
    request.when(APUS_WANT_READ) { request in
        let status = readOn(request, chain, max)
        if status == .again { waitForBody(request, chain, max, done) } else { done(request, status) }
    }
}

/// Reads until the end mark, or until nothing is there.
private func readOn(_ request: Request, _ chain: Chain, _ max: Int) -> Status {
    while true {
        let part = Chain(in: request.pool)
        let status = request.read(max, into: part)
        guard status == .ok else { return status }
        var ended = false
        while let segment = part.first {
            if segment.kind == APUS_SEG_END { ended = true } else { chain.append(segment.data) }
            part.dropFirst()
        }
        if ended { return .ok }
    }
}

extension Chain {
    /// The bytes of a chain that holds data only; the chain is empty afterwards.
    public func text() -> String {
        var bytes: [UInt8] = []
        while let segment = first {
            if segment.kind == APUS_SEG_DATA { bytes.append(contentsOf: segment.data.buffer) }
            dropFirst()
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension Host {
    /// A table that ModuleKit has no words for.
    public func table<T>(_ id: String, as type: T.Type) -> UnsafePointer<T> {
        raw.pointee.extension(raw, id).unsafelyUnwrapped.assumingMemoryBound(to: T.self)
    }
}
