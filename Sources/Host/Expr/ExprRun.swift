import ByteKit
import Glibc
import ModuleABI

/// One evaluation of an expression for a request.
///
/// What it makes lies in the request's arena. The first thing that fails is kept in `failure`; whoever asked for the
/// whole looks at it at the end.
struct ExprRun {
    /// Groups that $0 … $9 can name.
    static let groupCount = 10

    let expression: Expression.Ref
    let r: Request.Ref
    private let varies: Bool
    /// What the last regular expression that matched was held against, and where its groups lie in it.
    private(set) var subject = Bytes.none
    private let spans: UnsafeMutablePointer<Int64>
    private let spanCount: Int
    private(set) var failure: String?

    /// `spans`: room for `spanCount` groups, two numbers each. Those of an earlier match belong to `subject`.
    init(
        _ expression: Expression.Ref, _ r: Request.Ref, subject: Bytes = .none, spans: UnsafeMutablePointer<Int64>,
        spanCount: Int
    ) {
        self.expression = expression
        self.r = r
        self.subject = subject
        self.spans = spans
        self.spanCount = spanCount
        // A look-up's answer is no answer to a client.
        varies = expression.pointee.varies && r.pointee.main == nil
    }

    mutating func fail(_ reason: @autoclosure () -> String) {
        if failure == nil { failure = reason() }
    }

    // MARK: Conditions

    mutating func holds(_ condition: ExprCondition) -> Bool {
        guard failure == nil else { return false }
        switch condition {
        case .constant(let value): return value
        case .not(let inner): return !holds(inner.pointee)
        case .all(let parts):
            for part in parts where !holds(part) { return false }
            return true
        case .any(let parts):
            for part in parts where holds(part) { return true }
            return false
        case .texts(let comparison, let left, let right):
            return comparison.holds(ExprRun.order(value(left), value(right)))
        case .numbers(let comparison, let left, let right):
            let (a, b) = (ExprRun.number(value(left)), ExprRun.number(value(right)))
            return comparison.holds(a < b ? -1 : a > b ? 1 : 0)
        case .regex(let word, let regex, let isNegated): return matches(value(word), regex) != isNegated
        case .isIn(let word, let items):
            let wanted = value(word)
            for item in items where value(item) == wanted { return true }
            return false
        case .isInList(let word, let addition, let argument): return isIn(value(word), addition, value(argument))
        case .inSubnet(let word, let subnet): return isInside(word.map { value($0) }, subnet)
        case .wildcard(let kind, let word, let pattern): return matches(value(word), value(pattern), kind)
        case .test(let test, let word): return holds(test, value(word))
        case .moduleTest(let addition, let left, let right):
            return asked(addition, left.map { value($0) } ?? Bytes(""), value(right))
        }
    }

    /// By bytes, as strcmp(3) compares.
    private static func order(_ a: Bytes, _ b: Bytes) -> Int {
        let common = min(a.count, b.count)
        let order = common == 0 ? 0 : Int(memcmp(a.ptr, b.ptr, common))
        return order != 0 ? order : a.count - b.count
    }

    /// The number at the beginning, as strtol(3) reads it; 0 when there is none.
    private static func number(_ text: Bytes) -> Int64 {
        var at = 0
        while at < text.count, text[at] == 0x20 || text[at] &- 9 < 5 { at += 1 }
        var isNegative = false
        if at < text.count, text[at] == 0x2d || text[at] == 0x2b {
            isNegative = text[at] == 0x2d
            at += 1
        }
        var value: Int64 = 0
        while at < text.count, text[at].isDigit {
            let digit = Int64(text[at] - 0x30)
            let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = scaled.subtractingReportingOverflow(digit)
            guard !overflow, !carry else { return isNegative ? .min : .max }
            value = sum
            at += 1
        }
        return isNegative ? value : value == .min ? .max : -value
    }

    /// One without groups leaves those of an earlier one as they are, as in httpd.
    private mutating func matches(_ subject: Bytes, _ regex: UnsafePointer<Regex>) -> Bool {
        let hasGroups = regex.pointee.groups > 0
        switch regex.pointee.match(subject, hasGroups ? spans : nil, hasGroups ? spanCount : 0) {
        case .match:
            if hasGroups { self.subject = subject }
            return true
        case .noMatch: return false
        case .limit:
            fail("a regular expression needs too many steps for \"\(subject.string)\"")
            return false
        }
    }

