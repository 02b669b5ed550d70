import CSystem
import ModuleABI

/// Whose callback a thread runs, noted in shared memory so that a crash or a hang can be given a name.
enum Activity {
    /// A module and one of its callbacks in one word, so that noting it costs one store. Zero: none.
    struct Callback: Equatable {
        let word: UInt32

        init(word: UInt32) { self.word = word }
        init(module: Int, _ kind: Kind) { word = UInt32(truncatingIfNeeded: module) & 0xffff | UInt32(kind.rawValue) << 16 }

        var module: Int { Int(word & 0xffff) }
        var kind: Kind? { Kind(rawValue: UInt16(word >> 16)) }
    }

    /// What kind of callback runs: a hook of the host's, from 1 on, or one of the others.
    struct Kind: RawRepresentable, Equatable {
        let rawValue: UInt16

        static let moduleHook = Kind(rawValue: 200)
        static let outputFilter = Kind(rawValue: 201)
        static let inputFilter = Kind(rawValue: 202)
        static let blockingWork = Kind(rawValue: 203)
        static let message = Kind(rawValue: 204)
        static let loading = Kind(rawValue: 205)
        static let attaching = Kind(rawValue: 206)
        static let directive = Kind(rawValue: 207)
        static let fileWatch = Kind(rawValue: 208)
        static let expression = Kind(rawValue: 209)
        static let timer = Kind(rawValue: 210)
        static let watch = Kind(rawValue: 211)
        static let posted = Kind(rawValue: 212)
        static let body = Kind(rawValue: 213)
        static let transport = Kind(rawValue: 214)
        static let `protocol` = Kind(rawValue: 215)

        init(rawValue: UInt16) { self.rawValue = rawValue }

        init(hook name: String) {
            let builtIn = BuiltInHook.allCases.first { $0.name == name }
            self = builtIn.map { Kind(rawValue: UInt16($0.rawValue) + 1) } ?? .moduleHook
        }

        /// What messages call it; nil: nothing of a module's was running.
        var name: String? {
            switch self {
            case Kind(rawValue: 0): nil
            case .moduleHook: "a hook of a module"
            case .outputFilter: "an output filter"
            case .inputFilter: "an input filter"
            case .blockingWork: "work on the blocking pool"
            case .message: "a message"
            case .loading: "while it is loaded"
            case .attaching: "attach"
            case .directive: "a directive"
            case .fileWatch: "a watched file"
            case .expression: "a part of an expression"
            case .timer: "a timer"
            case .watch: "a watched descriptor"
            case .posted: "what it posted"
            case .body: "a body that goes on"
            case .transport: "a connection that it carries"
            case .protocol: "a connection that it has taken"
            default: BuiltInHook(rawValue: Int(rawValue) - 1).map { "hook \($0.name)" }
            }
        }
    }

    /// Where the leader notes what it does. A worker has its slot for that.
    nonisolated(unsafe) static let ofLeader: UnsafeMutablePointer<cs_activity> = {
        let place = UnsafeMutablePointer<cs_activity>.allocate(capacity: 1)
        place.initialize(to: cs_activity())
        return place
    }()
    /// The file of a module that is being loaded, which has no number yet.
    nonisolated(unsafe) static var loadingFile = ""

    /// What the loop of this worker runs now.
    static var current: Callback { Callback(word: theWorker.pointee.activity.callback) }

    /// What the calling thread runs now: the loop, or one of the blocking pool. Other threads are nobody's.
    static var ofThisThread: Callback { Callback(word: cs_crash_activity()?.pointee.callback ?? (Worker.isLoopThread ? current.word : 0)) }

    /// For something that the calling thread's callback arranges, and that is its module's, too, when it happens.
    static func later(_ kind: Kind) -> Callback {
        let module = ofThisThread.module
        return module == 0 ? Callback(word: 0) : Callback(module: module, kind)
    }

    /// Runs a callback outside the phases of a request. What ran before goes on afterwards.
    @inline(__always)
    static func during<R, E: Error>(_ callback: Callback, _ body: () throws(E) -> R) throws(E) -> R {
        let activity = theWorkerIfAny?.pointee.activity ?? ofLeader
        let outer = activity.callback
        enter(callback.word, from: outer, activity)
        defer { leave(callback.word, to: outer, activity) }
        return try body()
    }

    @inline(__always)
    static func enter(_ callback: UInt32, from outer: UInt32, _ activity: UnsafeMutablePointer<cs_activity>) {
        activity.callback = callback
        if activity.isMeasured { theWorker.pointee.timing.enter(callback, from: outer) }
    }

    @inline(__always)
    static func leave(_ callback: UInt32, to outer: UInt32, _ activity: UnsafeMutablePointer<cs_activity>) {
        if activity.isMeasured { theWorker.pointee.timing.leave(callback) }
        activity.callback = outer
    }

    /// Runs a callback on a thread of the blocking pool. There what it takes is measured always.
    static func onPool<R>(_ callback: Callback, _ request: Request.Ref?, _ body: () -> R) -> R {
        guard let activity = cs_crash_activity() else { return body() }
        activity.pointee = cs_activity(callback: callback.word, is_measured: 0, request: request.map { UnsafeRawPointer($0) })
        let start = Clock.nanoseconds()
        defer {
            ModuleAccounts.add(Clock.nanoseconds() - start, to: .threadTime, of: callback.module)
            ModuleAccounts.add(to: .threadCalls, of: callback.module)
            activity.pointee = cs_activity()
        }
        return body()
    }
}

/// Other threads may look.
extension UnsafeMutablePointer<cs_activity> {
    /// Whose callback runs, and which.
    var callback: UInt32 {
        @inline(__always) get { cs_callback(self) }
        @inline(__always) nonmutating set { cs_set_callback(self, newValue) }
    }

    /// Whether what callbacks take is measured now; see TurnTiming.
    var isMeasured: Bool {
        @inline(__always) get { cs_is_measured(self) != 0 }
        nonmutating set { cs_set_measured(self, newValue ? 1 : 0) }
    }
}

extension apus_link {
    /// Whose callback it is, as the registry laid it out.
    @inline(__always)
    var callback: Activity.Callback { Activity.Callback(word: reserved) }
}
