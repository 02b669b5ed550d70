import ModuleKit

let expiryDirectives: [Directive] = [
    Directive("ExpiresActive", .flag, in: .any, override: .indexes, help: "On or Off") {
        $0.configuration(ExpiryConf.self).pointee.isActive = try Bool(word: $1[0]) ? .on : .off
    },
    Directive("ExpiresByType", .two, in: .any, override: .indexes, help: "media-type time") { command, words in
        let expiry = try Expiry(words[1])
        guard words[0].contains(UInt8(ascii: "/")) else {
            throw DirectiveError("\"\(words.string(0))\" is no media type; write text/html, or image/* for all images")
        }
        command.configuration(ExpiryConf.self).pointee.set(command.pool.copy(words[0]), expiry, in: command.pool)
    },
    Directive("ExpiresDefault", .one, in: .any, override: .indexes, help: "time") {
        $0.configuration(ExpiryConf.self).pointee.standard = try Expiry($1[0])
    },
]

extension Expiry {
    private static let hint = "write \"access plus 1 month\", \"modification plus 2 hours 30 minutes\" or A3600"

    /// Reads `A3600` or `M3600`, or `access plus 1 month 2 days`.
    init(_ text: Bytes) throws {
        if let short = Expiry(short: text) {
            self = short
            return
        }
        var words = text.string.split { $0 == " " || $0 == "\t" }.map { $0.lowercased() }
        guard let first = words.first else { throw DirectiveError("the time is empty; \(Self.hint)") }
        switch first {
        case "now", "access": base = .access
        case "modification": base = .modification
        default:
            throw DirectiveError("\"\(first)\" is neither access, now nor modification; \(Self.hint)")
        }
        words.removeFirst()
        if words.first == "plus" { words.removeFirst() }
        seconds = 0
        while !words.isEmpty {
            guard let number = Int64(words.removeFirst()) else {
                throw DirectiveError("\"\(text.string)\" lacks a number before a unit; \(Self.hint)")
            }
            guard let unit = words.isEmpty ? nil : Expiry.unit(words.removeFirst()) else {
                throw DirectiveError(
                    "\(number) is not followed by years, months, weeks, days, hours, minutes or seconds; \(Self.hint)")
            }
            let (span, overflow) = number.multipliedReportingOverflow(by: unit)
            let (sum, carry) = seconds.addingReportingOverflow(span)
            guard !overflow, !carry, abs(sum) < 1 << 40 else { throw DirectiveError("\"\(text.string)\" is too long a time") }
            seconds = sum
        }
    }

    private init?(short text: Bytes) {
        guard text.count > 1, text[0] == UInt8(ascii: "A") || text[0] == UInt8(ascii: "M") else { return nil }
        let isNegative = text[1] == UInt8(ascii: "-")
        guard let number = text.from(isNegative ? 2 : 1).decimal, number < 1 << 40 else { return nil }
        base = text[0] == UInt8(ascii: "A") ? .access : .modification
        seconds = isNegative ? -number : number
    }

    private static func unit(_ word: String) -> Int64? {
        switch word.hasSuffix("s") ? String(word.dropLast()) : word {
        case "year": 365 * 86_400
        case "month": 30 * 86_400
        case "week": 7 * 86_400
        case "day": 86_400
        case "hour": 3600
        case "minute", "min": 60
        case "second", "sec": 1
        default: nil
        }
    }
}
