public import ByteKit
import Glibc

extension Pool {
    /// A time in seconds since 1970 as header fields write it (RFC 9110, 5.6.7).
    public func httpDate(_ seconds: Int64) -> Bytes {
        let days: StaticString = "SunMonTueWedThuFriSat"
        let months: StaticString = "JanFebMarAprMayJunJulAugSepOctNovDec"
        var time = time_t(seconds)
        var parts = tm()
        gmtime_r(&time, &parts)
        return compose(capacity: 32) { writer in
            writer.append(Bytes(UnsafeRawPointer(days.utf8Start + Int(parts.tm_wday) * 3), count: 3))
            writer.append(", ")
            writer.append(decimal: Int(parts.tm_mday), width: 2)
            writer.append(0x20)
            writer.append(Bytes(UnsafeRawPointer(months.utf8Start + Int(parts.tm_mon) * 3), count: 3))
            writer.append(0x20)
            writer.append(decimal: Int(parts.tm_year) + 1900, width: 4)
            writer.append(0x20)
            writer.append(decimal: Int(parts.tm_hour), width: 2)
            writer.append(0x3a)
            writer.append(decimal: Int(parts.tm_min), width: 2)
            writer.append(0x3a)
            writer.append(decimal: Int(parts.tm_sec), width: 2)
            writer.append(" GMT")
        }
    }
}
