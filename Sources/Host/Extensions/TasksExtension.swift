import ByteKit
import ModuleABI

/// apus/tasks.h
enum TasksExtension {
    static let table = apus_tasks_v1(
        size: Extensions.size(apus_tasks_v1.self), reserved: 0,
        suspend: { r, onCancel, ctx, out in
            guard let out else { return APUS_E_INVALID }
            let r = Request.Ref.of(r)
            guard mayTheHookSuspend(r) else { return APUS_E_UNSUPPORTED }
            out.pointee = Tasks.suspend(r, onCancel, ctx)
            return APUS_OK
        },
        resume: { task, status in Tasks.resume(task, status) },
        run_blocking: { task, fn, ctx in
            guard let fn else { return APUS_E_INVALID }
            Tasks.runBlocking(task, fn, ctx)
            return APUS_OK
        },
        post: { token, fn, ctx in
            guard let fn else { return APUS_E_INVALID }
            guard theWorkerIfAny != nil else { return APUS_E_THREAD }
            if token != 0, Worker.isLoopThread, theWorker.pointee.loop.connection(token) == nil { return APUS_E_STALE }
            nonisolated(unsafe) let ctx = ctx
            let callback = Activity.later(.posted)
            theWorker.pointee.loop.call {
                guard let conn = theWorker.pointee.loop.connection(token) else { return Activity.during(callback) { fn(ctx, nil) } }
                Turn.run(conn) { Activity.during(callback) { fn(ctx, conn.handle) } }
            }
            return APUS_OK
        },
        timer: { c, us, fn, ctx, out in
            guard let fn else { return APUS_E_INVALID }
            let conn = c.map { Connection.Ref($0) }
            if let conn, !conn.pointee.isInLoop { theWorker.pointee.loop.add(conn) }
            let deadline = Clock.now() + Int64(min(us, 1 << 50))
            let timer = TimerQueue.Timer(
                deadline: deadline, token: conn?.token ?? 0, fn: fn, ctx: ctx, callback: Activity.later(.timer))
            let id = theWorker.pointee.loop.addTimer(timer)
            out?.pointee = id
            return APUS_OK
        },
        cancel_timer: { id in theWorker.pointee.loop.cancelTimer(id) },
        watch: { fd, mask, fn, ctx in
            guard let fn else { return APUS_E_INVALID }
            return theWorker.pointee.loop.watch(fd, mask, Watch(fn: fn, ctx: ctx, callback: Activity.later(.watch))) ? APUS_OK : APUS_E_INVALID
        },
        unwatch: { fd in theWorker.pointee.loop.unwatch(fd) },
        extend: { r, us in
            let conn = Request.Ref.of(r).pointee.conn
            theWorker.pointee.timers.set(conn, theWorker.pointee.now + Int64(min(us, 1 << 50)))
        })

    /// Whether the link that is running, or that waited, was registered MAY_SUSPEND.
    private static func mayTheHookSuspend(_ r: Request.Ref) -> Bool {
        guard r.pointee.suspension.ending != .final else { return false }
        guard r.pointee.main == nil || r.pointee.sink != nil else { return false }
        let hook = theWorker.pointee.phases[r.pointee.step]
        guard r.pointee.link > 0, let link = hook.pointee.links?[r.pointee.link - 1] else { return false }
        return link.flags & APUS_HOOK_MAY_SUSPEND != 0
    }
}
