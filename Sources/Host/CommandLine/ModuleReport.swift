import ByteKit

/// What the modules of a running server have done, as -M prints it: made by the leader, who has the figures.
struct ModuleReport {
    private let runtime: Runtime
    private let accounts: ModuleAccounts
    /// Microseconds since the generation began.
    private let age: Int64

    init?(_ runtime: Runtime, age: Int64) {
        guard let accounts = runtime.accounts else { return nil }
        self.runtime = runtime
        self.accounts = accounts
        self.age = age
    }

    private static let titles = ["loop", "share", "a call", "calls", "memory", "threads", "suspended", "errors", "held loop", "crashed"]

    var text: String {
        let modules = runtime.modules.filter { module in ModuleFigure.allCases.contains { accounts.total($0, of: module.index) != 0 } }
        let order = modules.sorted { (time($0), $1.index) > (time($1), $0.index) }
        let all = max(1, order.reduce(0) { $0 + time($1) })
        let rows = [[""] + Self.titles] + order.map { row($0, of: all) }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        let lines = rows.map { row in
            row.indices.map { $0 == 0 ? padded(row[0], to: widths[0], atEnd: true) : padded(row[$0], to: widths[$0], atEnd: false) }
                .joined(separator: "  ")
        }
        let idle = runtime.modules.count - modules.count
        return "\nWhat they have done in generation \(runtime.generation), which began \(Self.span(age)) ago, in \(runtime.workerCount) workers:\n"
            + lines.map { " \($0)\n" }.joined()
            + (idle > 0 ? " \(idle) more have done nothing.\n" : "")
            + "Loop time, calls and memory are estimates from a sample of the loops' turns; core_module is the server itself.\n"
    }

    private func time(_ module: LoadedModule) -> Int64 { accounts.total(.loopTime, of: module.index) }

    private func row(_ module: LoadedModule, of all: Int64) -> [String] {
        func value(_ figure: ModuleFigure) -> Int64 { accounts.total(figure, of: module.index) }
        func count(_ figure: ModuleFigure) -> String { value(figure) == 0 ? "-" : "\(value(figure))" }
        let (time, calls) = (value(.loopTime), value(.calls))
        let threads = value(.threadCalls) == 0 ? "-" : "\(Self.duration(value(.threadTime))) in \(value(.threadCalls))"
        let held = value(.holds) == 0 ? "-" : "\(Self.duration(value(.holdTime))) in \(value(.holds))"
        let name = String(String.UnicodeScalarView(module.name.unicodeScalars.map { $0.value < 32 || $0.value == 127 ? "?" : $0 }))
        return [
            name, Self.duration(time), Self.scaled(time * 1000 / all, 10) + " %", calls == 0 || module.index == 0 ? "-" : Self.duration(time / calls),
            count(.calls), value(.poolBytes) == 0 ? "-" : Self.size(value(.poolBytes)), threads, count(.suspensions), count(.errors), held,
            count(.crashes),
        ]
    }

    private func padded(_ text: String, to width: Int, atEnd: Bool) -> String {
        let blanks = String(repeating: " ", count: max(0, width - text.count))
        return atEnd ? text + blanks : blanks + text
    }

    // MARK: Numbers

    private static func duration(_ nanoseconds: Int64) -> String {
        switch nanoseconds {
        case ..<1000: "\(nanoseconds) ns"
        case ..<1_000_000: scaled(nanoseconds, 1000) + " µs"
        case ..<1_000_000_000: scaled(nanoseconds, 1_000_000) + " ms"
        default: scaled(nanoseconds, 1_000_000_000) + " s"
        }
    }

    private static func size(_ bytes: Int64) -> String {
        switch bytes {
        case ..<1024: "\(bytes) B"
        case ..<(1 << 20): scaled(bytes, 1 << 10) + " kB"
        case ..<(1 << 30): scaled(bytes, 1 << 20) + " MB"
        default: scaled(bytes, 1 << 30) + " GB"
        }
    }

    /// With one decimal where there are few digits before it.
    private static func scaled(_ value: Int64, _ unit: Int64) -> String {
        let tenths = value / (unit / 10)
        return tenths < 100 ? "\(tenths / 10).\(tenths % 10)" : "\(value / unit)"
    }

    private static func span(_ microseconds: Int64) -> String {
        let seconds = microseconds / 1_000_000
        switch seconds {
        case ..<120: return "\(seconds) s"
        case ..<7200: return "\(seconds / 60) min"
        case ..<172_800: return "\(seconds / 3600) h"
        default: return "\(seconds / 86400) days"
        }
    }
}
