import ModuleKit

/// The value of a field, in pieces, or an expression.
struct Value: BitwiseCopyable {
    enum Piece: BitwiseCopyable {
        case text(Bytes)
        /// %t and %D: when the request came, and how long ago that is, in microseconds.
        case time, duration
        /// %l: the load averages of the machine.
        case load
        case variable(Bytes)
        /// %{…}s
        case ssl(Expression)
    }

    private var pieces = PoolArray<Piece>()
    private var expression: Expression?

    init() {}

    init(_ text: Bytes, _ command: Command) throws {
        guard !text.hasPrefix("expr=") else {
            expression = try Expression.compile(text.from(5), kind: .string, in: command)
            return
        }
        var rest = text
        while !rest.isEmpty {
            let mark = rest.firstIndex(of: UInt8(ascii: "%")) ?? rest.count
            if mark > 0 { pieces.append(.text(command.pool.copy(rest.upTo(mark))), in: command.pool) }
            rest = rest.from(mark)
            if !rest.isEmpty { pieces.append(try Value.item(&rest, command), in: command.pool) }
        }
    }

    /// Takes `%X` or `%{argument}X` off the text.
    private static func item(_ text: inout Bytes, _ command: Command) throws -> Piece {
        var letter = 1
        var argument = Bytes.none
        if text.count > 1, text[1] == UInt8(ascii: "{") {
            guard let end = text.firstIndex(of: UInt8(ascii: "}")) else {
                throw DirectiveError("\"\(text.string)\" lacks a closing brace")
            }
            argument = command.pool.copy(text[2..<end])
            letter = end + 1
        }
        guard letter < text.count else {
            throw DirectiveError("\"\(text.string)\" ends within a format item; a percent sign is written %%")
        }
        let item = text[letter]
        text = text.from(letter + 1)
        switch item {
        case UInt8(ascii: "%"): return .text(Bytes("%"))
        case UInt8(ascii: "t"): return .time
        case UInt8(ascii: "D"): return .duration
        case UInt8(ascii: "l"): return .load
        case UInt8(ascii: "e"): return .variable(argument)
        case UInt8(ascii: "s"): return try sslVariable(argument, command)
        case UInt8(ascii: "i"), UInt8(ascii: "b"):
            throw DirectiveError(
                "%\(Character(UnicodeScalar(item))) is a share of httpd's threads, and this server does not tie connections to threads; %l tells the load")
        default:
            throw DirectiveError(
                "%\(Character(UnicodeScalar(item))) is no format item; there are %%, %t, %D, %l, %{NAME}e and %{NAME}s")
        }
    }

    /// A variable of the module that speaks TLS; without that module there is none.
    private static func sslVariable(_ name: Bytes, _ command: Command) throws -> Piece {
        Expression(variable: name, in: command).map { .ssl($0) } ?? .text(Bytes("(null)"))
    }

    /// The value for a request; nil: it could not be had, which has been logged.
    func text(_ request: Request, _ host: Host) -> Bytes? {
        if let expression { return expression.text(request) ?? Bytes("") }
        if pieces.count == 1, case .text(let only) = pieces[0] { return only }
        let pool = request.pool
        let parts = pool.allocate(Bytes.self, count: pieces.count)
        var total = 0
        for index in 0..<pieces.count {
            parts[index] = part(pieces[index], request, host)
            total += parts[index].count
        }
        return pool.compose(capacity: total) { for index in 0..<pieces.count { $0.append(parts[index]) } }
    }

    private func part(_ piece: Piece, _ request: Request, _ host: Host) -> Bytes {
        switch piece {
        case .text(let text): text
        case .time: tagged("t=", request.number(APUS_R_TIME_US), request.pool)
        case .duration: tagged("D=", max(0, host.clock - request.number(APUS_R_TIME_US)), request.pool)
        case .load: load(request.pool)
        case .variable(let name): request.environment[name] ?? Bytes("(null)")
        case .ssl(let variable): sslValue(variable, request)
        }
    }

    private func sslValue(_ variable: Expression, _ request: Request) -> Bytes {
        guard let value = variable.text(request), !value.isEmpty else { return Bytes("(null)") }
        return value
    }

    private func tagged(_ tag: StaticString, _ number: Int64, _ pool: Pool) -> Bytes {
        pool.compose(capacity: 32) {
            $0.append(tag)
            $0.append(decimal: number)
        }
    }
}
