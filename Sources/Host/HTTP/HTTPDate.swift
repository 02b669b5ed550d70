import ByteKit
import Glibc

/// Dates as HTTP writes them (RFC 9110, 5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT".
enum HTTPDate {
    static let length = 29

    private static let days = StaticString("ThuFriSatSunMonTueWed")
    private static let months = StaticString("JanFebMarAprMayJunJulAugSepOctNovDec")

    /// The last second that can be written: a year has four digits.
    static let last: Int64 = 253_402_300_799

    /// Writes the date of a time in seconds since 1970; one before that, or behind the last, as the nearest.
    static func write(_ time: Int64, _ writer: inout ByteWriter) {
        let seconds = min(max(time, 0), last)
        let day = seconds / 86400
        let rest = Int(seconds - day * 86400)
        let (year, month, monthDay) = civil(day)
        name(days, Int(day % 7), &writer)
        writer.append(", ")
        writer.append(decimal: monthDay, width: 2)
        writer.append(0x20)
        name(months, month - 1, &writer)
        writer.append(0x20)
        writer.append(decimal: year, width: 4)
        writer.append(0x20)
        writer.append(decimal: rest / 3600, width: 2)
        writer.append(0x3a)
        writer.append(decimal: rest / 60 % 60, width: 2)
        writer.append(0x3a)
        writer.append(decimal: rest % 60, width: 2)
        writer.append(" GMT")
    }

    private static func name(_ names: StaticString, _ index: Int, _ writer: inout ByteWriter) {
        writer.append(Bytes(UnsafeRawPointer(names.utf8Start + index * 3), count: 3))
    }

    /// Year, month and day of a day counted from 1970 (Howard Hinnant's days algorithm).
    private static func civil(_ day: Int64) -> (Int, Int, Int) {
        let shifted = day + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let monthDay = Int(dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
        let month = Int(shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9)
        return (Int(yearOfEra + era * 400) + (month <= 2 ? 1 : 0), month, monthDay)
    }

    /// Seconds since 1970 of a date in one of HTTP's three forms; nil: it is none, and the field is to be ignored.
    static func parse(_ text: Bytes) -> Int64? {
        var parts = Fields(text)
        guard let first = parts.next() else { return nil }
        if first.hasSuffix(Bytes(",")) {
            guard let second = parts.next() else { return nil }
            if second.count > 2 { return rfc850(second, parts.next()) }
            guard let day = second.decimal, let month = month(parts.next()), let year = parts.next()?.decimal else { return nil }
            return seconds(year, month, day, parts.next())
        }
        // asctime: "Sun Nov  6 08:49:37 1994"
        guard let month = month(parts.next()), let day = parts.next()?.decimal, let time = parts.next(),
            let year = parts.next()?.decimal
        else { return nil }
        return seconds(year, month, day, time)
    }

    /// "Sunday, 06-Nov-94 08:49:37 GMT"; years more than 50 ahead are of the last century.
    private static func rfc850(_ date: Bytes, _ time: Bytes?) -> Int64? {
        guard date.count == 9, let day = date.upTo(2).decimal, let month = month(date[3..<6]),
            let short = date.from(7).decimal
        else { return nil }
        return seconds(short < 70 ? short + 2000 : short + 1900, month, day, time)
    }

    private static func month(_ name: Bytes?) -> Int64? {
        guard let name, name.count == 3 else { return nil }
        for index in 0..<12 {
            if name == Bytes(UnsafeRawPointer(months.utf8Start + index * 3), count: 3) { return Int64(index + 1) }
        }
        return nil
    }

    private static func seconds(_ year: Int64, _ month: Int64, _ day: Int64, _ time: Bytes?) -> Int64? {
        guard let time, time.count == 8, time[2] == 0x3a, time[5] == 0x3a, let hour = time.upTo(2).decimal,
            let minute = time[3..<5].decimal, let second = time.from(6).decimal, (1...31).contains(day), hour < 24,
            minute < 60, second < 62, (1970...9999).contains(year)
        else { return nil }
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = shiftedYear / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return (era * 146_097 + dayOfEra - 719_468) * 86400 + hour * 3600 + minute * 60 + second
    }

    /// The words of a date, separated by spaces.
    private struct Fields {
        private var rest: Bytes

        init(_ text: Bytes) { rest = text }

        mutating func next() -> Bytes? {
            rest = rest.trimmed
            guard !rest.isEmpty else { return nil }
            let end = rest.firstIndex(of: 0x20) ?? rest.count
            defer { rest = rest.from(end) }
            return rest.upTo(end)
        }
    }
}
