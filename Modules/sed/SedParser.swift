import ModuleKit

/// What is wrong with a script unless further lines follow.
struct UnfinishedScript: Error {
    let reason: String
}

/// Takes scripts apart.
struct SedParser {
    private let text: [UInt8]
    private let pool: Pool
    private var position = 0
    private var instructions: [SedProgram.Instruction] = []
    private var blocks: [Int] = []
    private var labels: [[UInt8]: Int] = [:]
    /// Branches to labels that may come later.
    private var branches: [(at: Int, label: [UInt8])] = []
    /// What an empty pattern stands for.
    private var lastPattern: SedPattern?

    init(_ text: [UInt8], _ pool: Pool) {
        self.text = text
        self.pool = pool
    }

    private func problem(_ reason: String) -> DirectiveError {
        let rest = String(decoding: text[min(position, text.count)...].prefix(20), as: UTF8.self)
        let place = rest.isEmpty ? "at its end" : "before \"\(rest)\""
        return DirectiveError("the script cannot be used: \(reason), \(place)")
    }

    private var byte: UInt8? { position < text.count ? text[position] : nil }

    private mutating func take(_ wanted: Character) -> Bool {
        guard byte == wanted.asciiValue else { return false }
        position += 1
        return true
    }

    private mutating func skipBlanks() { while byte == 0x20 || byte == 0x09 { position += 1 } }

    // MARK: Commands

    mutating func parse() throws -> [SedProgram.Instruction] {
        while true {
            while let byte, byte == 0x20 || byte == 0x09 || byte == UInt8(ascii: ";") || byte == UInt8(ascii: "\n") { position += 1 }
            guard byte != nil else { break }
            if take("#") {
                _ = restOfLine()
                continue
            }
            try parseInstruction()
        }
        guard blocks.isEmpty else { throw UnfinishedScript(reason: "an opening brace has no closing one") }
        for (index, label) in branches {
            guard let target = labels[label] else {
                throw UnfinishedScript(reason: "there is no label \"\(String(decoding: label, as: UTF8.self))\"")
            }
            if case .branch = instructions[index].action {
                instructions[index].action = .branch(to: target)
            } else {
                instructions[index].action = .branchIfChanged(to: target)
            }
        }
        return instructions
    }

    private mutating func parseInstruction() throws {
        var instruction = SedProgram.Instruction(action: .label)
        instruction.from = try address()
        skipBlanks()
        if instruction.from != nil, take(",") {
            skipBlanks()
            instruction.to = try address()
            guard instruction.to != nil else { throw problem("a second address is missing behind the comma") }
        }
        skipBlanks()
        while take("!") {
            instruction.isNegated = true
            skipBlanks()
        }
        guard let command = byte else { throw problem("a command is missing") }
        position += 1
        let index = instructions.count
        instructions.append(instruction)
        instructions[index].action = try action(command, index)
        if instruction.to != nil, Bytes("aiq=r").contains(command) { throw problem("this command takes one address") }
        if instruction.from != nil, Bytes(":}").contains(command) { throw problem("this command takes no address") }
        guard !Bytes("{}:").contains(command) else { return }
        skipBlanks()
        if byte == UInt8(ascii: "}") || byte == UInt8(ascii: "#") { return }
        guard byte == nil || take(";") || take("\n") else { throw problem("something stands behind a command") }
    }

