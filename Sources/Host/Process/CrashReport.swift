import ByteKit
import CSystem
import ElfKit
import Glibc

/// Makes lines for the error log of what a crashed worker left in its slot.
///
/// The leader has the same images at the same addresses, for the worker was forked from it. What the worker mapped later
/// is shown by its address alone.
struct CrashReport {
    private let runtime: Runtime
    private let symbols = SymbolTables()

    init(_ runtime: Runtime) { self.runtime = runtime }

    func write(_ slot: WorkerSlot.Ref, pid: pid_t) {
        let crash = slot.crash
        guard crash.pointee.stage > 0 else { return }
        let thread = crash.pointee.thread == pid ? "" : " on thread \(crash.pointee.thread)"
        let address = crash.pointee.signal == SIGSEGV || crash.pointee.signal == SIGBUS ? " at address 0x\(String(crash.pointee.address, radix: 16))" : ""
        ErrorLog.write(
            .crit, code: "APUS1710",
            "pid \(pid) \(crash.pointee.whatHappened)\(address)\(thread) \(doing(crash.pointee.activity))\(request(slot))\(count(crash.pointee.activity))")
        guard crash.pointee.stage >= 3 else { return }
        for (index, frame) in frames(crash).enumerated() {
            ErrorLog.write(.crit, code: "APUS1711", "pid \(pid) #\(index) \(describe(frame))")
        }
    }

    /// Counts the crash for the module that was running, and says how many it has had.
    private func count(_ activity: cs_activity) -> String {
        let callback = Activity.Callback(word: activity.callback)
        let module = callback.kind?.name == nil ? 0 : callback.module
        guard let accounts = runtime.accounts, runtime.modules.indices.contains(module) else { return "" }
        accounts.row(0).add(1, to: .crashes, of: module)
        let crashes = accounts.total(.crashes, of: module)
        return crashes > 1 ? "; \(runtime.modules[module].name) has crashed \(crashes) times in this generation" : ""
    }

    /// "in ssl_module, hook handler", or that no module was running.
    func doing(_ activity: cs_activity) -> String {
        let callback = Activity.Callback(word: activity.callback)
        guard let kind = callback.kind?.name else { return "outside every hook" }
        let name = callback.module < runtime.modules.count ? runtime.modules[callback.module].name : "?"
        return "in \(name), \(kind)"
    }

    /// From here on a crash of this process is told on standard error: while a generation starts, nobody else can.
    static func toConsole() {
        let record = UnsafeMutablePointer<cs_crash>.allocate(capacity: 1)
        record.initialize(to: cs_crash())
        cs_crash_enter_thread(Activity.ofLeader)
        cs_crash_install(record, describeLeader, STDERR_FILENO)
    }

    private func request(_ slot: WorkerSlot.Ref) -> String {
        let crash = slot.crash
        let length = min(Int(crash.pointee.request_length), Int(CS_CRASH_REQUEST))
        guard crash.pointee.stage >= 2, length > 0 else { return "" }
        return withUnsafeBytes(of: &crash.pointee.request) { " while serving \(String(decoding: $0[..<length], as: UTF8.self))" }
    }

    /// The frames from the fault outwards, without the handler's own.
    private func frames(_ crash: UnsafeMutablePointer<cs_crash>) -> ArraySlice<UInt64> {
        let count = min(Int(crash.pointee.frame_count), Int(CS_CRASH_FRAMES))
        let all = withUnsafeBytes(of: &crash.pointee.frames) { Array($0.bindMemory(to: UInt64.self)[..<count]) }
        return all.dropFirst(Int(cs_crash_frames_to_skip(crash)))
    }

    private func describe(_ address: UInt64) -> String {
        var file: UnsafePointer<CChar>?
        var base: UnsafeRawPointer?
        guard let pointer = UnsafeRawPointer(bitPattern: UInt(address)), cs_image_at(pointer, &file, &base) != 0, let file, let base else {
            return "0x\(String(address, radix: 16))"
        }
        let path = String(cString: file)
        let offset = UInt64(UInt(bitPattern: pointer) - UInt(bitPattern: base))
        let name = path.split(separator: "/").last.map(String.init) ?? path
        // One less: a return address may lie behind the end of its function.
        let symbol = symbols.functionName(at: offset &- 1, in: path).map { " \(demangled($0))" } ?? ""
        return "\(name)+0x\(String(offset, radix: 16))\(symbol)"
    }
}

extension cs_crash {
    fileprivate var whatHappened: String { signal == 0 ? "was ended by a call of exit" : "crashed" }
}

/// What the leader was at when it crashed, or somebody ended it, in place of a request. It composes text as ordinary code does:
/// should that fail, too, the crash is as it would have been without.
private func describeLeader(
    _ crash: UnsafePointer<cs_crash>?, _ activity: UnsafePointer<cs_activity>?, _ text: UnsafeMutablePointer<CChar>?,
    _ capacity: UInt32
) -> UInt32 {
    guard let crash, let activity, let text, let runtime = Runtime.current else { return 0 }
    let isLoading = Activity.Callback(word: activity.pointee.callback).kind == .loading
    let line = "apus: \(crash.pointee.whatHappened) \(isLoading ? "in \(Activity.loadingFile), while it is loaded" : CrashReport(runtime).doing(activity.pointee)); the way there:"
    var writer = ByteWriter(UnsafeMutableRawPointer(text), capacity: Int(capacity))
    for byte in line.utf8.prefix(Int(capacity)) { writer.append(byte) }
    return UInt32(writer.count)
}
