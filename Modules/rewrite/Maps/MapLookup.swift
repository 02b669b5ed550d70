import ModuleKit

extension RewriteProcess {
    /// What a map has for a key; nil: nothing, or there is no such map. Lives as long as the request.
    func look(up key: Bytes, inMapNamed name: Bytes, for run: Run) throws -> Bytes? {
        let maps = run.request.serverConf(RewriteServerConf.self).pointee.maps
        guard let map = maps.elements.first(where: { $0.name == name }) else { return nil }
        let value: Bytes?
        let kind: String
        switch map.source {
        case .function(let function):
            value = function.apply(to: key, in: run.pool)
            kind = ""
        case .text(let text, let picksAtRandom):
            value = find(key, in: text, run).map { picksAtRandom ? pick(from: $0, run) : $0 }
            kind = "[txt]"
        }
        if let value {
            run.trace.line(
                5, "map lookup OK: map=\(name.string)\(kind) key=\(key.string) -> val=\(value.string)")
        } else {
            run.trace.line(5, "map lookup FAILED: map=\(name.string)\(kind) key=\(key.string)")
        }
        return value
    }

    private func find(_ key: Bytes, in map: TextMap.Ref, _ run: Run) -> Bytes? {
        do throws(TextMap.Problem) {
            return try map.pointee.value(of: key).map { run.pool.copy($0) }
        } catch {
            let code: StaticString = error == .cannotLook ? "AH00661" : "AH00655"
            log.write(
                .error, code: code, request: run.request,
                "mod_rewrite: can't \(error == .cannotLook ? "access" : "open") text RewriteMap file"
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
}