    private mutating func action(_ command: UInt8, _ index: Int) throws -> SedProgram.Action {
        switch command {
        case UInt8(ascii: "{"):
            blocks.append(index)
            return .beginBlock(end: 0)
        case UInt8(ascii: "}"):
            guard let begin = blocks.popLast() else { throw problem("a closing brace has no opening one") }
            instructions[begin].action = .beginBlock(end: index)
            return .endBlock
        case UInt8(ascii: ":"):
            let label = word()
            guard !label.isEmpty else { throw problem("a label has no name") }
            guard labels.updateValue(index, forKey: label) == nil else {
                throw problem("the label \"\(String(decoding: label, as: UTF8.self))\" is there twice")
            }
            return .label
        case UInt8(ascii: "="): return .lineNumber
        case UInt8(ascii: "a"): return .append(try block())
        case UInt8(ascii: "i"): return .insert(try block())
        case UInt8(ascii: "c"): return .change(try block())
        case UInt8(ascii: "b"), UInt8(ascii: "t"):
            let label = word()
            if !label.isEmpty { branches.append((index, label)) }
            return command == UInt8(ascii: "b") ? .branch(to: nil) : .branchIfChanged(to: nil)
        case UInt8(ascii: "d"): return .delete
        case UInt8(ascii: "D"): return .deleteFirstLine
        case UInt8(ascii: "g"): return .fromHold
        case UInt8(ascii: "G"): return .appendFromHold
        case UInt8(ascii: "h"): return .toHold
        case UInt8(ascii: "H"): return .appendToHold
        case UInt8(ascii: "x"): return .exchange
        case UInt8(ascii: "l"): return .list
        case UInt8(ascii: "n"): return .next
        case UInt8(ascii: "N"): return .appendNext
        case UInt8(ascii: "p"): return .print
        case UInt8(ascii: "P"): return .printFirstLine
        case UInt8(ascii: "q"): return .quit
        case UInt8(ascii: "r"): return .readFile(try fileName())
        case UInt8(ascii: "w"): return .writeFile(try fileName())
        case UInt8(ascii: "s"): return .substitute(try substitute())
        case UInt8(ascii: "y"): return .transliterate(try transliteration())
        default:
            position -= 1
            throw problem("there is no such command")
        }
    }

    // MARK: Words

    private mutating func restOfLine() -> [UInt8] {
        let start = position
        while let byte, byte != UInt8(ascii: "\n") { position += 1 }
        return Array(text[start..<position])
    }

    /// A label: up to the end of the line, a semicolon or a brace.
    private mutating func word() -> [UInt8] {
        skipBlanks()
        let start = position
        while let byte, byte != UInt8(ascii: "\n"), byte != UInt8(ascii: ";"), byte != UInt8(ascii: "}"), byte != 0x20 { position += 1 }
        return Array(text[start..<position])
    }

    private mutating func fileName() throws -> String {
        skipBlanks()
        let name = String(decoding: restOfLine(), as: UTF8.self)
        guard name.hasPrefix("/") else { throw problem("a file is not named by its whole path") }
        return name
    }

    /// The text of a, i and c: behind a backslash and the end of the line; each further line needs a backslash before it.
    private mutating func block() throws -> [UInt8] {
        skipBlanks()
        guard take("\\") else { throw problem("a backslash and a new line are missing before the text") }
        skipBlanks()
        guard take("\n") else { throw problem("a new line is missing behind the backslash") }
        var block: [UInt8] = []
        while let byte, byte != UInt8(ascii: "\n") {
            position += 1
            if byte == UInt8(ascii: "\\"), let next = self.byte {
                position += 1
                block.append(next)
            } else {
                block.append(byte)
            }
        }
        return block
    }

    // MARK: Addresses and patterns

    private mutating func address() throws -> SedProgram.Address? {
        guard let first = byte else { return nil }
        if first.isDigit {
            var number = 0
            while let byte, byte.isDigit, number < 1 << 40 {
                number = number * 10 + Int(byte - 0x30)
                position += 1
            }
            return .line(number)
        }
        if take("$") { return .last }
        if take("/") { return .pattern(try pattern(until: UInt8(ascii: "/"))) }
        if take("\\") {
            guard let mark = byte else { throw problem("a pattern is missing") }
            position += 1
            return .pattern(try pattern(until: mark))
        }
        return nil
    }

    /// Raw text up to the mark, which is passed over; the mark stands for itself behind a backslash, or in brackets.
    private mutating func delimited(_ mark: UInt8, hasBrackets: Bool) throws -> [UInt8] {
        var out: [UInt8] = []
        var brackets: BracketScanner?
        while let byte, byte != mark || brackets != nil {
            guard byte != UInt8(ascii: "\n") || !hasBrackets else { throw problem("a pattern does not end on its line") }
            position += 1
            if brackets != nil {
                if brackets!.take(byte) { brackets = nil }
            } else if byte == UInt8(ascii: "\\"), let next = self.byte {
                position += 1
                if next != mark { out.append(byte) }
                out.append(next)
                continue
            } else if hasBrackets, byte == UInt8(ascii: "[") {
                brackets = BracketScanner()
            }
            out.append(byte)
        }
        guard byte == mark else { throw problem("the closing mark of a pattern or of a replacement is missing") }
        position += 1
        return out
    }

