import Glibc
import ModuleKit

/// The exchange with a program: hands it the request body, takes its answer, and copies what it says beside it to the
/// error log. All on the loop, as the pipes and the client are ready.
final class ScriptExchange {
    private let request: Request
    private let process: ChildProcess
    private let log: ScriptLog
    private let isRaw: Bool
    private let incoming: Chain
    private let outgoing: Chain
    private var task: SuspendedTask?

    private var outputWatch: DescriptorWatch?
    private var inputWatch: DescriptorWatch?
    private var errorWatch: DescriptorWatch?
    private var silence: SilenceTimer?

    private var head = ScriptHead()
    private var headText: [UInt8] = []
    private var hasHead = false
    private var bodyIsRead = false
    private var isOver = false
    private var errorLine = LineCollector()
    private var keptErrors: [UInt8] = []
    private var keptBody: [UInt8] = []

    private static let readSize = 32 << 10

    init(_ request: Request, _ host: Host, _ process: ChildProcess, _ log: ScriptLog) {
        self.request = request
        self.process = process
        self.log = log
        isRaw = ScriptRules.isRaw(request)
        incoming = Chain(in: request.pool)
        outgoing = Chain(in: request.pool)
    }

    func begin() throws -> Status {
        task = try request.suspend { self.cancel() }
        // The program's pipes are this object's only owners until the end.
        outputWatch = try DescriptorWatch(process.output, APUS_FD_READ, for: request.connection) { self.readOutput() }
        errorWatch = try DescriptorWatch(process.errors, APUS_FD_READ, for: request.connection) { self.readErrors() }
        startTimer()
        feed()
        return .suspended
    }

    // MARK: The request body

    private func feed() {
        guard !isOver, process.input >= 0 else { return }
        while true {
            guard writeInput() else { return }
            if bodyIsRead { return process.closeInput() }
            switch request.read(into: incoming) {
            case .ok: silence?.touch()
            case .again: return request.when(APUS_WANT_READ) { _ in self.feed() }
            case let status where status.rawValue >= 400: return fail(status)
            default: return process.closeInput()
            }
        }
    }

    /// Writes what has been read. False: the program takes no more for now, or at all.
    private func writeInput() -> Bool {
        while let segment = incoming.first {
            guard segment.kind == APUS_SEG_DATA else {
                if segment.kind == APUS_SEG_END { bodyIsRead = true }
                incoming.dropFirst()
                continue
            }
            let count = write(process.input, segment.data.ptr, segment.data.count)
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN {
                waitForInput()
                return false
            }
            // A program that does not want the body is no failure.
            guard count >= 0 else {
                process.closeInput()
                return false
            }
            keep(segment.data.upTo(count))
            incoming.drop(count == segment.data.count ? .max : count)
        }
        return true
    }

    private func keep(_ bytes: Bytes) {
        let room = log.bodyLimit - keptBody.count
        if room > 0 { keptBody.append(contentsOf: bytes.buffer.prefix(room)) }
    }

    private func waitForInput() {
        guard inputWatch == nil else { return }
        inputWatch = try? DescriptorWatch(process.input, APUS_FD_WRITE, for: request.connection) {
            self.inputWatch?.stop()
            self.inputWatch = nil
            self.feed()
        }
    }

    // MARK: The answer

