import CSystem

/// What is counted of each module; docs/processes.md says more.
enum ModuleFigure: Int, CaseIterable {
    /// Nanoseconds on the loops, callbacks that ran there, and bytes asked of pools: estimates, see TurnTiming.
    case loopTime, calls, poolBytes
    /// Nanoseconds on threads of the blocking pool, and how often.
    case threadTime, threadCalls
    case suspensions, errors
    /// Turns in which it held a loop too long, and their nanoseconds, as far as LoopWatch knows whose they were.
    case holds, holdTime
    case crashes
}

/// The figures of all modules in memory that the processes of a generation share: a row for each slot of the scoreboard,
/// written by the worker that has the slot and gone on with by whoever has it next. So a sum over the rows is about all
/// workers, those that have died included.
struct ModuleAccounts {
    private let cells: UnsafeMutablePointer<Int64>
    private let rows: Int
    private let modules: Int

    fileprivate static let width = 10

    static func size(rows: Int, modules: Int) -> Int { rows * modules * width * MemoryLayout<Int64>.stride }

    /// - Parameter memory: of that size, all zeroes.
    init(_ memory: UnsafeMutableRawPointer, rows: Int, modules: Int) {
        assert(Self.width == ModuleFigure.allCases.count)
        cells = memory.bindMemory(to: Int64.self, capacity: rows * modules * Self.width)
        self.rows = rows
        self.modules = modules
    }

    /// For the process that serves alone.
    static func alone(modules: Int) -> ModuleAccounts {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: size(rows: 1, modules: modules), alignment: 16)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: size(rows: 1, modules: modules))
        return ModuleAccounts(memory, rows: 1, modules: modules)
    }

    func row(_ index: Int) -> Row { Row(cells: cells + index * modules * Self.width, modules: modules) }

    func total(_ figure: ModuleFigure, of module: Int) -> Int64 {
        (0..<rows).reduce(0) { $0 &+ row($1).value(figure, of: module) }
    }

    /// What one worker counts.
    struct Row {
        fileprivate let cells: UnsafeMutablePointer<Int64>
        fileprivate let modules: Int

        /// For figures that nobody but the loop adds to.
        @inline(__always)
        func addOnLoop(_ amount: Int64, to figure: ModuleFigure, of module: Int) {
            guard module < modules else { return }
            cells[module &* ModuleAccounts.width &+ figure.rawValue] &+= amount
        }

        /// For those that threads of the worker add to, too, or the leader.
        func add(_ amount: Int64, to figure: ModuleFigure, of module: Int) {
            guard module < modules else { return }
            let cell = cells + module * ModuleAccounts.width + figure.rawValue
            while true {
                let seen = cs_load(cell)
                if cs_compare_exchange(cell, seen, seen &+ amount) != 0 { return }
            }
        }

        fileprivate func value(_ figure: ModuleFigure, of module: Int) -> Int64 {
            guard module < modules else { return 0 }
            return cs_load(cells + module * ModuleAccounts.width + figure.rawValue)
        }
    }

    /// In a worker, on any thread: adds to a figure of a module.
    static func add(_ amount: Int64 = 1, to figure: ModuleFigure, of module: Int) {
        theWorkerIfAny?.pointee.accounts?.add(amount, to: figure, of: module)
    }
}
