public import ByteKit
public import ModuleABI

/// A request's body read as a whole, up to a limit, for hooks that may suspend.
public final class WholeBody {
    private let request: Request
    private let limit: Int
    private let chain: Chain
    private var bytes: [UInt8] = []
    private var isComplete = false
    /// What to answer when it cannot be read: 413 when it is longer than the limit.
    public private(set) var refusal: Status?

    /// A body that is longer than the limit is refused.
    public init(_ request: Request, limit: Int) {
        self.request = request
        self.limit = limit
        chain = Chain(in: request.pool)
        if let announced = request.headersIn["Content-Length"]?.decimal, announced > Int64(limit) { refusal = .status(413) }
    }

    /// What has been read, as a copy in the request's memory.
    public var text: Bytes { bytes.withUnsafeBytes { request.pool.copy(Bytes($0)) } }

    /// Reads what there is. False: more must come first.
    public func read() -> Bool {
        while !isComplete, refusal == nil {
            let status = request.read(into: chain)
            if status == .again { return false }
            guard status == .ok else {
                refusal = status.rawValue >= 400 ? status : .status(400)
                break
            }
            chain.takePieces { piece in
                switch piece {
                case .data(let data): take(data)
                case .end: isComplete = true
                default: break
                }
                return true
            }
        }
        return true
    }

    private func take(_ data: Bytes) {
        guard bytes.count + data.count <= limit else { return refusal = .status(413) }
        bytes += data.buffer
    }

    /// Has the hook, which then returns `.suspended`, called again when all has been read.
    public func wait() throws { wait(try request.suspend()) }

    private func wait(_ task: SuspendedTask) {
        request.when(APUS_WANT_READ) { [self] _ in
            if read() { task.resume(.again) } else { wait(task) }
        }
    }
}
