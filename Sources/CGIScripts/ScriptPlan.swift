import ModuleKit

extension ProgramPlan {
    /// The program that a request names by its file.
    init(script request: Request) {
        let file = request.filename
        let name = file.lastComponent
        self.init(
            file, [name] + Self.indexWords(request), in: file.upTo(max(1, file.count - name.count)),
            ProgramEnvironment(of: request), limitsOf: request)
    }

    /// A query without `=` is a list of words for the command line (RFC 3875, 4.4).
    private static func indexWords(_ request: Request) -> [Bytes] {
        let query = request.query
        guard !query.isEmpty, !query.contains(UInt8(ascii: "=")), request.method == "GET" || request.method == "HEAD" else {
            return []
        }
        var words: [Bytes] = []
        var rest = query
        while words.count < 256 {
            let end = rest.firstIndex(of: UInt8(ascii: "+")) ?? rest.count
            let word = rest.upTo(end)
            words.append((request.pool.percentDecoded(word) ?? word).shellSafe(in: request.pool))
            guard end < rest.count else { break }
            rest = rest.from(end + 1)
        }
        return words
    }
}

extension apus_str {
    /// Programs are known to hand their words to a shell: what would mean something there has a backslash before it.
    public func shellSafe(in pool: Pool) -> Bytes {
        pool.compose(capacity: count * 2) { writer in
            for byte in buffer {
                if Bytes("&;`'\"|*?~<>^()[]{}$\\\n").contains(byte) { writer.append("\\") }
                writer.append(byte)
            }
        }
    }
}
