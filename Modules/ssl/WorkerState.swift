import ModuleKit

/// What a worker has of its own, made when it starts.
final class WorkerState {
    private let host: Host

    init(_ host: Host) { self.host = host }

    /// Threads for the look-up of clients with slow responders; nil: none can be had.
    private(set) lazy var background = Background(host, threads: WorkerState.mostThreads)
    private static let mostThreads = 16
}
