import ByteKit
import ModuleABI

/// apus/regex.h
enum RegexExtension {
    static let table = apus_regex_v1(
        size: Extensions.size(apus_regex_v1.self), reserved: 0,
        compile: { pool, pattern, flags, out, reason in
            let arena = PoolExtension.arena(pool)
            guard flags & ~(APUS_REGEX_ICASE | APUS_REGEX_DOTALL | APUS_REGEX_NO_DOLLAR_NEWLINE) == 0 else {
                reason?.pointee = arena.copy("the flags 0x\(String(flags, radix: 16)) are not known here")
                return APUS_E_INVALID
            }
            do throws(Regex.Problem) {
                out?.pointee = OpaquePointer(try Regex.compile(pattern, flags: flags, in: arena))
                return APUS_OK
            } catch {
                reason?.pointee = arena.copy("\(error.message) at byte \(error.offset)")
                return APUS_E_INVALID
            }
        },
        match: { regex, subject, spans, count in
            switch compiled(regex).pointee.match(subject, spans, Int(count)) {
            case .match: APUS_OK
            case .noMatch: APUS_DECLINED
            case .limit: APUS_E_TOO_BIG
            }
        },
        groups: { regex in UInt32(compiled(regex).pointee.groups) },
        substitute: { pool, pattern, subject, spans, count in
            guard let spans else { return pattern }
            return Regex.substitute(pattern, subject, spans, Int(count), in: PoolExtension.arena(pool))
        })

    private static func compiled(_ handle: OpaquePointer?) -> UnsafePointer<Regex> { UnsafePointer(handle.unsafelyUnwrapped) }
}
