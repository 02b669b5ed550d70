import ByteKit
import ModuleABI

/// What is counted of the modules, told as any module tells its figures (apus/figures.h): by name of the module.
enum ModuleFigures {
    static func attach(_ runtime: Runtime) {
        let provider = ProviderRegistry.Provider(name: Bytes("modules"), module: runtime.core, vtable: UnsafeRawPointer(vtable), ctx: nil)
        try? runtime.providers.provide(APUS_GROUP_FIGURES, provider)
    }

    nonisolated(unsafe) private static let vtable: UnsafeMutablePointer<apus_figures_v1> = {
        let place = UnsafeMutablePointer<apus_figures_v1>.allocate(capacity: 1)
        place.initialize(
            to: apus_figures_v1(
                size: UInt32(MemoryLayout<apus_figures_v1>.size), flags: 0,
                each: { _, tell, arg in
                    guard let tell, let runtime = Runtime.current, let accounts = runtime.accounts else { return }
                    ModuleFigures.each(runtime, accounts) { tell(arg, &$0) }
                }))
        return place
    }()

    private static func each(_ runtime: Runtime, _ accounts: ModuleAccounts, _ tell: (inout apus_figure) -> Void) {
        for figure in ModuleFigure.allCases {
            for module in runtime.modules {
                var name = module.name
                name.withUTF8 { name in
                    var told = apus_figure(
                        size: UInt32(MemoryLayout<apus_figure>.size), kind: APUS_FIGURE_COUNTER, name: figure.name, help: figure.help,
                        label: Bytes("module"), label_value: Bytes(UnsafeRawBufferPointer(name)),
                        value: Double(accounts.total(figure, of: module.index)) * figure.unit)
                    tell(&told)
                }
            }
        }
    }
}

extension ModuleFigure {
    fileprivate var name: Bytes {
        switch self {
        case .loopTime: Bytes("module_loop_seconds_total")
        case .calls: Bytes("module_calls_total")
        case .poolBytes: Bytes("module_pool_bytes_total")
        case .threadTime: Bytes("module_thread_seconds_total")
        case .threadCalls: Bytes("module_thread_calls_total")
        case .suspensions: Bytes("module_suspensions_total")
        case .errors: Bytes("module_errors_total")
        case .holds: Bytes("module_loop_holds_total")
        case .holdTime: Bytes("module_loop_hold_seconds_total")
        case .crashes: Bytes("module_crashes_total")
        }
    }

    fileprivate var help: Bytes {
        switch self {
        case .loopTime: Bytes("Time of the loops in callbacks of a module, estimated from a sample; core_module: in the server itself.")
        case .calls: Bytes("Callbacks of a module that ran on the loops, estimated from a sample.")
        case .poolBytes: Bytes("Memory that a module asked pools for, estimated from a sample.")
        case .threadTime: Bytes("Time of threads for blocking work in callbacks of a module, their waiting included.")
        case .threadCalls: Bytes("Callbacks of a module that ran on threads for blocking work.")
        case .suspensions: Bytes("Hooks, filters and handshakes of a module that suspended what they were at.")
        case .errors: Bytes("Callbacks of a module that failed or answered with a status of 500 or above.")
        case .holds: Bytes("Turns of a loop that a module held for more than 20 ms.")
        case .holdTime: Bytes("Time of the turns that a module held for more than 20 ms.")
        case .crashes: Bytes("Crashes of workers while a callback of a module ran.")
        }
    }

    /// Of one that is counted in nanoseconds, in seconds.
    fileprivate var unit: Double {
        switch self {
        case .loopTime, .threadTime, .holdTime: 1e-9
        default: 1
        }
    }
}
