import ModuleKit

extension Bytes {
    /// How many bytes of this path a configured URL-path stands for; nil: it does not match.
    ///
    /// Whole segments count: "/a" is the beginning of "/a" and "/a/b", not of "/ab"; "/a/" is the beginning
    /// of "/a/b" only. Any number of slashes stands for any number of slashes.
    func matched(by prefix: Bytes) -> Int? {
        var here = 0
        var there = 0
        while there < prefix.count {
            guard here < count, self[here] == prefix[there] else { return nil }
            if prefix[there] == slash {
                here = skippingSlashes(from: here)
                there = prefix.skippingSlashes(from: there)
            } else {
                here += 1
                there += 1
            }
        }
        guard let last = prefix.isEmpty ? nil : prefix[prefix.count - 1] else { return nil }
        return last == slash || here == count || self[here] == slash ? here : nil
    }

    /// How many segments of the path are "..".
    var climbs: Int {
        var climbs = 0
        eachSegment { if $0 == ".." { climbs += 1 } }
        return climbs
    }

    /// The absolute path without empty, "." and ".." segments; a slash at its end stays.
    func normalized(in pool: Pool) -> Bytes {
        guard !isNormal else { return self }
        var segments: [Bytes] = []
        eachSegment { segment in
            if segment == ".." {
                _ = segments.popLast()
            } else if !segment.isEmpty, segment != "." {
                segments.append(segment)
            }
        }
        let isDirectory = hasSuffix(Bytes("/")) || hasSuffix(Bytes("/.")) || hasSuffix(Bytes("/.."))
        return pool.compose(capacity: count + 1) { writer in
            for segment in segments {
                writer.append(slash)
                writer.append(segment)
            }
            if isDirectory || segments.isEmpty { writer.append(slash) }
        }
    }

    /// Whether there is nothing to normalize: no segment is empty, "." or "..".
    private var isNormal: Bool {
        var index = 0
        while let found = firstIndex(of: slash, from: index) {
            index = found + 1
            if index < count, self[index] == slash || self[index] == dot { return false }
        }
        return true
    }

    private func eachSegment(_ body: (Bytes) -> Void) {
        var start = 0
        while start <= count {
            let end = firstIndex(of: slash, from: start) ?? count
            body(self[start..<end])
            start = end + 1
        }
    }

    /// Whether it begins as a URL does: a scheme and a colon (RFC 3986 section 3.1).
    var isURL: Bool {
        guard let colon = firstIndex(of: UInt8(ascii: ":")), colon > 0 else { return false }
        return upTo(colon).buffer.allSatisfy { byte in
            (byte | 0x20) &- 0x61 < 26 || byte.isDigit || byte == 0x2b || byte == 0x2d || byte == 0x2e
        }
    }

    private func skippingSlashes(from start: Int) -> Int {
        var index = start
        while index < count, self[index] == slash { index += 1 }
        return index
    }
}

private let slash = UInt8(ascii: "/")
private let dot = UInt8(ascii: ".")
