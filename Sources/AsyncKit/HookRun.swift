import Glibc
import ModuleKit
import _Concurrency

/// One async hook at work on one request: its task, and the executor that runs the task on the loop.
///
/// Swift's own threads are never started by it: every job of the task, and of the tasks in it, comes to `enqueue`, and runs in a
/// turn of the request's connection.
final class HookRun: TaskExecutor, @unchecked Sendable {
    private let request: Request
    private let connection: apus_token
    private let body: AsyncRequestHook
    private var task: Task<Void, Never>?
    private var suspension: SuspendedTask?
    /// Keeps the memory of the request that was given up, while the task still runs.
    private var hold: SuspendedTask?
    private var answer: Status?
    private var isRunning = false

    /// Jobs that are ready. From any thread, under the lock.
    private var jobs: [UnownedJob] = []
    /// Whether somebody will look at `jobs`.
    private var isTurnDue = true
    /// The request's memory went though the task still runs: what is left of it never does.
    private var isAbandoned = false
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

    private init(_ request: Request, _ body: @escaping AsyncRequestHook) {
        self.request = request
        self.body = body
        connection = request.connection.token
        pthread_mutex_init(lock, nil)
    }

    deinit {
        pthread_mutex_destroy(lock)
        lock.deallocate()
    }

    /// Runs the hook up to its first wait, or its end.
    static func begin(_ request: Request, _ body: @escaping AsyncRequestHook) -> Status {
        let run = HookRun(request, body)
        run.task = Task(executorPreference: run) { await run.perform() }
        run.work()
        if let answer = run.answer { return answer }
        do {
            run.suspension = try request.suspend { run.giveUp() }
            return .suspended
        } catch {
            run.giveUp()
            return request.failed(ModuleError("an async hook waits where a request cannot: \(error)"))
        }
    }

    private func perform() async {
        do {
            answer = try await body(request)
        } catch is CancellationError where Task.isCancelled {
            answer = .failed
        } catch {
            answer = request.failed(error)
        }
    }

    // MARK: Jobs

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        guard add(job) else { return }
        // On the loop's thread it is known at once that the connection has gone: the task has to come to its end all the same.
        if !Loop.enter(connection, work) { _ = try? Loop.after(microseconds: 0, work) }
    }

    /// - Returns: whether a turn has to be asked for.
    private func add(_ job: UnownedJob) -> Bool {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        jobs.append(job)
        defer { isTurnDue = true }
        return !isTurnDue && !isAbandoned
    }

    private func next() -> UnownedJob? {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        guard !jobs.isEmpty, !isAbandoned else {
            isTurnDue = false
            return nil
        }
        return jobs.removeFirst()
    }

    /// Runs what is ready. On the loop.
    private func work() {
        guard !isRunning else { return }
        isRunning = true
        while let job = next() { job.runSynchronously(on: asUnownedTaskExecutor()) }
        isRunning = false
        guard let answer else { return }
        task = nil
        suspension?.resume(answer)
        hold?.resume(answer)
        (suspension, hold) = (nil, nil)
    }

    // MARK: The end of the request

    /// Nobody waits for the answer any more: the hook ends at once where it can.
    private func giveUp() {
        suspension = nil
        task?.cancel()
        work()
        guard answer == nil else { return }
        hold = try? request.suspend()
        guard hold == nil else { return }
        pthread_mutex_lock(lock)
        isAbandoned = true
        pthread_mutex_unlock(lock)
    }
}
