import ModuleKit

/// A program on the way out.
final class ExternalOutput: OutputFilterBody {
    private let definition: ExternalDefinition
    private var program: ExternalProgram?
    private var hasEnded = false

    init?(_ definition: ExternalDefinition, _ filter: Filter) { self.definition = definition }

    func prepare(_ filter: Filter) -> Bool {
        let request = filter.request
        guard definition.isMeant(for: request) else { return false }
        do {
            program = try ExternalProgram(definition, filter, wake: { filter.resume() })
        } catch {
            Log(host: filter.host).error("the filter \(definition.name) cannot be run: \(error)", request: request)
            // Without a program, `process` ends the answer.
            return request.confPointer(ExternalOptions.self).pointee.isLeftOutOnFailure != true
        }
        if let type = definition.outputType { request.contentType = request.pool.copy(type) }
        if !definition.keepsLength { request.headersOut["Content-Length"] = nil }
        return true
    }

    func process(_ chain: Chain, _ filter: Filter) -> Status {
        guard let program else { return .failed }
        program.waiting.take(chain)
        if hasEnded { return finish(program, filter) }
        while true {
            switch program.work() {
            case .some:
                let status = filter.pass(program.out)
                if status.rawValue < 0 || status == .suspended { return status }
                guard status == .again else { continue }
                filter.resume()
                return .again
            case .wantsMore, .busy: return wait(program, filter)
            case .end:
                hasEnded = true
                return finish(program, filter)
            case .notStarted(let reason): return fail(reason, filter)
            case .failed(let reason):
                Log(host: filter.host).write(.error, code: "AH01461", request: filter.request, "\(definition.name): \(reason)")
                return .failed
            }
        }
    }

    private func wait(_ program: ExternalProgram, _ filter: Filter) -> Status {
        if program.takeFlush() {
            program.out.appendFlush()
            let status = filter.pass(program.out)
            if status.rawValue < 0 { return status }
        }
        return program.isIdle ? .ok : .suspended
    }

    /// The program has said all; the body may not be over yet.
    private func finish(_ program: ExternalProgram, _ filter: Filter) -> Status {
        program.dropInput()
        if program.hasAll { program.out.appendEnd() }
        return program.out.isEmpty ? .ok : filter.pass(program.out)
    }

    /// The program is not there, or may not be run.
    private func fail(_ reason: String, _ filter: Filter) -> Status {
        let request = filter.request
        Log(host: filter.host).write(
            .error, code: "AH01458", request: request, "\(definition.name): \(definition.command[0]) cannot be started: \(reason)")
        guard request.confPointer(ExternalOptions.self).pointee.isLeftOutOnFailure == true, let program else { return .failed }
        filter.remove()
        return filter.pass(program.waiting)
    }

    func end(_ filter: Filter) {
        program?.end()
        program = nil
    }
}

/// A program on the way in.
final class ExternalInput: InputFilterBody {
    private let definition: ExternalDefinition
    private var program: ExternalProgram?
    /// The program was left out.
    private var isLeftOut = false
    private var hasEnded = false

    init?(_ definition: ExternalDefinition, _ filter: Filter) {
        guard definition.isMeant(for: filter.request) else { return nil }
        self.definition = definition
        if !definition.keepsLength { filter.request.headersIn["Content-Length"] = nil }
    }

    func fill(_ chain: Chain, max: Int, _ filter: Filter) -> Status {
        if isLeftOut { return filter.pull(max, into: chain) }
        guard let program = program ?? start(filter) else { return isLeftOut ? filter.pull(max, into: chain) : .failed }
        while true {
            if hasEnded {
                chain.appendEnd()
                return .ok
            }
            switch program.work() {
            case .some:
                chain.take(program.out)
                return .ok
            case .wantsMore:
                let status = filter.pull(max, into: program.waiting)
                guard status == .ok else { return status }
            case .busy: return .again
            case .end: hasEnded = true
            case .failed(let reason):
                Log(host: filter.host).write(.error, code: "AH01461", request: filter.request, "\(definition.name): \(reason)")
                return .failed
            case .notStarted(let reason):
                log(reason, filter)
                guard isLeftOutOnFailure(filter) else { return .failed }
                isLeftOut = true
                return filter.pull(max, into: chain)
            }
        }
    }

    private func start(_ filter: Filter) -> ExternalProgram? {
        do {
            program = try ExternalProgram(definition, filter, wake: { filter.resume() })
        } catch {
            log("\(error)", filter)
            isLeftOut = isLeftOutOnFailure(filter)
        }
        return program
    }

    private func log(_ reason: String, _ filter: Filter) {
        Log(host: filter.host).write(
            .error, code: "AH01458", request: filter.request,
            "\(definition.name): \(definition.command[0]) cannot be started: \(reason)")
    }

    private func isLeftOutOnFailure(_ filter: Filter) -> Bool {
        filter.request.confPointer(ExternalOptions.self).pointee.isLeftOutOnFailure == true
    }

    func end(_ filter: Filter) {
        program?.end()
        program = nil
    }
}
