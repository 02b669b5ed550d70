import Glibc
import ModuleKit

/// What the processes share that use a file of a database which knows nothing of them: a lock around every use, and whether the
/// file is to be trusted. It outlives reloads, for the generations before and after use the file at once.
struct SharedFile: @unchecked Sendable {
    private static let suspicionOffset = 64
    static let bytes = 128

    private let base: UnsafeMutableRawPointer

    init(_ host: Host, path: String) throws {
        var path = path
        let label = path.withUTF8 { Bytes(UnsafeRawBufferPointer($0)).hashed }
        let (memory, isInherited) = try host.lastingMemory("dbm \(String(label, radix: 36))", bytes: SharedFile.bytes)
        base = memory.baseAddress.unsafelyUnwrapped
        if !isInherited { _ = try SharedMutex(at: base) }
    }

    private var suspicion: UnsafeMutablePointer<Int64> {
        (base + SharedFile.suspicionOffset).assumingMemoryBound(to: Int64.self)
    }

    /// The leader has looked at the file: it can be used again.
    func trust() { publish(0, at: suspicion) }

    /// Runs `body` while nobody else uses the file. When somebody died doing so, the file may be half changed, and nobody but
    /// the leader's child that examines it touches it again.
    func alone<R>(examining: Bool = false, _ body: () throws(EngineProblem) -> R) throws(EngineProblem) -> R {
        let lock = SharedMutex(madeAt: base)
        if lock.lock() { publish(1, at: suspicion) }
        defer { lock.unlock() }
        guard examining || suspicion.pointee == 0 else {
            throw EngineProblem(isDamage: true, code: 0, text: "a process died while it used the file, which is looked at now")
        }
        return try body()
    }
}
