import ModuleKit

/// What every match of a pattern holds: a cheap way to see that there is none.
///
/// Most rules do not match most requests, and most patterns begin with a literal path. Comparing it costs a fraction
/// of running the expression. What cannot be told for sure is left to the expression.
struct LiteralTest: BitwiseCopyable {
    private enum Kind: UInt8, BitwiseCopyable {
        /// Nothing is known.
        case any
        /// The subject begins with it.
        case prefix
        /// The subject is it: the pattern is a literal between ^ and $.
        case whole
        /// The subject ends with it.
        case suffix
    }

    private var kind = Kind.any
    private var text = Bytes.none
    /// What stands somewhere else in the subject, too; empty: nothing is known.
    private var inner = Bytes.none

    init(of pattern: Bytes, ignoringCase: Bool, in pool: Pool) {
        guard !ignoringCase, let found = LiteralScan.scan(pattern), !found.isEmpty, Pattern.hasUsualOptions(in: pool)
        else { return }
        if !found.first.bytes.isEmpty {
            text = found.first.bytes.withUnsafeBytes { pool.copy(Bytes($0)) }
            kind =
                switch (found.first.isAnchoredAtStart, found.first.isAnchoredAtEnd) {
                case (true, true): .whole
                case (true, false): .prefix
                default: .suffix
                }
        }
        // A slash in front is in most paths: the rest tells more, and sooner.
        let bytes = found.inner.count > 2 && found.inner[0] == UInt8(ascii: "/") ? Array(found.inner[1...]) : found.inner
        if !bytes.isEmpty { inner = bytes.withUnsafeBytes { pool.copy(Bytes($0)) } }
    }

    /// Whether no match with the subject is possible.
    @inline(__always)
    func excludes(_ subject: Bytes) -> Bool {
        switch kind {
        case .any: break
        case .prefix: if !subject.hasPrefix(text) { return true }
        case .whole: return subject != text
        case .suffix: if !subject.hasSuffix(text) { return true }
        }
        return inner.count > 0 && !subject.holds(inner)
    }
}

extension Bytes {
    /// Whether a text that is not empty stands somewhere in it.
    fileprivate func holds(_ text: Bytes) -> Bool {
        guard count >= text.count else { return false }
        let last = count - text.count
        var from = 0
        while let at = firstIndex(of: text[0], from: from), at <= last {
            if self[at..<at + text.count] == text { return true }
            from = at + 1
        }
        return false
    }
}

/// Finds literals that every match of a pattern holds: runs of plain characters outside groups.
struct LiteralScan {
    struct Run {
        var bytes: [UInt8] = []
        var isAnchoredAtStart = false
        var isAnchoredAtEnd = false
    }

    private let pattern: Bytes
    private var at = 0
    private var run = Run()
    /// One at an end of the pattern, compared at one place: at the beginning before at the end.
    private(set) var first = Run()
    /// The longest of the others.
    private(set) var inner: [UInt8] = []

    var isEmpty: Bool { first.bytes.isEmpty && inner.isEmpty }

    /// Nil: the pattern has alternatives outside groups, or something this does not know.
    static func scan(_ pattern: Bytes) -> LiteralScan? {
        var scan = LiteralScan(pattern: pattern)
        return scan.walk() ? scan : nil
    }

    private init(pattern: Bytes) { self.pattern = pattern }

    /// Ends a run.
    private mutating func close() {
        defer { run = Run() }
        guard !run.bytes.isEmpty else { return }
        if run.isAnchoredAtStart || run.isAnchoredAtEnd && first.bytes.isEmpty {
            first = run
        } else if run.bytes.count > inner.count {
            inner = run.bytes
        }
    }

    /// False: nothing can be told.
    private mutating func walk() -> Bool {
        if pattern.hasPrefix("^") {
            run.isAnchoredAtStart = true
            at = 1
        }
        while at < pattern.count {
            guard step() else { return false }
        }
        close()
        return true
    }

