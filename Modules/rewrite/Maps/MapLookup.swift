import ModuleKit

extension RewriteProcess {
    /// What a map has for a key; nil: nothing, or there is no such map. Lives as long as the request.
    func look(up key: Bytes, inMapNamed name: Bytes, for run: Run) throws -> Bytes? {
        let maps = run.request.serverConf(RewriteServerConf.self).pointee.maps
        guard let map = maps.elements.first(where: { $0.name == name }) else { return nil }
        let value: Bytes?
        var kind = ""
        switch map.source {
        case .function(let function): value = function.apply(to: key, in: run.pool)
        case .file(let file, let picksAtRandom):
            value = find(key, in: file, run).map { picksAtRandom ? pick(from: $0, run) : $0 }
            kind = file.pointee.format == .text ? "[txt]" : "[dbm]"
        case .program(let program): value = try ask(program, key, map, run)
        }
        if let value {
            run.trace.line(
                5, "map lookup OK: map=\(name.string)\(kind) key=\(key.string) -> val=\(value.string)")
        } else {
            run.trace.line(5, "map lookup FAILED: map=\(name.string)\(kind) key=\(key.string)")
        }
        return value
    }

    /// Empty values behave as if the key was absent.
    private func find(_ key: Bytes, in map: FileMap.Ref, _ run: Run) -> Bytes? {
        do throws(FileMap.Problem) {
            guard let value = try map.pointee.value(of: key), !value.isEmpty else { return nil }
            return run.pool.copy(value)
        } catch {
            let isText = map.pointee.format == .text
            let code: StaticString = error == .cannotLook ? (isText ? "AH00661" : "AH00662") : isText ? "AH00655" : "AH00656"
            log.write(
                .error, code: code, request: run.request,
                "mod_rewrite: can't \(error == .cannotLook ? "access" : "open") \(isText ? "text" : "DBM") RewriteMap file"
                    + " \(map.pointee.path.string)")
            return nil
        }
    }

    /// One of the values that bars divide.
    private func pick(from values: Bytes, _ run: Run) -> Bytes {
        let bar = UInt8(ascii: "|")
        let count = values.buffer.reduce(into: 1) { if $1 == bar { $0 += 1 } }
        guard count > 1 else { return values }
        var rest = values
        for _ in 0..<Int.random(in: 0..<count) { rest = rest.from((rest.firstIndex(of: bar) ?? -1) + 1) }
        let value = rest.upTo(rest.firstIndex(of: bar) ?? rest.count)
        run.trace.line(5, "randomly chosen the subvalue `\(value.string)'")
        return value
    }

    /// A program takes its time: the run ends here and begins again at this rule when the answer is there. A sub-request
    /// cannot wait, so its look-up holds the loop.
    private func ask(_ program: ProgramMap.Ref, _ key: Bytes, _ map: MapEntry, _ run: Run) throws -> Bytes? {
        let progress = Progress.make(run.request)
        if let known = progress.pointee.answer(of: map.name, key) { return known.value.isSet ? known.value : nil }
        guard !run.request.isExplain else { return nil }
        guard !run.isSubrequest else {
            return take(program.pointee.ask(Array(key.buffer)), of: program, for: run)
        }
        let question = ProgramQuestion(program, map: map.name, key: run.pool.copy(key))
        run.pool.onDestroy { withExtendedLifetime(question) {} }
        progress.pointee.question = Unmanaged.passUnretained(question)
        throw Interruption.waiting
    }

    /// What a program answered, in request memory.
    fileprivate func take(_ answer: ProgramMap.Answer, of program: ProgramMap.Ref, for run: Run) -> Bytes? {
        switch answer {
        case .value(let bytes): return bytes.withUnsafeBytes { run.pool.copy(Bytes($0)) }
        case .none: return nil
        case .failed(let reason):
            log.write(
                .error, code: "AH00659", request: run.request,
                "mod_rewrite: the RewriteMap program \(program.pointee.words[0].string) gives no answer: \(reason)")
            return nil
        }
    }

    /// Suspends the hook until the program has answered the question that the run met.
    func wait(_ run: Run, _ progress: UnsafeMutablePointer<Progress>) throws -> Status {
        guard let question = progress.pointee.question?.takeUnretainedValue() else { return .failed }
        progress.pointee.keep(run.state)
        let task = try run.request.suspend()
        task.runBlocking {
            question.ask()
            return .again
        }
        return .suspended
    }

    /// Keeps the answer of the question that was waited for.
    func takeAnswer(_ run: Run, _ progress: UnsafeMutablePointer<Progress>) {
        guard let question = progress.pointee.question?.takeUnretainedValue() else { return }
        progress.pointee.question = nil
        let value = take(question.answer, of: question.program, for: run) ?? .none
        progress.pointee.answers.append(MapAnswer(map: question.map, key: question.key, value: value), in: run.pool)
    }
}

/// A question on its way to a program and back. Its thread is one at a time: the loop's, then the pool's, then the loop's.
final class ProgramQuestion: @unchecked Sendable {
    let program: ProgramMap.Ref
    let map: Bytes
    let key: Bytes
    private let bytes: [UInt8]
    private(set) var answer = ProgramMap.Answer.none

    init(_ program: ProgramMap.Ref, map: Bytes, key: Bytes) {
        self.program = program
        self.map = map
        self.key = key
        bytes = Array(key.buffer)
    }

    func ask() { answer = program.pointee.ask(bytes) }
}
