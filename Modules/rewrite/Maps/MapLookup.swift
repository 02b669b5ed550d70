@_spi(Draft) import ModuleKit

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
            value = try find(key, in: file, run).map { picksAtRandom ? pick(from: $0, run) : $0 }
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
    private func find(_ key: Bytes, in map: FileMap.Ref, _ run: Run) throws -> Bytes? {
        switch map.pointee.freshness(now: host.now) {
        case .current: break
        case .mustLoad: map.pointee.take(map.pointee.loader.load(), now: host.now)
        case .takesTime: _ = try run.ask(Subject(kind: .map, name: map.pointee.path, key: .none)) { MapQuestion($0, map) }
        }
        guard let problem = map.pointee.problem else {
            guard let value = map.pointee.value(of: key), !value.isEmpty else { return nil }
            return run.pool.copy(value)
        }
        let isText = map.pointee.format == .text
        let code: StaticString = problem == .cannotLook ? (isText ? "AH00661" : "AH00662") : isText ? "AH00655" : "AH00656"
        log.write(
            .error, code: code, request: run.request,
            "mod_rewrite: can't \(problem == .cannotLook ? "access" : "open") \(isText ? "text" : "DBM") RewriteMap file"
                + " \(map.pointee.path.string)")
        return nil
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

    /// Explaining runs no program.
    private func ask(_ program: ProgramMap.Ref, _ key: Bytes, _ map: MapEntry, _ run: Run) throws -> Bytes? {
        guard !run.request.isExplain else {
            run.trace.line(
                5, "map lookup: map=\(map.name.string)[prg] key=\(key.string): the program \(program.pointee.words[0].string) is not run")
            return nil
        }
        let value = try run.ask(Subject(kind: .program, name: map.name, key: key)) { ProgramQuestion($0, program) }
        return value.isSet ? value : nil
    }
}

/// A key on its way to a program.
private final class ProgramQuestion: Question, @unchecked Sendable {
    private let program: ProgramMap.Ref
    private let key: [UInt8]
    private var outcome = ProgramMap.Answer.none

    init(_ subject: Subject, _ program: ProgramMap.Ref) {
        self.program = program
        key = Array(subject.key.buffer)
        super.init(subject)
    }

    override func ask() { outcome = program.pointee.ask(key) }

    override func answer(for run: Run) -> Bytes {
        switch outcome {
        case .value(let bytes): return bytes.withUnsafeBytes { run.pool.copy(Bytes($0)) }
        case .none: return .none
        case .failed(let reason):
            run.module.log.write(
                .error, code: "AH00659", request: run.request,
                "mod_rewrite: the RewriteMap program \(program.pointee.words[0].string) gives no answer: \(reason)")
            return .none
        }
    }
}