    private func matches(_ text: Bytes, _ pattern: Bytes, _ kind: ExprWildcard) -> Bool {
        Wildcard.matches(pattern, text, ignoringCase: kind == .strcmatch, pathname: kind == .fnmatch)
    }

    private func isInside(_ address: Bytes?, _ subnet: Subnet) -> Bool {
        if let written = address ?? (r.pointee.peerAddress.isSet ? r.pointee.peerAddress : nil) {
            return IPAddress(written).map { subnet.contains($0) } ?? false
        }
        return subnet.contains(r.pointee.conn.pointee.peer.ip)
    }

    private mutating func isIn(_ wanted: Bytes, _ addition: UnsafePointer<ExprAddition>, _ argument: Bytes) -> Bool {
        guard case .list(let fn) = addition.pointee.kind else { return false }
        var items: UnsafePointer<apus_str>?
        var count: UInt32 = 0
        let status = Activity.during(.init(module: Int(addition.pointee.module), .expression)) {
            fn(addition.pointee.ctx, r.handle, argument, &items, &count)
        }
        if status < 0 { fail("a function of a module fails (\(status))") }
        guard status == APUS_OK else { return false }
        return UnsafeBufferPointer(start: items, count: Int(count)).contains { $0 == wanted }
    }

    private mutating func asked(_ addition: UnsafePointer<ExprAddition>, _ left: Bytes, _ right: Bytes) -> Bool {
        guard failure == nil, case .test(let fn) = addition.pointee.kind else { return false }
        let answer = Activity.during(.init(module: Int(addition.pointee.module), .expression)) {
            fn(addition.pointee.ctx, r.handle, left, right)
        }
        if answer < 0 { fail("an operator of a module fails (\(answer))") }
        return answer > 0
    }

    // MARK: Words

    mutating func value(_ word: UnsafePointer<ExprWord>) -> Bytes { value(word.pointee) }

    mutating func value(_ word: ExprWord) -> Bytes {
        switch word {
        case .constant(let text): return text
        case .group(let number): return group(number)
        case .variable(let variable): return variable.value(r)
        case .header(let name, let varies): return header(name, varies)
        case .headerNamed(let name, let varies): return header(value(name), varies)
        case .function(let function, let argument):
            let argument = value(argument)
            return failure == nil ? function.value(of: argument, &self) : Bytes("")
        case .moduleVariable(let addition, let name): return asked(addition, name)
        case .moduleFunction(let addition, let argument): return asked(addition, value(argument))
        case .joined(let parts): return join(parts)
        }
    }

    private func group(_ number: Int) -> Bytes {
        guard subject.isSet, number < spanCount, spans[2 * number] >= 0 else { return Bytes("") }
        return subject[Int(spans[2 * number])..<Int(spans[2 * number + 1])]
    }

    private mutating func header(_ name: Bytes, _ tellsVary: Bool) -> Bytes {
        // Every answer depends on Host: nothing is gained by saying so.
        if varies, tellsVary, !name.equalsIgnoringCase("Host") { Vary.add(name, r) }
        return r.pointee.headersIn.first(name) ?? Bytes("")
    }

    private mutating func asked(_ addition: UnsafePointer<ExprAddition>, _ name: Bytes) -> Bytes {
        guard failure == nil, case .value(let fn) = addition.pointee.kind else { return Bytes("") }
        var value = Bytes.none
        let status = Activity.during(.init(module: Int(addition.pointee.module), .expression)) {
            fn(addition.pointee.ctx, r.handle, name, &value)
        }
        if status < 0 { fail("\(name.string) cannot be had (\(status))") }
        return status == APUS_OK && value.isSet ? value : Bytes("")
    }

    private mutating func join(_ parts: UnsafeBufferPointer<ExprWord>) -> Bytes {
        // Every part is asked once: first what they are, then one copy of all of them.
        let values = r.pointee.arena.allocate(Bytes.self, count: parts.count)
        var total = 0
        for index in 0..<parts.count {
            values[index] = value(parts[index])
            total += values[index].count
        }
        var writer = ByteWriter(r.pointee.arena.pointee.allocate(total + 1), capacity: total + 1)
        for index in 0..<parts.count { writer.append(values[index]) }
        writer.append(0 as UInt8)
        return writer.written.upTo(total)
    }
}
