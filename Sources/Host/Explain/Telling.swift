import ByteKit
import ModuleABI

/// Whether what happens to a request is told, and to whom.
enum Telling: UInt8, BitwiseCopyable {
    /// To nobody, as nearly always.
    case silent
    /// To who asks `apus explain`: only hooks without side effects run, and no handler but the host's own.
    case explained
    /// The same for who wants no answer: it ends before the handlers. See DryRun.
    case rehearsed
    /// To the error log, for a client that signed its request with DebugTraceSecret. Everything runs as ever.
    case traced
}

extension Telling {
    /// Tells something about a request that is told.
    static func tell(_ r: Request.Ref, _ event: Explanation.Event) {
        switch r.pointee.telling {
        case .silent: break
        case .explained, .rehearsed: Explanation.current?.add(event, depth: Int(r.pointee.nesting))
        case .traced: ErrorLog.write(.info, code: "APUS1501", request: r, "trace: \(event.line)")
        }
    }

    /// A request sets out, at first, in another's place or on another's behalf.
    static func begin(_ r: Request.Ref, _ kind: Explanation.Kind) {
        guard r.pointee.telling != .silent else { return }
        // What a sub-request is asked for by may be relative, or the name of a file alone.
        let path = r.pointee.path.isEmpty ? r.pointee.filename : r.pointee.path
        tell(r, .begins(kind, method: r.pointee.method.string, target: (kind == .subrequest ? path : r.pointee.target).string))
        if kind == .initial { tell(r, .server(ChosenServer(r))) }
    }

    /// The hook that waited has its answer.
    static func noteResumed(_ r: Request.Ref, _ status: apus_status) {
        let hook = theWorker.pointee.phases[r.pointee.step]
        let index = r.pointee.link - 1
        guard index >= 0, index < hook.pointee.count, let link = hook.pointee.links?[index] else { return }
        tell(r, .hook(phase: r.pointee.step.hook.name, module: Runtime.nameOfModule(link.callback.module), verdict: .answered(status)))
    }

    /// The sections whose settings are merged for a request now.
    static func note(_ sections: UnsafeBufferPointer<UnsafePointer<Section>>, of r: Request.Ref) {
        tell(r, .sections(sections.map { SectionUse($0.pointee) }))
    }
}

extension Phases {
    /// Runs the links of one hook from where a told request stands, and tells what each of them says.
    @inline(never)
    static func tellStep(_ r: Request.Ref, _ step: Step, _ hook: UnsafeMutablePointer<FrozenHook>) -> apus_status {
        if step == .handler, r.pointee.link == 0 { Telling.tell(r, .facts(RequestFacts(r))) }
        if step == .handler, r.pointee.telling == .explained { return explainHandler(r, hook) }
        let isFirst = hook.pointee.kind == RunKind.first.rawValue
        while r.pointee.link < hook.pointee.count, let link = hook.pointee.links?[r.pointee.link] {
            r.pointee.link &+= 1
            let module = Runtime.nameOfModule(link.callback.module)
            guard r.pointee.telling == .traced || link.flags & APUS_HOOK_EXPLAINABLE != 0 else {
                Telling.tell(r, .hook(phase: step.hook.name, module: module, verdict: .notRun))
                continue
            }
            Telling.tell(r, .entered(phase: step.hook.name, module: module))
            let status = call(link, r)
            let isVoid = hook.pointee.kind == RunKind.void.rawValue
            Telling.tell(r, .hook(phase: step.hook.name, module: module, verdict: isVoid ? .done : .answered(status)))
            if isVoid || status == APUS_DECLINED { continue }
            if status == APUS_AGAIN {
                r.pointee.link &-= 1
                continue
            }
            if status == APUS_OK, !isFirst { continue }
            return status
        }
        return isFirst ? APUS_DECLINED : APUS_OK
    }

    /// No handler runs but those that only lead to another request, and the host's own, when no handler by name would be
    /// asked before it.
    private static func explainHandler(_ r: Request.Ref, _ hook: UnsafeMutablePointer<FrozenHook>) -> apus_status {
        let isNamed = !r.pointee.handler.isEmpty && r.pointee.handler != "default-handler"
        for index in 0..<hook.pointee.count {
            guard let link = hook.pointee.links?[index] else { break }
            let module = link.callback.module
            let (phase, name) = (Step.handler.hook.name, Runtime.nameOfModule(module))
            if link.flags & APUS_HOOK_EXPLAINABLE == 0 {
                Telling.tell(r, .hook(phase: phase, module: name, verdict: .notRun))
            } else if module == 0, isNamed {
                Telling.tell(r, .answersUnknown(handler: r.pointee.handler.string))
                return APUS_OK
            } else {
                Telling.tell(r, .entered(phase: phase, module: name))
                let status = call(link, r)
                Telling.tell(r, .hook(phase: phase, module: name, verdict: .answered(status)))
                if status != APUS_DECLINED { return status }
            }
        }
        return APUS_DECLINED
    }
}

extension Runtime {
    /// As LoadModule says it.
    static func nameOfModule(_ index: Int) -> String {
        guard let modules = current?.modules, modules.indices.contains(index) else { return "?" }
        return modules[index].name
    }
}
