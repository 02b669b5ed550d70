import ByteKit
import CSystem
import Glibc

/// How a section's argument is compared.
enum SectionMatch: UInt8, BitwiseCopyable {
    /// A path and what lies below it.
    case prefix
    /// Shell wildcards; `*` and `?` do not match a slash.
    case wildcard
    case regex
}

/// One <Directory>, <Files> or <Location> with what it configures.
struct Section: BitwiseCopyable {
    /// Unique among all sections of the configuration.
    var id: UInt32
    var match: SectionMatch
    /// The path or pattern; a directory's ends in a slash.
    var pattern: Bytes
    /// How many slashes a directory's path has: short ones are merged first.
    var depth: Int32
    var regex: UnsafePointer<Regex>?
    var conf: ConfVector
    /// The <Files> sections inside a <Directory>.
    var files = UnsafeBufferPointer<Section>(start: nil, count: 0)
    /// The <If>, <ElseIf> and <Else> sections inside.
    var conditions = UnsafeBufferPointer<ConditionalSection>(start: nil, count: 0)
    /// The named groups of its regular expression.
    var captures = UnsafeBufferPointer<Capture>(start: nil, count: 0)
    /// What a .htaccess file says, rather than a section of the configuration.
    var isAccessFile = false

    /// A group whose text becomes a variable of the request's environment.
    struct Capture: BitwiseCopyable {
        let group: Int
        /// MATCH_ and the group's name in capitals.
        let variable: Bytes
    }

    /// What the core's directives in it say.
    var core: UnsafeMutablePointer<CoreDirConf>? { conf[0]?.assumingMemoryBound(to: CoreDirConf.self) }
}

/// The sections of one server in the order they are merged, those of the main server before a virtual host's own.
struct SectionTable: BitwiseCopyable {
    var directories: UnsafeBufferPointer<Section>
    /// Those with regular expressions.
    var patterns: UnsafeBufferPointer<Section>
    var files: UnsafeBufferPointer<Section>
    var locations: UnsafeBufferPointer<Section>
    /// The <If> sections and their kin outside all others.
    var conditions: UnsafeBufferPointer<ConditionalSection>
    /// Whether somewhere symbolic links may not simply be followed, so that paths must be looked at link by link.
    var restrictsLinks: Bool
    /// Whether somewhere AllowOverride asks for .htaccess files to be read.
    var readsAccessFiles: Bool
    /// Whether some <Directory> may name a file.
    var namesFiles: Bool
    /// Whether the names of the file and of the path alone decide which sections hold, and nothing more comes of it.
    var goesByNames: Bool
}

extension Section {
    /// Whether a <Directory> holds for the file in `directory`, which ends in a slash.
    @inline(__always)
    func matches(directory: Bytes) -> Bool {
        switch match {
        case .prefix: directory.hasPrefix(pattern)
        case .wildcard: matchesLevels(of: directory)
        case .regex: false
        }
    }

    /// Whether a <DirectoryMatch> holds for a name; a directory's ends in a slash if the request's path does.
    func matches(path: Bytes) -> Bool { regex?.pointee.matches(path) ?? false }

    /// A wildcard pattern holds for the directory of as many levels as it has, and so for all below.
    private func matchesLevels(of directory: Bytes) -> Bool {
        var slashes: Int32 = 0
        for index in 0..<directory.count where directory[index] == 0x2f {
            slashes += 1
            if slashes == depth { return Wildcard.matches(pattern, directory.upTo(index + 1)) }
        }
        return false
    }

    func matches(file name: Bytes) -> Bool {
        switch match {
        case .prefix: name == pattern
        case .wildcard: Wildcard.matches(pattern, name)
        case .regex: regex?.pointee.matches(name) ?? false
        }
    }

    /// Whether a <Location> holds for a path: as a whole, or up to a slash.
    @inline(__always)
    func matches(location path: Bytes) -> Bool {
        switch match {
        case .prefix:
            guard path.hasPrefix(pattern) else { return false }
            return path.count == pattern.count || pattern.count == 0 || pattern[pattern.count - 1] == 0x2f
                || path[pattern.count] == 0x2f
        case .wildcard: return Wildcard.matches(pattern, path)
        case .regex: return regex?.pointee.matches(path) ?? false
        }
    }
}