    private mutating func pattern(until mark: UInt8) throws -> SedPattern {
        let basic = try delimited(mark, hasBrackets: true)
        guard !basic.isEmpty else {
            guard let lastPattern else { throw problem("there is no earlier pattern that an empty one could stand for") }
            return lastPattern
        }
        let compiled = try SedPattern(basic, in: pool)
        lastPattern = compiled
        return compiled
    }

    // MARK: s and y

    private mutating func mark() throws -> UInt8 {
        guard let mark = byte, mark != UInt8(ascii: "\n"), mark != UInt8(ascii: "\\") else {
            throw problem("a mark for the parts of the command is missing")
        }
        position += 1
        return mark
    }

    private mutating func substitute() throws -> SedProgram.Substitute {
        let mark = try mark()
        let pattern = try pattern(until: mark)
        let replacement = try replacement(delimited(mark, hasBrackets: false), groups: pattern.groups)
        var (first, isGlobal, prints, file) = (1, false, false, String?.none)
        flags: while let flag = byte {
            switch flag {
            case UInt8(ascii: "g"): isGlobal = true
            case UInt8(ascii: "p"): prints = true
            case UInt8(ascii: "1")...UInt8(ascii: "9"):
                first = 0
                while let digit = byte, digit.isDigit, first < 1 << 20 {
                    first = first * 10 + Int(digit - 0x30)
                    position += 1
                }
                continue flags
            case UInt8(ascii: "w"):
                position += 1
                file = try fileName()
                break flags
            default: break flags
            }
            position += 1
        }
        return SedProgram.Substitute(
            pattern: pattern, replacement: replacement, first: first, isGlobal: isGlobal, prints: prints, file: file)
    }

    private func replacement(_ raw: [UInt8], groups: Int) throws -> [SedProgram.Substitute.Part] {
        var parts: [SedProgram.Substitute.Part] = []
        var text: [UInt8] = []
        func group(_ number: Int) {
            if !text.isEmpty { parts.append(.text(text)) }
            parts.append(.group(number))
            text = []
        }
        var index = 0
        while index < raw.count {
            let byte = raw[index]
            index += 1
            if byte == UInt8(ascii: "&") {
                group(0)
            } else if byte == UInt8(ascii: "\\"), index < raw.count {
                let next = raw[index]
                index += 1
                if next.isDigit, next != UInt8(ascii: "0") {
                    guard Int(next - 0x30) <= groups else { throw problem("the replacement names a group that is not there") }
                    group(Int(next - 0x30))
                } else {
                    text.append(next)
                }
            } else {
                text.append(byte)
            }
        }
        if !text.isEmpty { parts.append(.text(text)) }
        return parts
    }

    /// What each byte becomes.
    private mutating func transliteration() throws -> [UInt8] {
        let mark = try mark()
        let from = plain(try delimited(mark, hasBrackets: false))
        let to = plain(try delimited(mark, hasBrackets: false))
        guard from.count == to.count else { throw problem("the two parts of y are not of the same length") }
        var table = (0...255).map { UInt8($0) }
        for (byte, other) in zip(from, to) { table[Int(byte)] = other }
        return table
    }

    private func plain(_ raw: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        var isEscaped = false
        for byte in raw {
            if isEscaped {
                out.append(byte == UInt8(ascii: "n") ? UInt8(ascii: "\n") : byte)
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else {
                out.append(byte)
            }
        }
        return out
    }
}

/// Where a bracket expression ends: a closing bracket at its beginning is part of it, and so are those of [:classes:].
private struct BracketScanner {
    private var count = 0
    private var isNegated = false
    private var previous: UInt8 = 0
    /// The kind of the class that is open; 0: none is.
    private var inner: UInt8 = 0

