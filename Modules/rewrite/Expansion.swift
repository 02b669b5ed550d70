import ModuleKit

/// Where the first "?" of an expanded text came from.
enum QuestionMark {
    case none
    /// It stands in the rule.
    case literal
    /// The request, or a map, brought it along.
    case expanded
}

extension Run {
    /// The text of a template for this request, in request memory.
    mutating func expand(_ template: Template, escapingFor rule: UnsafePointer<Rule>? = nil) throws -> Bytes {
        var mark = QuestionMark.none
        return try expand(template, escapingFor: rule, noting: &mark)
    }

    mutating func expand(
        _ template: Template, escapingFor rule: UnsafePointer<Rule>?, noting mark: inout QuestionMark
    ) throws -> Bytes {
        let pieces = template.pieces.elements
        let values = pool.allocate(Bytes.self, count: pieces.count)
        var size = 0
        for index in 0..<pieces.count {
            let value = try self.value(of: pieces[index], escapingFor: rule)
            if mark == .none, value.contains(questionMark) {
                if case .text = pieces[index] { mark = .literal } else { mark = .expanded }
            }
            (values + index).initialize(to: value)
            size += value.count
        }
        if pieces.count == 1, values[0].isSet { return values[0] }
        let text = pool.compose(capacity: size + 1) { writer in
            for index in 0..<pieces.count { writer.append(values[index]) }
        }
        return text
    }

    private mutating func value(of piece: Template.Piece, escapingFor rule: UnsafePointer<Rule>?) throws -> Bytes {
        switch piece {
        case .text(let text): return text
        case .ruleGroup(let number): return escaped(ruleGroups[number], rule)
        case .conditionGroup(let number): return escaped(conditionGroups[number], rule)
        case .variable(let variable): return try value(of: variable)
        case .map(let call): return try lookUp(call.pointee, escapingFor: rule)
        }
    }

    private mutating func lookUp(_ call: MapCall, escapingFor rule: UnsafePointer<Rule>?) throws -> Bytes {
        let key = try expand(call.key, escapingFor: rule)
        if let found = try module.look(up: key, inMapNamed: call.name, for: self) { return found }
        return call.fallback.isEmpty ? .none : try expand(call.fallback, escapingFor: rule)
    }

    /// A back-reference with B, BCTLS, BNE and BNP heeded.
    private func escaped(_ group: Bytes, _ rule: UnsafePointer<Rule>?) -> Bytes {
        guard let rule, rule.pointee.flags.contains(.escapeGroups), !group.isEmpty else { return group }
        let text = pool.compose(capacity: group.count * 3) { writer in
            for byte in group.buffer { writer.append(byte, escapingFor: rule) }
        }
        trace.line(5, rule, "escaping backreference '\(group.string)' to '\(text.string)'")
        return text
    }
}

private let questionMark = UInt8(ascii: "?")

extension ByteWriter {
    fileprivate mutating func append(_ byte: UInt8, escapingFor rule: UnsafePointer<Rule>) {
        let escapes = rule.pointee.escapes
        let byDefault = rule.pointee.flags.contains(.escapeControls) ? byte <= 0x20 || byte == 0x7f : !escapes.isSet
        let isMeant = byDefault || escapes.contains(byte)
        guard isMeant, !rule.pointee.exemptions.contains(byte), !byte.isLetterOrDigit, byte != UInt8(ascii: "_") else {
            return append(byte)
        }
        if byte == 0x20, !rule.pointee.flags.contains(.escapeNoPlus) { return append(UInt8(ascii: "+")) }
        append(UInt8(ascii: "%"))
        append(hexDigit: byte >> 4)
        append(hexDigit: byte & 15)
    }

    private mutating func append(hexDigit value: UInt8) { append(value < 10 ? 0x30 + value : 0x57 + value) }
}
