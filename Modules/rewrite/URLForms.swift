import ModuleKit

extension Bytes {
    /// How long the scheme is that a URL begins with, with its colon and slashes; nil: it is no URL that a rule may
    /// redirect to.
    var schemeLength: Int? {
        guard let scheme else { return nil }
        return scheme.length
    }

    /// Whether it is a URL that has no query: what looks like one belongs to the rest of it.
    var isURLWithoutQuery: Bool {
        guard let scheme else { return false }
        return !scheme.hasQuery
    }

    private var scheme: (length: Int, hasQuery: Bool)? {
        guard !isEmpty, self[0].isLetterOrDigit else { return nil }
        for known in Bytes.schemes where hasPrefixIgnoringCase(known.text) {
            return (known.text.utf8CodeUnitCount, known.hasQuery)
        }
        // With an authority when two slashes follow.
        if hasPrefixIgnoringCase("unix:") { return (hasPrefixIgnoringCase("unix://") ? 7 : 5, true) }
        return nil
    }

    private static let schemes: [(text: StaticString, hasQuery: Bool)] = [
        ("http://", true), ("https://", true), ("ajp://", true), ("balancer://", true), ("fcgi://", true),
        ("ftp://", false), ("gopher://", false), ("h2c://", true), ("h2://", true), ("ldap://", false),
        ("ldaps://", false), ("mailto:", true), ("news:", false), ("nntp://", false), ("scgi://", true),
        ("ws://", true), ("wss://", true),
    ]

    /// `prefix`, whole segments of it, replaced by `replacement`; itself when it does not begin so.
    func replacing(prefix: Bytes, with replacement: Bytes, in pool: Pool) -> Bytes {
        let bare = prefix.hasSuffix("/") ? prefix.upTo(prefix.count - 1) : prefix
        guard hasPrefix(bare), count > bare.count, self[bare.count] == slash else { return self }
        let rest = from(bare.count + 1)
        if replacement.isEmpty { return rest.isEmpty ? Bytes("") : rest }
        return replacement.hasSuffix("/")
            ? pool.join(replacement, rest) : pool.join(replacement, Bytes("/"), rest)
    }

    /// The URL with its path escaped. What stands before the path is left alone.
    func escapedURL(schemeLength: Int, in pool: Pool) -> Bytes {
        var start = schemeLength
        if self[schemeLength - 1] == slash {
            while start < count, self[start] != slash { start += 1 }
            guard start + 1 < count else { return self }
            start += 1
            if hasPrefixIgnoringCase("ldap") { return escapedDirectoryURL(from: start, in: pool) }
        }
        let path = start
        return pool.compose(capacity: path + (count - path) * 3) {
            $0.append(upTo(path))
            $0.append(escapingPath: from(path))
        }
    }

    /// The parts of an ldap URL are divided by question marks (RFC 4516).
    private func escapedDirectoryURL(from start: Int, in pool: Pool) -> Bytes {
        pool.compose(capacity: start + (count - start) * 3) { writer in
            writer.append(upTo(start))
            var marks = 0
            for byte in from(start).buffer {
                if byte == UInt8(ascii: "?"), marks < 4 {
                    marks += 1
                    writer.append(byte)
                } else if byte.isPlainInPath {
                    writer.append(byte)
                } else {
                    withUnsafeBytes(of: byte) { writer.append(escapingPath: Bytes($0)) }
                }
            }
        }
    }

    /// With one slash where several follow each other: to a file system they are one.
    func squeezingSlashes(in pool: Pool) -> Bytes {
        var at = 0
        while at + 1 < count, self[at] != slash || self[at + 1] != slash { at += 1 }
        guard at + 1 < count else { return self }
        return pool.compose(capacity: count) { writer in
            for index in 0..<count where index == 0 || self[index] != slash || self[index - 1] != slash { writer.append(self[index]) }
        }
    }

    func escapedPath(in pool: Pool) -> Bytes {
        pool.compose(capacity: count * 3) { $0.append(escapingPath: self) }
    }

    /// Whether it holds bytes that may not stand in a request target: controls and spaces.
    var holdsControls: Bool { buffer.contains { $0 <= 0x20 || $0 == 0x7f } }
}

private let slash = UInt8(ascii: "/")
