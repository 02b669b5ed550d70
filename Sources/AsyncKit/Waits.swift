import ModuleABI
public import ModuleKit
import _Concurrency

/// What an async hook can wait for without holding a thread. Each throws `CancellationError` at once when the client has gone
/// or the server's Timeout is over. From the task of a hook and the tasks in it, not from detached ones.
extension Request {
    /// Waits so long.
    public func sleep(for duration: Duration) async throws {
        let parts = duration.components
        let microseconds = UInt64(max(parts.seconds, 0)) * 1_000_000 + UInt64(max(parts.attoseconds, 0) / 1_000_000_000_000)
        let timer = Timer()
        defer { timer.cancel() }
        try await waiting { (wake: Wake<Void>) in try timer.start(microseconds) { wake(.success(())) } }
    }

    /// Does `work` on a thread of the worker's pool, where it may block, and goes on with its result. It must not touch the
    /// request, which may have ended before it: it is given copies.
    public func onPool<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        let connection = connection
        let outcome = PoolOutcome<Value>()
        return try await waiting { wake in
            connection.onPool({ outcome.result = Result { try work() } }, then: { wake(outcome.result.unsafelyUnwrapped) })
        }
    }

    /// Waits until a descriptor is ready for what the mask (APUS_FD_READ, APUS_FD_WRITE) says. It must not block.
    public func ready(_ descriptor: Int32, _ mask: UInt32) async throws {
        let connection = connection
        var watch: DescriptorWatch?
        defer { watch?.stop() }
        try await waiting { (wake: Wake<Void>) in
            watch = try DescriptorWatch(descriptor, mask, for: connection) { wake(.success(())) }
        }
    }

    /// The whole body of the request, in its memory.
    /// - Throws: a `ModuleError` with status 413 when it is longer than the limit, or with what else it should be answered.
    public func readBody(limit: Int) async throws -> Bytes {
        func refuse(_ status: Status) -> ModuleError { ModuleError("the body of the request cannot be read", status: status) }
        if let announced = headersIn["Content-Length"]?.decimal, announced > Int64(limit) { throw refuse(.status(413)) }
        let chain = try newChain()
        var bytes: [UInt8] = []
        var isComplete = false
        while !isComplete {
            let status = read(into: chain)
            guard status != .again else {
                try await wait(for: APUS_WANT_READ)
                continue
            }
            guard status == .ok else { throw refuse(status.rawValue >= 400 ? status : .status(400)) }
            chain.takePieces { piece in
                if case .data(let data) = piece { bytes += data.buffer }
                if case .end = piece { isComplete = true }
                return bytes.count <= limit
            }
            guard bytes.count <= limit else { throw refuse(.status(413)) }
        }
        return try inPool(bytes)
    }

    /// Sends a chain through the output filters, and waits until there is room for more.
    public func send(_ chain: Chain) async throws {
        let status = write(chain)
        if status == .again { return try await wait(for: APUS_WANT_WRITE) }
        guard status == .ok else { throw CancellationError() }
    }

    /// Sends bytes, which are copied, and waits until there is room for more.
    public func send(_ bytes: Bytes) async throws {
        let chain = try newChain()
        chain.append(bytes)
        try await send(chain)
    }

    /// Sends a text, and waits until there is room for more.
    public func send(_ text: String) async throws { try await send(pool.copy(text)) }

    /// Ends the body; the handler then returns `.ok`.
    public func sendEnd() async throws {
        let chain = try newChain()
        chain.appendEnd()
        try await send(chain)
    }

    private func inPool(_ bytes: [UInt8]) throws -> Bytes {
        let copy = bytes.withUnsafeBytes { pool.copy(Bytes($0)) }
        guard copy.count == bytes.count else { throw ModuleError("there is no memory for \(bytes.count) bytes") }
        return copy
    }

    /// An empty chain, or an error: ModuleKit takes it for granted that there is memory for one.
    private func newChain() throws -> Chain {
        let table = host.pointee.extension(host, APUS_EXT_BODY)?.assumingMemoryBound(to: apus_body_v1.self)
        guard let raw = table?.pointee.chain(pool.raw) else { throw ModuleError("there is no memory for a chain") }
        return Chain(raw)
    }

    /// Runs the handler of a looked-up request, whose answer becomes part of this one's body.
    /// - Returns: how it went.
    public func include(_ sub: Request) async throws -> Status {
        try await waiting { wake in try sub.run { _, status in wake(.success(status)) } }
    }

    /// Waits until reading (APUS_WANT_READ) or writing (APUS_WANT_WRITE) can go on.
    public func wait(for want: UInt32) async throws {
        try await waiting { (wake: Wake<Void>) in when(want) { _ in wake(.success(())) } }
    }
}

/// Waits until `begin` has had its `wake` called, once, on the loop; for what this file does not know.
/// - Throws: what it is woken with, what `begin` throws, or `CancellationError`. Later calls of `wake` do nothing then.
public func waiting<Value>(_ begin: (Wake<Value>) throws -> Void) async throws -> Value {
    let wake = Wake<Value>()
    return try await withTaskCancellationHandler {
        try await withUnsafeThrowingContinuation { continuation in
            guard !wake.isCancelled else { return continuation.resume(throwing: CancellationError()) }
            wake.continuation = continuation
            do { try begin(wake) } catch { wake(.failure(error)) }
        }
    } onCancel: {
        wake.isCancelled = true
        wake(.failure(CancellationError()))
    }
}

/// Goes on with a task that waits: the first call counts. On the loop.
public final class Wake<Value>: @unchecked Sendable {
    fileprivate var continuation: UnsafeContinuation<Value, any Error>?
    fileprivate var isCancelled = false

    fileprivate init() {}

    /// Goes on with the value, or throws the error where the task waits.
    public func callAsFunction(_ result: Result<Value, any Error>) {
        guard let waiting = continuation else { return }
        continuation = nil
        nonisolated(unsafe) let result = result
        waiting.resume(with: result)
    }
}

/// What a thread of the pool found. It is read after that thread has let go of it.
private final class PoolOutcome<Value>: @unchecked Sendable {
    var result: Result<Value, any Error>?
}

/// A timer of the worker that can be called off.
private final class Timer {
    private var number: UInt64?

    func start(_ microseconds: UInt64, _ body: @escaping () -> Void) throws {
        number = try Loop.after(microseconds: microseconds) { [self] in
            number = nil
            body()
        }
    }

    func cancel() {
        if let number { Loop.cancel(number) }
    }
}
