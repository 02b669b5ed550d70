import Glibc
import ModuleKit

/// The order of a listing: the parent first, then folders if they lead, then by the key and at last by name.
struct EntryOrder {
    let sorting: Sorting
    let byVersion: Bool
    let ignoresCase: Bool

    func isBefore(_ a: Entry, _ b: Entry) -> Bool {
        if a.isParent || b.isParent { return a.isParent && !b.isParent }
        if a.leads != b.leads { return a.leads }
        return sorting.isAscending ? compare(a, b) < 0 : compare(b, a) < 0
    }

    private func compare(_ a: Entry, _ b: Entry) -> Int {
        switch sorting.key {
        case .modified where a.modified != b.modified: return a.modified < b.modified ? -1 : 1
        case .size where a.size != b.size: return a.size < b.size ? -1 : 1
        case .description:
            let order = compare(a.description ?? Bytes(""), b.description ?? Bytes(""), ignoringCase: false)
            if order != 0 { return order }
        default: break
        }
        if ignoresCase {
            let order = compare(a.name, b.name, ignoringCase: true)
            if order != 0 { return order }
        }
        return compare(a.name, b.name, ignoringCase: false)
    }

    private func compare(_ a: Bytes, _ b: Bytes, ignoringCase: Bool) -> Int {
        if byVersion { return NaturalOrder.compare(a, b, ignoringCase: ignoringCase) }
        for index in 0..<min(a.count, b.count) {
            let (left, right) = ignoringCase ? (a[index].asciiLowercased, b[index].asciiLowercased) : (a[index], b[index])
            if left != right { return left < right ? -1 : 1 }
        }
        return a.count == b.count ? 0 : a.count < b.count ? -1 : 1
    }
}

/// Compares texts with runs of digits by their value, those that begin with a zero as fractions.
enum NaturalOrder {
    static func compare(_ a: Bytes, _ b: Bytes, ignoringCase: Bool) -> Int {
        var left = Cursor(bytes: a, ignoresCase: ignoringCase)
        var right = Cursor(bytes: b, ignoresCase: ignoringCase)
        while true {
            left.skipSpaces()
            right.skipSpaces()
            if left.isDigit, right.isDigit {
                let order = left.isZero || right.isZero ? compareFractions(left, right) : compareNumbers(left, right)
                if order != 0 { return order }
            }
            guard let first = left.value, let second = right.value else {
                return left.value == nil && right.value == nil ? 0 : left.value == nil ? -1 : 1
            }
            // Bytes beyond ASCII come first, as httpd has it.
            if first != second { return first < second ? -1 : 1 }
            left.at += 1
            right.at += 1
        }
    }

    /// The longer run is the greater; of equal ones the first difference counts.
    private static func compareNumbers(_ a: Cursor, _ b: Cursor) -> Int {
        var (left, right) = (a, b)
        var bias = 0
        while left.isDigit, right.isDigit {
            if bias == 0, let first = left.value, let second = right.value, first != second {
                bias = first < second ? -1 : 1
            }
            left.at += 1
            right.at += 1
        }
        if left.isDigit != right.isDigit { return left.isDigit ? 1 : -1 }
        return bias
    }

    private static func compareFractions(_ a: Cursor, _ b: Cursor) -> Int {
        var (left, right) = (a, b)
        while left.isDigit, right.isDigit {
            if let first = left.value, let second = right.value, first != second { return first < second ? -1 : 1 }
            left.at += 1
            right.at += 1
        }
        return left.isDigit == right.isDigit ? 0 : left.isDigit ? 1 : -1
    }

    private struct Cursor {
        let bytes: Bytes
        let ignoresCase: Bool
        var at = 0

        var byte: UInt8? { at < bytes.count ? bytes[at] : nil }
        var isDigit: Bool { byte?.isDigit == true }
        var isZero: Bool { byte == 0x30 }
        var value: Int8? {
            byte.map { Int8(bitPattern: ignoresCase && $0 &- 0x61 < 26 ? $0 & 0xdf : $0) }
        }

        mutating func skipSpaces() {
            while let byte, byte == 0x20 || 9...13 ~= byte { at += 1 }
        }
    }
}
