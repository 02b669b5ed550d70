import ModuleKit

/// What a worker has of its own, made when it starts.
final class WorkerState {
    private let host: Host

    init(_ host: Host) { self.host = host }

    /// Threads for work that blocks; nil: none can be had.
    private(set) lazy var background = Background(host)
}
