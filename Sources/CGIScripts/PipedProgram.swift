import Glibc
public import ModuleKit

/// A program that a filter works with: bytes go in and come out as the pipes take and give them, all on the loop.
///
/// `wake` is called in a turn of the connection whenever there may be something to do: it has been started or could not be,
/// takes more, has said something, or is to be given up.
public final class PipedProgram {
    public enum Output {
        /// Appended to the chain.
        case some
        /// Nothing for now: `wake` will be called.
        case wait
        case end
        /// It was silent for longer than Timeout, or could not be started.
        case failed
    }

    private let process: ChildProcess
    private let request: Request
    private let log: ((Bytes) -> Void)?
    private let wake: () -> Void

    private var outputWatch: DescriptorWatch?
    private var inputWatch: DescriptorWatch?
    private var errorWatch: DescriptorWatch?
    private var silence: SilenceTimer?
    private var errorLine = LineCollector()

    /// Whether it has been started, or could not be.
    public private(set) var isSettled = false
    /// Whether it is given up because it said nothing for too long.
    private var wasTooSilent = false

    private static let readSize = 32 << 10

    /// - Parameter log: takes each line that it says beside its output; nil: nobody does.
    public init(
        _ plan: ProgramPlan, for request: Request, log: ((Bytes) -> Void)?, wake: @escaping () -> Void
    ) throws {
        process = try ChildProcess(plan)
        self.request = request
        self.log = log
        self.wake = wake
        errorWatch = try DescriptorWatch(process.errors, APUS_FD_READ, for: request.connection) { [weak self] in
            self?.readErrors()
        }
        silence = SilenceTimer(for: request, microseconds: UInt64(request.server.timeoutMicroseconds)) { [weak self] in
            self?.wasTooSilent = true
            self?.wake()
        }
        let process = process
        request.connection.onPool({ _ = process.spawn() }, then: { [weak self] in
            self?.isSettled = true
            self?.wake()
        })
    }

    deinit { end() }

    /// Why it could not be started.
    public var failure: String? { isSettled && process.failure != 0 ? process.failureText : nil }

    // MARK: What it gets

    /// Hands it bytes. The number of those it took: fewer than all, and it takes no more until `wake` is called.
    /// A program that wants no more takes all.
    public func write(_ bytes: Bytes) -> Int {
        var taken = 0
        while process.input >= 0, taken < bytes.count {
            let rest = bytes.from(taken)
            let count = Glibc.write(process.input, rest.ptr, rest.count)
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN {
                waitForInput()
                return taken
            }
            guard count >= 0 else {
                closeInput()
                break
            }
            taken += count
            silence?.touch()
        }
        return bytes.count
    }

    private func waitForInput() {
        guard inputWatch == nil else { return }
        inputWatch = try? DescriptorWatch(process.input, APUS_FD_WRITE, for: request.connection) { [weak self] in
            self?.inputWatch?.stop()
            self?.inputWatch = nil
            self?.wake()
        }
    }

    public func closeInput() {
        inputWatch?.stop()
        inputWatch = nil
        process.closeInput()
    }

    // MARK: What it says

    /// Reads once.
    public func read(into chain: Chain) -> Output {
        guard !wasTooSilent, failure == nil else { return .failed }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.readSize) { room in
            while true {
                let count = Glibc.read(process.output, room.baseAddress, room.count)
                if count < 0, errno == EINTR { continue }
                if count < 0, errno == EAGAIN {
                    waitForOutput()
                    return .wait
                }
                // Nothing was there to read: whether there was a program is not known yet.
                if count <= 0, !isSettled { return .wait }
                guard count > 0 else { return .end }
                silence?.touch()
                chain.append(Bytes(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(room)[..<count])))
                return .some
            }
        }
    }

    private func waitForOutput() {
        guard outputWatch == nil else { return }
        outputWatch = try? DescriptorWatch(process.output, APUS_FD_READ, for: request.connection) { [weak self] in
            // Whoever is woken may not want to read yet.
            self?.outputWatch?.stop()
            self?.outputWatch = nil
            self?.wake()
        }
    }

    private func readErrors() {
        guard process.errors >= 0 else { return }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 8192) { room in
            let count = Glibc.read(process.errors, room.baseAddress, room.count)
            if count < 0, errno == EAGAIN || errno == EINTR { return }
            let bytes = Bytes(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(room)[..<max(0, count)]))
            if let log { errorLine.take(bytes, log) }
            guard count <= 0 else { return }
            endErrors()
        }
    }

    private func endErrors() {
        errorWatch?.stop()
        errorWatch = nil
        process.closeErrors()
        if let log { errorLine.end(log) }
    }

    // MARK: Ends

    /// Its output has ended: it may go on by itself.
    public func release() {
        readErrors()
        stop()
        process.release()
    }

    /// Nobody wants it any more.
    public func end() {
        stop()
        process.end()
    }

    private func stop() {
        silence?.stop()
        silence = nil
        if let log { errorLine.end(log) }
        for watch in [outputWatch, inputWatch, errorWatch] { watch?.stop() }
        (outputWatch, inputWatch, errorWatch) = (nil, nil, nil)
    }
}

/// Lines out of what comes in pieces; very long ones in parts.
struct LineCollector {
    private var line: [UInt8] = []
    private static let limit = 8192

    mutating func take(_ bytes: Bytes, _ whole: (Bytes) -> Void) {
        for byte in bytes.buffer {
            if byte == UInt8(ascii: "\n") || line.count >= Self.limit { end(whole) }
            if byte != UInt8(ascii: "\n") { line.append(byte) }
        }
    }

    /// What there is of a line counts as one.
    mutating func end(_ whole: (Bytes) -> Void) {
        if !line.isEmpty { line.withUnsafeBytes { whole(Bytes($0)) } }
        line.removeAll(keepingCapacity: true)
    }
}
