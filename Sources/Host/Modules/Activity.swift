import CSystem
import ModuleABI

/// Whose callback a thread runs, noted in shared memory so that a crash or a hang can be given a name.
enum Activity {
    /// The numbers of callbacks that are no hooks; those of the built-in hooks begin at 1, and 0 is none.
    static let moduleHook: UInt32 = 200
    static let outputFilter: UInt32 = 201
    static let inputFilter: UInt32 = 202
    static let blockingWork: UInt32 = 203
    static let message: UInt32 = 204
    static let loading: UInt32 = 205
    static let attaching: UInt32 = 206
    static let directive: UInt32 = 207

    /// Where the leader notes what it does. A worker has its slot for that.
    nonisolated(unsafe) static let ofLeader: UnsafeMutablePointer<cs_activity> = {
        let place = UnsafeMutablePointer<cs_activity>.allocate(capacity: 1)
        place.initialize(to: cs_activity())
        return place
    }()
    /// The file of a module that is being loaded, which has no number yet.
    nonisolated(unsafe) static var loadingFile = ""

    static func number(ofHook name: String) -> UInt32 {
        BuiltInHook.allCases.first { $0.name == name }.map { UInt32($0.rawValue) + 1 } ?? moduleHook
    }

    /// What messages call it; nil: nothing of a module's was running.
    static func name(_ number: UInt32) -> String? {
        switch number {
        case 0: nil
        case moduleHook: "a hook of a module"
        case outputFilter: "an output filter"
        case inputFilter: "an input filter"
        case blockingWork: "work on the blocking pool"
        case message: "a message"
        case loading: "while it is loaded"
        case attaching: "attach"
        case directive: "a directive"
        default: BuiltInHook(rawValue: Int(number) - 1).map { "hook \($0.name)" }
        }
    }

    /// Runs a callback of a hook outside the phases of a request. What ran before goes on afterwards.
    @inline(__always)
    static func during<R>(_ link: apus_link, of hook: UnsafePointer<FrozenHook>, _ body: () -> R) -> R {
        during(module: link.reserved, hook.pointee.number, body)
    }

    @inline(__always)
    static func during<R, E: Error>(module: UInt32, _ number: UInt32, _ body: () throws(E) -> R) throws(E) -> R {
        let activity = theWorkerIfAny?.pointee.activity ?? ofLeader
        let (outer, outerHook) = (activity.pointee.module, activity.pointee.hook)
        activity.pointee.module = module
        activity.pointee.hook = number
        defer {
            activity.pointee.module = outer
            activity.pointee.hook = outerHook
        }
        return try body()
    }

    /// Runs a callback on a thread of the blocking pool.
    static func onPool<R>(_ module: UInt32, _ hook: UInt32, _ request: Request.Ref?, _ body: () -> R) -> R {
        guard let activity = cs_crash_activity() else { return body() }
        activity.pointee = cs_activity(module: module, hook: hook, request: request.map { UnsafeRawPointer($0) })
        defer { activity.pointee = cs_activity() }
        return body()
    }
}
