import Glibc
import ModuleKit

/// A script at work on one body.
struct SedMachine {
    /// A line, and what has been gathered of lines, may be so long.
    static let limit = 8 << 20

    private let program: SedProgram
    private var pattern: [UInt8] = []
    private var hold: [UInt8] = []
    private var lineNumber = 0
    private var isLastLine = false
    private var hasChanged = false
    /// What comes behind the line: texts, and files.
    private var behind: [Behind] = []
    /// For each instruction with two addresses, whether it is between them.
    private var reaches: [Bool]
    /// Where the next line goes on, when a script asked for one.
    private var pending: (at: Int, appends: Bool)?
    private(set) var hasQuit = false
    /// What it has written.
    private(set) var output: [UInt8] = []

    private enum Behind {
        case text([UInt8])
        case file(String)
    }

    init(_ program: SedProgram) {
        self.program = program
        reaches = Array(repeating: false, count: program.instructions.count)
    }

    mutating func takeOutput(_ body: (Bytes) -> Void) {
        if !output.isEmpty { output.withUnsafeBytes { body(Bytes($0)) } }
        output.removeAll(keepingCapacity: true)
    }

    // MARK: Lines

    /// The next line, without its newline. What is wrong; nil: nothing.
    mutating func take(_ line: Bytes, isLast: Bool) -> String? {
        guard !hasQuit else { return nil }
        lineNumber += 1
        isLastLine = isLast
        let start: Int
        if let pending {
            if pending.appends { pattern.append(UInt8(ascii: "\n")) } else { pattern.removeAll(keepingCapacity: true) }
            start = pending.at
            self.pending = nil
        } else {
            pattern.removeAll(keepingCapacity: true)
            start = 0
            hasChanged = false
        }
        pattern.append(contentsOf: line.buffer)
        return run(from: start)
    }

    private enum Flow {
        case goOn
        case jump(Int)
        /// The cycle is over; the pattern space is printed, or not.
        case end(prints: Bool)
        /// The script from its beginning, with what is left.
        case again
        case waits
    }

    private mutating func run(from start: Int) -> String? {
        var at = start
        // A script may lead back to itself for ever.
        var steps = 0
        while at < program.instructions.count {
            steps += 1
            guard steps < 1_000_000 else { return "the script goes round in circles" }
            guard pattern.count <= Self.limit, hold.count <= Self.limit, output.count <= 4 * Self.limit else {
                return "the script gathers more than \(Self.limit) bytes"
            }
            let instruction = program.instructions[at]
            guard selects(instruction, at) != instruction.isNegated else {
                if case .beginBlock(let end) = instruction.action { at = end }
                at += 1
                continue
            }
            switch perform(instruction.action, at) {
            case .goOn: at += 1
            case .jump(let target): at = target
            case .again:
                writeBehind()
                at = 0
            case .waits: return nil
            case .end(let prints):
                endCycle(prints: prints)
                return nil
            }
        }
        endCycle(prints: true)
        return nil
    }

    private mutating func endCycle(prints: Bool) {
        if prints, !program.isQuiet { write(pattern) }
        writeBehind()
    }

    // MARK: Addresses

    private mutating func selects(_ instruction: SedProgram.Instruction, _ index: Int) -> Bool {
        guard let from = instruction.from else { return true }
        guard let to = instruction.to else { return matches(from) }
        if reaches[index] {
            switch to {
            case .line(let number):
                // A range whose end lies before the line at hand ends there without it.
                if lineNumber > number {
                    reaches[index] = false
                    return matches(from) ? begin(to, index) : false
                }
                reaches[index] = lineNumber < number
            default: reaches[index] = !matches(to)
            }
            return true
        }
        return matches(from) ? begin(to, index) : false
    }

    private mutating func begin(_ to: SedProgram.Address, _ index: Int) -> Bool {
        if case .line(let number) = to { reaches[index] = lineNumber < number } else { reaches[index] = true }
        return true
    }

    private func matches(_ address: SedProgram.Address) -> Bool {
        switch address {
        case .line(let number): lineNumber == number
        case .last: isLastLine
        case .pattern(let regex): pattern.withUnsafeBytes { regex.matches($0.isEmpty ? Bytes("") : Bytes($0)) }
        }
    }

    // MARK: Commands

    private mutating func perform(_ action: SedProgram.Action, _ at: Int) -> Flow {
        switch action {
        case .beginBlock, .endBlock, .label: break
        case .lineNumber: write(Array(String(lineNumber).utf8))
        case .append(let text): behind.append(.text(text))
        case .insert(let text): write(text)
        case .branch(let target): return .jump(target ?? program.instructions.count)
        case .branchIfChanged(let target):
            guard hasChanged else { break }
            hasChanged = false
            return .jump(target ?? program.instructions.count)
        case .change(let text):
            // Of a range, once at its end.
            let instruction = program.instructions[at]
            if instruction.to == nil || instruction.isNegated || !reaches[at] { write(text) }
            return .end(prints: false)
        case .delete: return .end(prints: false)
        case .deleteFirstLine:
            guard let newline = pattern.firstIndex(of: UInt8(ascii: "\n")) else { return .end(prints: false) }
            pattern.removeSubrange(...newline)
            return .again
        case .fromHold: pattern = hold
        case .appendFromHold: pattern += [UInt8(ascii: "\n")] + hold
        case .toHold: hold = pattern
        case .appendToHold: hold += [UInt8(ascii: "\n")] + pattern
        case .exchange: swap(&pattern, &hold)
        case .list: list()
        case .next: return nextLine(at, appends: false)
        case .appendNext: return nextLine(at, appends: true)
        case .print: write(pattern)
        case .printFirstLine: write(Array(pattern[..<(pattern.firstIndex(of: UInt8(ascii: "\n")) ?? pattern.count)]))
        case .quit:
            hasQuit = true
            return .end(prints: true)
        case .readFile(let path): behind.append(.file(path))
        case .substitute(let substitute): self.substitute(substitute)
        case .writeFile(let path): SedFiles.append(pattern, to: path)
        case .transliterate(let table): for index in pattern.indices { pattern[index] = table[Int(pattern[index])] }
        }
        return .goOn
    }