    /// True: it ends with this byte.
    mutating func take(_ byte: UInt8) -> Bool {
        defer { previous = byte }
        if inner != 0 {
            if byte == UInt8(ascii: "]"), previous == inner { inner = 0 }
            return false
        }
        if count == 0, !isNegated, byte == UInt8(ascii: "^") {
            isNegated = true
            return false
        }
        defer { count += 1 }
        if previous == UInt8(ascii: "["), count > 0, Bytes(":.=").contains(byte) { inner = byte }
        return byte == UInt8(ascii: "]") && count > 0
    }
}

/// Basic regular expressions (POSIX, XBD 9.3) as Perl's.
enum BasicPattern {
    static func translated(_ basic: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        var index = 0
        /// Where a star is a star, and a circumflex the beginning.
        var isStart = true
        while index < basic.count {
            let byte = basic[index]
            index += 1
            var startsAgain = false
            switch byte {
            case UInt8(ascii: "\\"):
                guard index < basic.count else {
                    out += Array("\\\\".utf8)
                    break
                }
                startsAgain = translate(escaped: basic[index], &out)
                index += 1
            case UInt8(ascii: "["):
                let end = bracketEnd(basic, index)
                bracket(basic[index..<end], &out)
                index = min(end + 1, basic.count)
            case UInt8(ascii: "*"): out += Array((isStart ? "\\*" : "*").utf8)
            case UInt8(ascii: "^"):
                out += Array((isStart ? "\\A" : "\\^").utf8)
                startsAgain = isStart
            case UInt8(ascii: "$"):
                let isEnd = index == basic.count || basic[index...].starts(with: Array("\\)".utf8))
                out += Array((isEnd ? "\\z" : "\\$").utf8)
            case UInt8(ascii: "+"), UInt8(ascii: "?"), UInt8(ascii: "|"), UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "{"),
                UInt8(ascii: "}"):
                out += [UInt8(ascii: "\\"), byte]
            default: out.append(byte)
            }
            isStart = startsAgain
        }
        return out
    }

    /// True: a star behind it is a star.
    private static func translate(escaped byte: UInt8, _ out: inout [UInt8]) -> Bool {
        switch byte {
        case UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "{"), UInt8(ascii: "}"):
            out.append(byte)
            return byte == UInt8(ascii: "(")
        case UInt8(ascii: "n"): out.append(UInt8(ascii: "\n"))
        case UInt8(ascii: "<"): out += Array("\\b(?=\\w)".utf8)
        case UInt8(ascii: ">"): out += Array("\\b(?<=\\w)".utf8)
        case let digit where digit.isDigit && digit != UInt8(ascii: "0"): out += Array("\\g{\(digit - 0x30)}".utf8)
        case let letter where letter.asciiLowercased &- 0x61 < 26: out.append(letter)
        default: out += [UInt8(ascii: "\\"), byte]
        }
        return false
    }

    private static func bracketEnd(_ basic: [UInt8], _ start: Int) -> Int {
        var scanner = BracketScanner()
        var index = start
        while index < basic.count {
            if scanner.take(basic[index]) { return index }
            index += 1
        }
        return basic.count
    }

    /// A backslash is no escape here; Perl takes it for one.
    private static func bracket(_ inside: ArraySlice<UInt8>, _ out: inout [UInt8]) {
        out.append(UInt8(ascii: "["))
        var rest = inside
        if rest.first == UInt8(ascii: "^") {
            out.append(UInt8(ascii: "^"))
            rest = rest.dropFirst()
        }
        var index = rest.startIndex
        while index < rest.endIndex {
            let byte = rest[index]
            index += 1
            if byte == UInt8(ascii: "["), index < rest.endIndex, rest[index] == UInt8(ascii: ":"),
                let end = rest[(index + 1)...].firstIndex(of: UInt8(ascii: ":"))
            {
                out += [byte] + rest[index...end] + [UInt8(ascii: "]")]
                index = min(end + 2, rest.endIndex)
            } else if byte == UInt8(ascii: "\\"), index < rest.endIndex, rest[index] == UInt8(ascii: "n") {
                out.append(UInt8(ascii: "\n"))
                index += 1
            } else if byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "[") || byte == UInt8(ascii: "]") {
                out += [UInt8(ascii: "\\"), byte]
            } else {
                out.append(byte)
            }
        }
        out.append(UInt8(ascii: "]"))
    }
}
