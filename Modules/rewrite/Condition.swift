import ModuleKit

/// One RewriteCond. Raw memory of the configuration.
struct Condition: BitwiseCopyable {
    enum Comparison: UInt8, BitwiseCopyable {
        case less, lessOrEqual, equal, greaterOrEqual, greater
    }

    enum FileTest: UInt8, BitwiseCopyable {
        case isRegular, isFilled, isDirectory, isLink, isExecutable
        /// None that a condition can ask for.
        case exists
    }

    enum Test: BitwiseCopyable {
        case pattern(Pattern, LiteralTest)
        case compare(Comparison, Bytes)
        case number(Comparison, Int64)
        case file(FileTest)
        /// -U
        case url
        /// -F
        case served
        case expression(Expression)
    }

    struct Flags: OptionSet, BitwiseCopyable {
        let rawValue: UInt8
        static let negated = Flags(rawValue: 1)
        static let ignoresCase = Flags(rawValue: 2)
        static let orNext = Flags(rawValue: 4)
        static let noVary = Flags(rawValue: 8)
    }

    /// The test string, and as written.
    var input: Template
    var inputText: Bytes
    /// The pattern as written, without its "!".
    var text: Bytes
    var test: Test
    var flags: Flags = []
    /// "file:line".
    var place: Bytes

    init(_ words: RuleWords, _ source: RuleSource) throws {
        var flags: Flags = []
        if let field = words.third {
            try FlagField.each(field) { key, _ in try flags.take(key) }
        }
        if words.second.hasPrefix("!") { flags.insert(.negated) }
        let pattern = words.second.hasPrefix("!") ? words.second.from(1) : words.second
        inputText = source.pool.copy(words.first)
        text = source.pool.copy(pattern)
        place = source.place
        if words.first.equalsIgnoringCase("expr") {
            input = Template()
            test = .expression(
                try Expression.compile(
                    pattern, kind: .condition, in: source.command, varies: !flags.contains(.noVary)))
            self.flags = flags
            return
        }
        input = try Template(words.first, source)
        if let special = Self.special(text, negating: &flags) {
            test = special
            if flags.contains(.ignoresCase), !Self.heedsCase(special) {
                source.command.warn(
                    "AH00665: RewriteCond: the flag NC has no effect with the pattern '\(pattern.string)', which compares"
                        + " no letters")
            }
        } else {
            let isCaseless = flags.contains(.ignoresCase)
            test = .pattern(
                try Pattern(text, flags: isCaseless ? APUS_REGEX_ICASE : 0, in: source.pool),
                LiteralTest(of: text, ignoringCase: isCaseless, in: source.pool))
        }
        self.flags = flags
    }

    /// A test that is no regular expression.
    private static func special(_ text: Bytes, negating flags: inout Flags) -> Test? {
        if text.hasPrefix("-"), text.count == 2 { return letter(text[1]) }
        if text.hasPrefix("-"), text.count > 2 { return number(text, &flags) }
        if text.hasPrefix(">=") { return .compare(.greaterOrEqual, text.from(2)) }
        if text.hasPrefix(">") { return .compare(.greater, text.from(1)) }
        if text.hasPrefix("<=") { return .compare(.lessOrEqual, text.from(2)) }
        if text.hasPrefix("<") { return .compare(.less, text.from(1)) }
        guard text.hasPrefix("=") else { return nil }
        return .compare(.equal, text == "=\"\"" ? .none : text.from(1))
    }

    private static func letter(_ letter: UInt8) -> Test? {
        switch letter {
        case UInt8(ascii: "f"): .file(.isRegular)
        case UInt8(ascii: "d"): .file(.isDirectory)
        case UInt8(ascii: "s"): .file(.isFilled)
        case UInt8(ascii: "l"), UInt8(ascii: "h"), UInt8(ascii: "L"): .file(.isLink)
        case UInt8(ascii: "x"): .file(.isExecutable)
        case UInt8(ascii: "U"): .url
        case UInt8(ascii: "F"): .served
        default: nil
        }
    }

    private static func number(_ text: Bytes, _ flags: inout Flags) -> Test? {
        let value = text.from(3).leadingNumber
        if text.hasPrefix("-lt") { return .number(.less, value) }
        if text.hasPrefix("-le") { return .number(.lessOrEqual, value) }
        if text.hasPrefix("-eq") { return .number(.equal, value) }
        if text.hasPrefix("-ge") { return .number(.greaterOrEqual, value) }
        if text.hasPrefix("-gt") { return .number(.greater, value) }
        guard text.hasPrefix("-ne") else { return nil }
        flags.formSymmetricDifference(.negated)
        return .number(.equal, value)
    }

    private static func heedsCase(_ test: Test) -> Bool {
        if case .compare = test { return true }
        return false
    }
}

extension Condition.Flags {
    fileprivate mutating func take(_ key: Bytes) throws {
        if key.isOne("NC", "nocase") {
            insert(.ignoresCase)
        } else if key.isOne("OR", "ornext") {
            insert(.orNext)
        } else if key.isOne("NV", "novary") {
            insert(.noVary)
        } else {
            throw DirectiveError("unknown flag '\(key.string)': the flags of a condition are NC, OR and NV")
        }
    }
}

extension Condition.Comparison {
    /// `order` is below, equal to or above zero as what is compared is to the other.
    @inline(__always)
    func holds(_ order: Int) -> Bool {
        switch self {
        case .less: order < 0
        case .lessOrEqual: order <= 0
        case .equal: order == 0
        case .greaterOrEqual: order >= 0
        case .greater: order > 0
        }
    }
}

extension Bytes {
    /// The number at the beginning, as C's atoi reads it: 0 when there is none, no further than fits.
    var leadingNumber: Int64 {
        let text = skippingSpace
        guard !text.isEmpty else { return 0 }
        let isNegative = text[0] == UInt8(ascii: "-")
        var value: Int64 = 0
        for byte in text.from(isNegative || text[0] == UInt8(ascii: "+") ? 1 : 0).buffer {
            guard byte.isDigit, value < Int64.max / 100 else { break }
            value = value * 10 + Int64(byte - UInt8(ascii: "0"))
        }
        return isNegative ? -value : value
    }

    /// Below, equal to or above zero, as httpd orders strings: a shorter one stands first, bytes count among equally long
    /// ones.
    func order(to other: Bytes) -> Int {
        guard count == other.count else { return count < other.count ? -1 : 1 }
        for index in 0..<count where self[index] != other[index] { return self[index] < other[index] ? -1 : 1 }
        return 0
    }

    /// As the dictionary has it, without case.
    func orderIgnoringCase(to other: Bytes) -> Int {
        for index in 0..<Swift.min(count, other.count) {
            let (left, right) = (self[index].asciiLowercased, other[index].asciiLowercased)
            if left != right { return left < right ? -1 : 1 }
        }
        return count - other.count
    }
}
