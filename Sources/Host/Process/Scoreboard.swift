import CSystem
import Glibc

/// What the processes of a generation tell each other, in shared memory: one slot a worker.
struct Scoreboard {
    /// Cells of 64 bits a slot; apart from each other so that workers do not share a cache line.
    private static let cells = 16

    private enum Cell: Int {
        case connections, requests
    }

    private let base: UnsafeMutablePointer<Int64>
    let workers: Int

    init?(workers: Int) {
        let size = workers * Scoreboard.cells * 8
        guard let raw = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), raw != MAP_FAILED else {
            return nil
        }
        base = raw.bindMemory(to: Int64.self, capacity: workers * Scoreboard.cells)
        self.workers = workers
    }

    func slot(_ index: Int) -> Slot { Slot(board: self, index: index) }

    private func cell(_ worker: Int, _ cell: Cell) -> UnsafeMutablePointer<Int64> {
        base + worker * Scoreboard.cells + cell.rawValue
    }

    /// A worker that starts begins with nothing.
    func clear(_ index: Int) { cs_store(cell(index, .connections), 0) }

    /// A worker's own part of the board.
    struct Slot {
        fileprivate let board: Scoreboard
        let index: Int

        func connections(_ count: Int) { cs_store(board.cell(index, .connections), Int64(count)) }

        /// Whether this worker has so many more connections than the others that they should take the next.
        var hasMoreThanItsShare: Bool {
            let own = cs_load(board.cell(index, .connections))
            guard board.workers > 1, own >= 8 else { return false }
            var total: Int64 = 0
            for worker in 0..<board.workers { total += cs_load(board.cell(worker, .connections)) }
            return own * Int64(board.workers) * 4 > total * 5
        }
    }
}
