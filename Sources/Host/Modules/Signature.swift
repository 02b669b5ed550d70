import CFFI

/// The type of a callback as text: `RET(ARGS)`, one letter each, as apus/hooks.h lists them.
struct Signature: Equatable {
    /// One value that crosses a call.
    enum Kind: Equatable {
        case void, int32, uint32, int64, uint64, double, string, pointer
    }

    let text: String
    let result: Kind
    let arguments: [Kind]

    /// Nil for a text that is no signature.
    init?(_ text: String) {
        var rest = Substring(text)
        guard let result = Signature.kind(&rest), rest.popFirst() == "(", rest.last == ")" else { return nil }
        rest.removeLast()
        var arguments: [Kind] = []
        while !rest.isEmpty {
            guard let kind = Signature.kind(&rest), kind != .void else { return nil }
            arguments.append(kind)
        }
        guard rest.isEmpty else { return nil }
        self.text = text
        self.result = result
        self.arguments = arguments
    }

    private static func kind(_ rest: inout Substring) -> Kind? {
        switch rest.popFirst() {
        case "v": .void
        case "i", "r": .int32
        case "u": .uint32
        case "I": .int64
        case "U", "T": .uint64
        case "d": .double
        case "s": .string
        case "x", "R", "C", "S", "P", "B", "p": .pointer
        case "<": structPointer(&rest)
        default: nil
        }
    }

    /// `<group.name/1>`: a pointer to a named struct.
    private static func structPointer(_ rest: inout Substring) -> Kind? {
        guard let end = rest.firstIndex(of: ">"), end != rest.startIndex else { return nil }
        rest = rest[rest.index(after: end)...]
        return .pointer
    }
}