extension Section {
    /// Puts what the named groups match into the environment of a request for which the section holds.
    @inline(__always)
    func noteCaptures(of subject: Bytes, _ r: Request.Ref) {
        if !captures.isEmpty { captureAll(subject, r) }
    }

    @inline(never)
    private func captureAll(_ subject: Bytes, _ r: Request.Ref) {
        guard let regex else { return }
        let count = regex.pointee.groups + 1
        withUnsafeTemporaryAllocation(of: Int64.self, capacity: 2 * count) { spans in
            guard let start = spans.baseAddress, regex.pointee.match(subject, start, count) == .match else { return }
            for capture in captures where start[2 * capture.group] >= 0 {
                let text = subject[Int(start[2 * capture.group])..<Int(start[2 * capture.group + 1])]
                r.pointee.environment.set(capture.variable, r.copy(text), r.pointee.arena)
            }
        }
    }
}

/// Shell wildcards: `*` and `?` (not a slash), `[a-z]`, `[!a-z]`, and a backslash that takes the next byte as it is.
enum Wildcard {
    static func isPattern(_ bytes: Bytes) -> Bool { bytes.contains(0x2a) || bytes.contains(0x3f) || bytes.contains(0x5b) }

    /// Both sides are read as bytes; the subject needs no terminating NUL.
    static func matches(_ pattern: Bytes, _ subject: Bytes, ignoringCase: Bool = false, pathname: Bool = true) -> Bool {
        var p = 0
        var s = 0
        var resume: (p: Int, s: Int)?
        while true {
            if p < pattern.count, pattern[p] == 0x2a {
                resume = (p + 1, s)
                p += 1
            } else if p < pattern.count, s < subject.count,
                let next = one(pattern, p, subject[s], ignoringCase, pathname)
            {
                p = next
                s += 1
            } else if p == pattern.count, s == subject.count {
                return true
            } else if let back = resume, back.s < subject.count, !(pathname && subject[back.s] == 0x2f) {
                resume = (back.p, back.s + 1)
                (p, s) = (back.p, back.s + 1)
            } else {
                return false
            }
        }
    }

    /// Where the pattern goes on when its next element takes `byte`.
    private static func one(_ pattern: Bytes, _ at: Int, _ byte: UInt8, _ ignoringCase: Bool, _ pathname: Bool) -> Int? {
        switch pattern[at] {
        case 0x3f: return pathname && byte == 0x2f ? nil : at + 1
        case 0x5b where isSet(pattern, at + 1):
            guard !(pathname && byte == 0x2f) else { return nil }
            return set(pattern, at + 1, byte, ignoringCase)
        case 0x5c where at + 1 < pattern.count: return pattern[at + 1] == byte ? at + 2 : nil
        case let literal:
            let isSame = ignoringCase ? literal.asciiLowercased == byte.asciiLowercased : literal == byte
            return isSame ? at + 1 : nil
        }
    }

    /// Whether a bracket is closed; one that is not stands for itself.
    private static func isSet(_ pattern: Bytes, _ start: Int) -> Bool {
        var first = start
        if first < pattern.count, pattern[first] == 0x21 || pattern[first] == 0x5e { first += 1 }
        return pattern.firstIndex(of: 0x5d, from: first + 1) != nil
    }

    private static func set(_ pattern: Bytes, _ start: Int, _ byte: UInt8, _ ignoringCase: Bool) -> Int? {
        var at = start
        var isNegated = false
        if at < pattern.count, pattern[at] == 0x21 || pattern[at] == 0x5e {
            isNegated = true
            at += 1
        }
        var found = false
        var isFirst = true
        while at < pattern.count, isFirst || pattern[at] != 0x5d {
            isFirst = false
            var last = pattern[at]
            let low = last
            if at + 2 < pattern.count, pattern[at + 1] == 0x2d, pattern[at + 2] != 0x5d {
                last = pattern[at + 2]
                at += 2
            }
            if byte >= low, byte <= last { found = true }
            if ignoringCase, byte.asciiLowercased >= low.asciiLowercased, byte.asciiLowercased <= last.asciiLowercased {
                found = true
            }
            at += 1
        }
        guard at < pattern.count else { return nil }
        return found != isNegated ? at + 1 : nil
    }
}
