import Glibc
import ModuleKit

extension Run {
    /// Whether a condition holds.
    mutating func test(_ condition: UnsafePointer<Condition>) throws -> Bool {
        if case .expression(let expression) = condition.pointee.test {
            return try test(expression, condition)
        }
        let input = try expand(condition.pointee.input)
        let found = try outcome(of: condition, input)
        let isTrue = found != condition.pointee.flags.contains(.negated)
        if trace.isOn { tell(condition, input, isTrue) }
        return isTrue
    }

    private mutating func outcome(of condition: UnsafePointer<Condition>, _ input: Bytes) throws -> Bool {
        let ignoresCase = condition.pointee.flags.contains(.ignoresCase)
        switch condition.pointee.test {
        case .pattern(let pattern, let literal):
            if literal.excludes(input) { return false }
            guard try search(pattern, input, scratch, condition.pointee.place) else { return false }
            if !condition.pointee.flags.contains(.negated) {
                conditionGroups.take(scratch, source: input.isSet ? input : Bytes(""))
            }
            return true
        case .compare(let comparison, let other):
            return comparison.holds(ignoresCase ? input.orderIgnoringCase(to: other) : input.order(to: other))
        case .number(let comparison, let other):
            let number = input.leadingNumber
            return comparison.holds(number < other ? -1 : number > other ? 1 : 0)
        case .file(let test): return try holds(test, input)
        case .url: return isServed(input)
        case .served: return isReadable(input)
        case .expression: return false
        }
    }

    private mutating func test(_ expression: Expression, _ condition: UnsafePointer<Condition>) throws -> Bool {
        var matched = Bytes.none
        guard let found = expression.match(request, subject: &matched, spans: scratch.buffer) else {
            trace.line(
                1, at: condition.pointee.place, "RewriteCond: expr='\(condition.pointee.text.string)' evaluation failed")
            return false
        }
        let isNegated = condition.pointee.flags.contains(.negated)
        if found, matched.isSet, !isNegated { conditionGroups.take(scratch, source: matched) }
        let isTrue = found != isNegated
        if trace.isOn { tell(condition, Bytes("expr"), isTrue) }
        return isTrue
    }

    private func tell(_ condition: UnsafePointer<Condition>, _ input: Bytes, _ isTrue: Bool) {
        let negation = condition.pointee.flags.contains(.negated) ? "!" : ""
        let nocase = condition.pointee.flags.contains(.ignoresCase) ? " [NC]" : ""
        trace.line(
            4, at: condition.pointee.place,
            "RewriteCond: input='\(input.string)' pattern='\(negation)\(condition.pointee.text.string)'\(nocase) =>"
                + " \(isTrue ? "matched" : "not-matched")")
    }

    /// -U: whether a request for the URL would be let in.
    private func isServed(_ url: Bytes) -> Bool {
        guard !url.isEmpty, mayAsk, let sub = try? request.lookup(url) else { return false }
        defer { sub.destroy() }
        trace.line(5, "RewriteCond URI (-U) check: path=\(url.string) -> status=\(sub.status)")
        return sub.status < 400
    }

    /// -F: whether the file is there and would be served.
    private func isReadable(_ file: Bytes) -> Bool {
        guard !file.isEmpty, mayAsk, let sub = module.lookUp(file: file, for: request) else { return false }
        defer { sub.destroy() }
        trace.line(
            5, "RewriteCond file (-F) check: path=\(file.string) -> file=\(sub.filename.string) status=\(sub.status)")
        return sub.status < 300 && sub.fileType != APUS_FILE_NONE
    }
}

extension Condition.FileTest {
    /// As a rule writes it.
    var letter: StaticString {
        switch self {
        case .isRegular: "f"
        case .isFilled: "s"
        case .isDirectory: "d"
        case .isLink: "l"
        case .isExecutable: "x"
        case .exists: "e"
        }
    }

    /// `path` ends in a NUL byte. One that holds another names no file.
    func holds(for path: Bytes) -> Bool {
        guard let text = path.ptr, !path.isEmpty, !path.contains(0) else { return false }
        var info = stat()
        guard (self == .isLink ? lstat(text, &info) : stat(text, &info)) == 0 else { return false }
        let kind = info.st_mode & S_IFMT
        return switch self {
        case .isRegular: kind == S_IFREG
        case .isFilled: kind == S_IFREG && info.st_size > 0
        case .isDirectory: kind == S_IFDIR
        case .isLink: kind == S_IFLNK
        case .isExecutable: info.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH) != 0
        case .exists: true
        }
    }
}