    private mutating func nextLine(_ at: Int, appends: Bool) -> Flow {
        if isLastLine {
            hasQuit = true
            // What waits for a line that never comes is lost (POSIX, sed).
            return .end(prints: !appends)
        }
        if !appends, !program.isQuiet { write(pattern) }
        writeBehind()
        pending = (at + 1, appends)
        return .waits
    }

    private mutating func substitute(_ substitute: SedProgram.Substitute) {
        var out: [UInt8] = []
        var (count, copied, start, end) = (0, 0, 0, -1)
        let text = pattern
        text.withUnsafeBytes { buffer in
            let subject = buffer.isEmpty ? Bytes("") : Bytes(buffer)
            withUnsafeTemporaryAllocation(of: Int64.self, capacity: 20) { spans in
                while start <= text.count, let match = substitute.pattern.match(subject, from: start, spans: spans) {
                    // Right behind a match, nothing matches nothing.
                    let isEmpty = match.isEmpty
                    if !isEmpty || match.lowerBound != end {
                        count += 1
                        if count >= substitute.first, substitute.isGlobal || count == substitute.first {
                            out += text[copied..<match.lowerBound]
                            append(substitute.replacement, text, spans, &out)
                            copied = match.upperBound
                            hasChanged = true
                            if !substitute.isGlobal { break }
                        }
                    }
                    end = match.upperBound
                    start = isEmpty ? end + 1 : end
                }
            }
        }
        guard count >= substitute.first else { return }
        out += text[copied...]
        pattern = out
        // What is printed anyway is not printed twice, as in httpd.
        if substitute.prints, program.isQuiet { write(pattern) }
        if let file = substitute.file { SedFiles.append(pattern, to: file) }
    }

    private func append(
        _ replacement: [SedProgram.Substitute.Part], _ text: [UInt8], _ spans: UnsafeMutableBufferPointer<Int64>,
        _ out: inout [UInt8]
    ) {
        for part in replacement {
            switch part {
            case .text(let bytes): out += bytes
            case .group(let number):
                let (start, end) = (spans[number * 2], spans[number * 2 + 1])
                if start >= 0, end >= start { out += text[Int(start)..<Int(end)] }
            }
        }
    }

    // MARK: Output

    private mutating func write(_ line: [UInt8]) {
        output += line
        output.append(UInt8(ascii: "\n"))
    }

    private mutating func writeBehind() {
        for item in behind {
            switch item {
            case .text(let text): write(text)
            case .file(let path): output += SedFiles.content(of: path, atMost: Self.limit)
            }
        }
        behind.removeAll(keepingCapacity: true)
    }

    /// The pattern space so that nothing in it is hidden, folded at 72 columns.
    private mutating func list() {
        var line: [UInt8] = []
        for byte in pattern {
            let shown: [UInt8] =
                switch byte {
                case UInt8(ascii: "\\"): Array("\\\\".utf8)
                case 0x20..<0x7f: [byte]
                case ..<0x20: [UInt8(ascii: "\\"), 0x30 + byte >> 3, 0x30 + (byte & 7)]
                default: [UInt8(ascii: "\\"), 0x30 + byte >> 6, 0x30 + (byte >> 3 & 7), 0x30 + (byte & 7)]
                }
            if line.count + shown.count > 71 {
                write(line + [UInt8(ascii: "\\")])
                line = []
            }
            line += shown
        }
        write(line)
    }
}

/// Files that scripts read and write.
enum SedFiles {
    /// Only what is there at once: no pipes, no devices.
    static func content(of path: String, atMost limit: Int) -> [UInt8] {
        let fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard fd >= 0 else { return [] }
        defer { close(fd) }
        var info = stat()
        guard fstat(fd, &info) == 0, info.st_mode & S_IFMT == S_IFREG else { return [] }
        let size = min(limit, Int(info.st_size))
        return [UInt8](unsafeUninitializedCapacity: size) { room, count in
            while count < size {
                let got = read(fd, room.baseAddress! + count, size - count)
                guard got > 0 else { break }
                count += got
            }
        }
    }

    static func append(_ line: [UInt8], to path: String) {
        let fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, 0o644)
        guard fd >= 0 else { return }
        defer { close(fd) }
        let whole = line + [UInt8(ascii: "\n")]
        _ = whole.withUnsafeBytes { write(fd, $0.baseAddress, $0.count) }
    }
}