    private mutating func step() -> Bool {
        let byte = pattern[at]
        switch byte {
        case UInt8(ascii: "|"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"), UInt8(ascii: "{"), UInt8(ascii: "^"):
            return false
        case UInt8(ascii: "$"):
            guard at == pattern.count - 1 else { return false }
            run.isAnchoredAtEnd = true
            at += 1
        case UInt8(ascii: "("): return skip(to: Self.skipGroup(pattern, at))
        case UInt8(ascii: "["): return skip(to: Self.skipClass(pattern, at))
        case UInt8(ascii: "."): return skip(to: at + 1)
        case UInt8(ascii: "\\"):
            guard at + 1 < pattern.count else { return false }
            let escaped = pattern[at + 1]
            if escaped.isLetterOrDigit {
                // A class such as \d or \w; anything longer, such as \x41 or \Q, is not read here.
                return Self.classLetters.contains(escaped) && skip(to: at + 2)
            }
            take(escaped, after: at + 2)
        default: take(byte, after: at + 1)
        }
        return true
    }

    /// Passes over what is no literal, with its quantifier.
    private mutating func skip(to end: Int?) -> Bool {
        guard let end else { return false }
        close()
        at = Self.skipQuantifier(pattern, end)
        return true
    }

    /// A plain character: part of the run, unless a quantifier makes it uncertain.
    private mutating func take(_ byte: UInt8, after: Int) {
        at = after
        let next = after < pattern.count ? pattern[after] : 0
        switch next {
        case UInt8(ascii: "*"), UInt8(ascii: "?"), UInt8(ascii: "{"): _ = skip(to: after)
        case UInt8(ascii: "+"):
            run.bytes.append(byte)
            _ = skip(to: after)
        default: run.bytes.append(byte)
        }
    }

    private static let classLetters: Set<UInt8> = Set("dDwWsShHvVbB".utf8)

    /// Past a quantifier at `at`, if there is one.
    private static func skipQuantifier(_ pattern: Bytes, _ at: Int) -> Int {
        var at = at
        guard at < pattern.count else { return at }
        switch pattern[at] {
        case UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"): at += 1
        case UInt8(ascii: "{"):
            // Only digits make it a quantifier; anything else stays where it is, and ends the scan.
            guard let end = pattern.firstIndex(of: UInt8(ascii: "}"), from: at), end > at + 1,
                pattern[at + 1..<end].buffer.allSatisfy({ $0.isDigit || $0 == UInt8(ascii: ",") })
            else { return at }
            at = end + 1
        default: return at
        }
        if at < pattern.count, pattern[at] == UInt8(ascii: "?") || pattern[at] == UInt8(ascii: "+") { at += 1 }
        return at
    }

    /// Past the group that opens at `at`.
    private static func skipGroup(_ pattern: Bytes, _ at: Int) -> Int? {
        var depth = 0
        var at = at
        while at < pattern.count {
            switch pattern[at] {
            case UInt8(ascii: "\\"):
                if hidesBracket(pattern, at) { return nil }
                at += 1
            case UInt8(ascii: "["):
                guard let end = skipClass(pattern, at) else { return nil }
                at = end - 1
            case UInt8(ascii: "("):
                guard isPlainGroup(pattern, at) else { return nil }
                depth += 1
            case UInt8(ascii: ")"):
                depth -= 1
                if depth == 0 { return at + 1 }
            default: break
            }
            at += 1
        }
        return nil
    }

    /// Whether the group that opens at `at` captures, only groups, or looks ahead. Others may change how the rest is
    /// read, "(?i)", or end the match at once, "(*ACCEPT)".
    private static func isPlainGroup(_ pattern: Bytes, _ at: Int) -> Bool {
        guard at + 1 < pattern.count else { return false }
        if pattern[at + 1] == UInt8(ascii: "*") { return false }
        guard pattern[at + 1] == UInt8(ascii: "?") else { return true }
        guard at + 2 < pattern.count else { return false }
        switch pattern[at + 2] {
        case UInt8(ascii: ":"), UInt8(ascii: "!"), UInt8(ascii: "="): return true
        default: return false
        }
    }

    /// Past the character class that opens at `at`.
    private static func skipClass(_ pattern: Bytes, _ at: Int) -> Int? {
        var at = at + 1
        if at < pattern.count, pattern[at] == UInt8(ascii: "^") { at += 1 }
        if at < pattern.count, pattern[at] == UInt8(ascii: "]") { at += 1 }
        while at < pattern.count {
            switch pattern[at] {
            case UInt8(ascii: "\\"):
                if hidesBracket(pattern, at) { return nil }
                at += 1
            case UInt8(ascii: "["):
                // "[:alpha:]" ends in a bracket of its own.
                if at + 1 < pattern.count, pattern[at + 1] == UInt8(ascii: ":") {
                    guard let end = skipClassName(pattern, at + 2) else { return nil }
                    at = end - 1
                }
            case UInt8(ascii: "]"): return at + 1
            default: break
            }
            at += 1
        }
        return nil
    }

    /// Past the name of a class, and the ":]" behind it; nil: it is none, and what it is instead is not read here.
    private static func skipClassName(_ pattern: Bytes, _ at: Int) -> Int? {
        guard let end = pattern.firstIndex(of: UInt8(ascii: ":"), from: at), end + 1 < pattern.count,
            pattern[end + 1] == UInt8(ascii: "]"),
            pattern[at..<end].buffer.allSatisfy({ $0.isLetterOrDigit || $0 == UInt8(ascii: "^") })
        else { return nil }
        return end + 2
    }

    /// Whether a bracket may belong to what the backslash at `at` begins: \Q … \E quotes it, \c makes a control
    /// character of it, and \E at the beginning of a class leaves a "]" behind it the first.
    private static func hidesBracket(_ pattern: Bytes, _ at: Int) -> Bool {
        guard at + 1 < pattern.count else { return false }
        return switch pattern[at + 1] {
        case UInt8(ascii: "Q"), UInt8(ascii: "E"), UInt8(ascii: "c"): true
        default: false
        }
    }
}

extension UInt8 {
    var isLetterOrDigit: Bool { isDigit || (self | 0x20) &- 0x61 < 26 }
}
