import ByteKit
import CPCRE2
import ModuleABI

/// A compiled regular expression: what a module knows as apus_regex.
///
/// Matching is bounded: an input that would backtrack for ever is answered `.limit`, which callers treat as an attack.
struct Regex: BitwiseCopyable {
    enum Outcome {
        case match, noMatch, limit
    }

    private let code: OpaquePointer
    private let scratch: OpaquePointer
    let groups: Int
    /// There is machine code for it, which is run without further checks.
    private let isCompiled: Bool

    static let matchLimit: UInt32 = 1_000_000
    nonisolated(unsafe) private static let context: OpaquePointer? = {
        let context = pcre2_match_context_create_8(nil)
        pcre2_set_match_limit_8(context, matchLimit)
        pcre2_set_depth_limit_8(context, 10_000)
        // What lies on the thread's own stack is soon used up by a group that repeats over a long path. One for all
        // matches is enough, for only the loop's thread matches with this context.
        pcre2_jit_stack_assign_8(context, nil, UnsafeMutableRawPointer(pcre2_jit_stack_create_8(32 << 10, 1 << 20, nil)))
        return context
    }()
    /// The same for threads of the blocking pool, which must not share a stack.
    nonisolated(unsafe) private static let poolContext: OpaquePointer? = {
        let context = pcre2_match_context_create_8(nil)
        pcre2_set_match_limit_8(context, matchLimit)
        pcre2_set_depth_limit_8(context, 10_000)
        return context
    }()

    /// Why a pattern cannot be compiled.
    struct Problem: Error {
        let message: String
        let offset: Int
    }

    /// RegexDefaultOptions: what holds for each expression that is compiled from here on.
    nonisolated(unsafe) static var defaultFlags = APUS_REGEX_DOTALL | APUS_REGEX_NO_DOLLAR_NEWLINE

    static func compile(_ pattern: Bytes, flags own: UInt32, in arena: Arena.Ref) throws(Problem) -> UnsafePointer<Regex> {
        let flags = own | defaultFlags
        var options = CPCRE2_DUPNAMES
        if flags & APUS_REGEX_ICASE != 0 { options |= CPCRE2_CASELESS }
        if flags & APUS_REGEX_DOTALL != 0 { options |= CPCRE2_DOTALL }
        if flags & APUS_REGEX_NO_DOLLAR_NEWLINE != 0 { options |= CPCRE2_DOLLAR_ENDONLY }
        var error: Int32 = 0
        var offset = 0
        let source: UnsafeRawPointer = pattern.ptr.map { UnsafeRawPointer($0) } ?? UnsafeRawPointer(StaticString("").utf8Start)
        guard let code = cpcre2_compile(source, pattern.count, options, &error, &offset) else {
            throw Problem(message: describe(error), offset: offset)
        }
        pcre2_jit_compile_8(code, CPCRE2_JIT_COMPLETE)
        guard let scratch = pcre2_match_data_create_from_pattern_8(code, nil) else {
            pcre2_code_free_8(code)
            throw Problem(message: "no memory", offset: 0)
        }
        var groups: UInt32 = 0
        pcre2_pattern_info_8(code, CPCRE2_INFO_CAPTURECOUNT, &groups)
        var machineCode = 0
        pcre2_pattern_info_8(code, CPCRE2_INFO_JITSIZE, &machineCode)
        var inForce: UInt32 = 0
        pcre2_pattern_info_8(code, CPCRE2_INFO_ALLOPTIONS, &inForce)
        // Whether a subject is UTF-8 only the checks find out, and one that is not must not be walked through as if it were.
        let isCompiled = machineCode > 0 && inForce & CPCRE2_UTF == 0
        let regex = arena.new(Regex(code: code, scratch: scratch, groups: Int(groups), isCompiled: isCompiled))
        arena.pointee.onDestroy(UnsafeMutableRawPointer(regex)) { raw in
            guard let regex = raw?.assumingMemoryBound(to: Regex.self) else { return }
            pcre2_match_data_free_8(regex.pointee.scratch)
            pcre2_code_free_8(regex.pointee.code)
        }
        return UnsafePointer(regex)
    }

    /// The subject is no UTF-8, which a pattern with (*UTF) wants.
    private static func isNotUTF(_ code: Int32) -> Bool { (CPCRE2_ERROR_UTF8_LAST...CPCRE2_ERROR_UTF8_FIRST).contains(code) }