    private func readOutput() {
        guard !isOver else { return }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.readSize) { room in
            let count = read(process.output, room.baseAddress, room.count)
            if count < 0, errno == EAGAIN || errno == EINTR { return }
            silence?.touch()
            guard count > 0 else { return finish() }
            take(Bytes(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(room)[..<count])))
        }
    }

    private func take(_ bytes: Bytes) {
        guard !hasHead else {
            outgoing.append(bytes)
            return send()
        }
        headText.append(contentsOf: bytes.buffer)
        guard headText.withUnsafeBytes({ head.isReady(Bytes($0)) }) else { return }
        let text = headText.withUnsafeBytes { request.pool.copy(Bytes($0)) }
        switch head.read(text, isRaw: isRaw) {
        case .more: return
        case .malformed(let reason):
            return end(log.refuse(500, "AH02429", "the program's answer has no sound head: \(reason)"), isFailure: true)
        case .done(let count):
            hasHead = true
            headText = []
            guard apply() else { return }
            if count < text.count { outgoing.append(text.from(count)) }
            send()
        }
    }

    /// Sends what the program has said so far, at once: it may be all for a long time.
    private func send() {
        if outgoing.isEmpty { return }
        outgoing.appendFlush()
        switch request.write(outgoing) {
        case .ok: return
        case .again:
            outputWatch?.stop()
            outputWatch = nil
            request.when(APUS_WANT_WRITE) { _ in self.goOnReading() }
        default: end(.ok, isFailure: false)
        }
    }

    private func goOnReading() {
        guard !isOver, outputWatch == nil, process.output >= 0 else { return }
        outputWatch = try? DescriptorWatch(process.output, APUS_FD_READ, for: request.connection) { self.readOutput() }
        if outputWatch == nil { end(.failed, isFailure: false) }
    }

    /// Makes the head the request's. False: the answer is another request's, or only a status.
    private func apply() -> Bool {
        // The page for an error leads nowhere else.
        if let location = head["Location"], head.status == 0 || head.status == 200, !isRaw, request.status == 200 {
            if location.hasPrefix("/") {
                // Cookies and other fields of its own go with the answer that it leads to.
                head.copy(to: request)
                redirect(to: location)
                return false
            }
            request.headersOut["Location"] = location
            // A program that says nothing of the status means this one; its body goes to waste.
            if head.status == 0 || head.status == 200 {
                head.copy(to: request)
                end(.status(302), isFailure: false)
                return false
            }
        }
        if let verdict = head.apply(to: request) {
            end(verdict, isFailure: false)
            return false
        }
        return true
    }

    private func redirect(to location: Bytes) {
        stopWatching()
        process.release()
        isOver = true
        // What this program was told, the next request hears of as REDIRECT_…
        let environment = request.environment
        request.eachCGIVariable { environment[$0] = $1 }
        // The program has had the body, and the method was for it (RFC 3875, 6.2.2).
        if request.method != "HEAD" { request.set(APUS_R_METHOD, Bytes("GET")) }
        request.headersIn["Content-Length"] = nil
        do {
            let outcome = try request.internalRedirect(request.pool.copy(location))
            task?.resume(outcome)
        } catch {
            task?.resume(.status(500))
        }
    }

    // MARK: What it says beside

    /// False: nothing is there for now, or ever.
    @discardableResult
    private func readErrors() -> Bool {
        guard process.errors >= 0 else { return false }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 8192) { room in
            let count = read(process.errors, room.baseAddress, room.count)
            if count < 0, errno == EAGAIN || errno == EINTR { return false }
            guard count > 0 else {
                endErrors()
                return false
            }
            takeErrors(Bytes(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(room)[..<count])))
            return true
        }
    }

    private func takeErrors(_ bytes: Bytes) {
        if keptErrors.count < 4096 { keptErrors.append(contentsOf: bytes.buffer.prefix(4096 - keptErrors.count)) }
        errorLine.take(bytes) { log.errorLine($0) }
    }

    private func flushErrorLine() { errorLine.end { log.errorLine($0) } }

    private func endErrors() {
        errorWatch?.stop()
        errorWatch = nil
        process.closeErrors()
        flushErrorLine()
    }

    /// What is in the pipe already.
    private func drainErrors() {
        while process.errors >= 0, errorWatch != nil {
            if !readErrors() { break }
        }
        flushErrorLine()
    }

    // MARK: Ends

    private func startTimer() {
        let conf = request.confPointer(ScriptDirConf.self)
        let time = conf.pointee.timeout > 0 ? conf.pointee.timeout : request.server.timeoutMicroseconds
        silence = SilenceTimer(for: request, microseconds: UInt64(time)) { [weak self] in self?.wasSilent() }
    }

    private func wasSilent() {
        guard !isOver else { return }
        let status = log.refuse(504, "AH01220", "the program said nothing for too long")
        process.end()
        end(hasHead ? .failed : status, isFailure: true)
    }

    private func finish() {
        drainErrors()
        guard hasHead else {
            let what = headText.isEmpty ? "it said nothing" : "it ended before its empty line"
            return end(log.refuse(500, "AH02428", "the program's answer has no head: \(what)"), isFailure: true)
        }
        end(.ok, isFailure: false)
    }

    private func fail(_ status: Status) {
        process.end()
        end(status, isFailure: false)
    }

    private func end(_ status: Status, isFailure: Bool) {
        guard !isOver else { return }
        isOver = true
        if isFailure {
            drainErrors()
            let output = headText.withUnsafeBytes { $0.isEmpty ? Bytes.none : request.pool.copy(Bytes($0)) }
            log.story(status.rawValue, body: keptBody, output: output, errors: keptErrors)
        }
        stopWatching()
        process.release()
        task?.resume(status)
    }

    private func cancel() {
        isOver = true
        stopWatching()
        process.end()
    }

    private func stopWatching() {
        silence?.stop()
        silence = nil
        for watch in [outputWatch, inputWatch, errorWatch] { watch?.stop() }
        (outputWatch, inputWatch, errorWatch) = (nil, nil, nil)
    }
}
