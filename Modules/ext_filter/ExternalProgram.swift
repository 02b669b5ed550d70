import CGIScripts
import ModuleKit

/// A body on its way through a program: what has not been given to it, and what it has said.
final class ExternalProgram {
    enum Outcome {
        /// It has said something, which stands in `out`.
        case some
        /// It says nothing more before it is given more.
        case wantsMore
        /// It has not taken all, or has been given all and is not done.
        case busy
        case end
        case failed(String)
        /// It could not be started; nothing has been given to it.
        case notStarted(String)
    }

    private let definition: ExternalDefinition
    private let request: Request
    private let program: PipedProgram
    /// What has come for it.
    let waiting: Chain
    let out: Chain
    /// The rest of a piece that it has not taken.
    private var rest: [UInt8] = []
    private var restStart = 0
    private(set) var hasAll = false
    private var isUnreadable = false
    private var wantsFlush = false

    init(_ definition: ExternalDefinition, _ filter: Filter, wake: @escaping () -> Void) throws {
        self.definition = definition
        request = filter.request
        waiting = Chain(in: request.pool)
        out = Chain(in: request.pool)
        let words = definition.command.map { filter.request.pool.copy($0) }
        let plan = ProgramPlan(words[0], words, in: Bytes("/"), Self.environment(filter.request), limitsOf: filter.request)
        let logs = filter.request.confPointer(ExternalOptions.self).pointee.logsErrors == true
        let (log, request) = (Log(host: filter.host), request)
        program = try PipedProgram(
            plan, for: request,
            log: logs ? { log.write(.error, code: "AH01467", request: request, "\(definition.name): \($0.string)") } : nil,
            wake: wake)
    }

    /// What CGI programs are told, and what documents with elements know of themselves.
    private static func environment(_ request: Request) -> ProgramEnvironment {
        let environment = ProgramEnvironment(of: request)
        environment.append(Bytes("DOCUMENT_URI"), request.path)
        environment.append(Bytes("DOCUMENT_PATH_INFO"), request.pathInfo.isSet ? request.pathInfo : Bytes(""))
        let query = request.query
        if query.isSet, let plain = request.pool.percentDecoded(query) {
            environment.append(Bytes("QUERY_STRING_UNESCAPED"), plain.shellSafe(in: request.pool))
        }
        return environment
    }

    func work() -> Outcome {
        guard program.isSettled else { return .busy }
        if let failure = program.failure { return .notStarted(failure) }
        let gaveAll = give()
        if isUnreadable { return .failed("the body cannot be read") }
        switch program.read(into: out) {
        case .some: return .some
        case .wait: return gaveAll && !hasAll ? .wantsMore : .busy
        case .end:
            program.release()
            return .end
        case .failed: return .failed("\(definition.command[0]) said nothing for too long")
        }
    }

    /// Gives it what has come. False: it takes no more for now.
    private func give() -> Bool {
        while true {
            guard rest.isEmpty else {
                restStart += rest.withUnsafeBytes { program.write(Bytes($0).from(restStart)) }
                guard restStart == rest.count else { return false }
                (rest, restStart) = ([], 0)
                continue
            }
            if waiting.isEmpty { return true }
            waiting.takePieces { piece in
                switch piece {
                case .data(let bytes):
                    let taken = program.write(bytes)
                    if taken < bytes.count { rest = Array(bytes.from(taken).buffer) }
                    return rest.isEmpty
                case .flush: wantsFlush = true
                case .end:
                    hasAll = true
                    program.closeInput()
                case .unreadable:
                    isUnreadable = true
                    return false
                }
                return true
            }
            if isUnreadable { return true }
        }
    }

    /// Whether it has taken all that has come, and more is to come.
    var isIdle: Bool { program.isSettled && rest.isEmpty && waiting.isEmpty && !hasAll }

    /// Whether what it has said is to be sent at once; asked once.
    func takeFlush() -> Bool {
        defer { wantsFlush = false }
        return wantsFlush
    }

    /// What comes from now on goes to waste: it has ended before the body did.
    func dropInput() {
        rest = []
        waiting.takePieces { piece in
            if case .end = piece { hasAll = true }
            return true
        }
    }

    func end() { program.end() }
}