    private static func describe(_ code: Int32) -> String {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 200) { buffer in
            let length = pcre2_get_error_message_8(code, buffer.baseAddress, buffer.count)
            return length > 0 ? String(decoding: buffer.prefix(Int(length)), as: UTF8.self) : "error \(code)"
        }
    }

    /// The groups that have names.
    var namedGroups: [(group: Int, name: String)] {
        var count: UInt32 = 0
        var size: UInt32 = 0
        var table: UnsafePointer<UInt8>?
        pcre2_pattern_info_8(code, CPCRE2_INFO_NAMECOUNT, &count)
        pcre2_pattern_info_8(code, CPCRE2_INFO_NAMEENTRYSIZE, &size)
        pcre2_pattern_info_8(code, CPCRE2_INFO_NAMETABLE, &table)
        guard let table else { return [] }
        // Each entry: the number in two bytes, then the name with a NUL.
        return (0..<Int(count)).map { index in
            let entry = table + index * Int(size)
            return (Int(entry[0]) << 8 | Int(entry[1]), String(decodingCString: entry + 2, as: UTF8.self))
        }
    }

    func matches(_ subject: Bytes) -> Bool { match(subject, nil, 0) == .match }

    /// Fills start and end of the groups into `spans`; -1 for groups not set. Any thread: threads of the blocking pool
    /// bring their own scratch.
    func match(_ subject: Bytes, _ spans: UnsafeMutablePointer<Int64>?, _ spanCount: Int) -> Outcome {
        let isLoopThread = Worker.isLoopThread
        let data = isLoopThread ? scratch : pcre2_match_data_create_from_pattern_8(code, nil)
        defer { if !isLoopThread { pcre2_match_data_free_8(data) } }
        let source = subject.ptr.map { UnsafeRawPointer($0).assumingMemoryBound(to: UInt8.self) } ?? StaticString("").utf8Start
        let context = isLoopThread ? Regex.context : Regex.poolContext
        let found = isCompiled
            ? pcre2_jit_match_8(code, source, subject.count, 0, 0, data, context)
            : pcre2_match_8(code, source, subject.count, 0, 0, data, context)
        guard found > 0 else { return found == CPCRE2_ERROR_NOMATCH || Regex.isNotUTF(found) ? .noMatch : .limit }
        guard let spans, let offsets = pcre2_get_ovector_pointer_8(data) else { return .match }
        for group in 0..<spanCount {
            let isSet = group < Int(found) && offsets[2 * group] != Int.max && offsets[2 * group] >= 0
            spans[2 * group] = isSet ? Int64(offsets[2 * group]) : -1
            spans[2 * group + 1] = isSet ? Int64(offsets[2 * group + 1]) : -1
        }
        return .match
    }

    /// `pattern` with `$0` … `$9` replaced by groups; a backslash takes the next byte as it is.
    static func substitute(
        _ pattern: Bytes, _ subject: Bytes, _ spans: UnsafePointer<Int64>, _ spanCount: Int, in arena: Arena.Ref
    ) -> Bytes {
        func group(_ number: Int) -> Bytes {
            guard number < spanCount, spans[2 * number] >= 0 else { return .none }
            return subject[Int(spans[2 * number])..<Int(spans[2 * number + 1])]
        }
        func walk(_ emit: (Bytes) -> Void) {
            var at = 0
            while at < pattern.count {
                let byte = pattern[at]
                let next = at + 1 < pattern.count ? pattern[at + 1] : 0
                if byte == 0x24, next.isDigit {
                    emit(group(Int(next - 0x30)))
                    at += 2
                } else if byte == 0x5c, at + 1 < pattern.count {
                    emit(pattern[at + 1..<at + 2])
                    at += 2
                } else {
                    emit(pattern[at..<at + 1])
                    at += 1
                }
            }
        }
        // One walk serves for the length and for the copy, so the two cannot disagree.
        var total = 0
        walk { total += $0.count }
        var writer = ByteWriter(arena.pointee.allocate(total + 1), capacity: total + 1)
        walk { writer.append($0) }
        writer.append(0 as UInt8)
        return writer.written.upTo(writer.count - 1)
    }
}
