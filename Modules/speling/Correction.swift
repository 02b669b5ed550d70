import Glibc
import ModuleKit

/// The search for what one request may have meant.
struct Correction {
    private let request: Request
    private let log: Log

    /// How a file's name differs from what was asked for; the smaller, the better.
    enum Difference: Int {
        case capitals, swapped, missingLetter, extraLetter, wrongLetter, baseName

        var text: StaticString {
            switch self {
            case .capitals: "miscapitalized"
            case .swapped: "transposed characters"
            case .missingLetter: "character missing"
            case .extraLetter: "extra character"
            case .wrongLetter: "mistyped character"
            case .baseName: "common basename"
            }
        }
    }

    private struct Candidate {
        var name: Bytes
        var difference: Difference
    }

    /// More candidates help nobody.
    private static let limit = 64

    init(_ request: Request, _ log: Log) {
        self.request = request
        self.log = log
    }

    func answer() throws -> Status {
        let conf = request.confPointer(SpelingConf.self)
        guard conf.pointee.isOn == true, request.method == "GET" || request.method == "HEAD", request.main == nil,
            request.fileType == APUS_FILE_NONE, request.filename.isSet
        else { return .declined }
        let file = request.filename
        guard let slash = file.lastIndex(of: UInt8(ascii: "/")), slash + 1 < file.count else { return .declined }
        let wanted = file.from(slash + 1)
        // The path must end as the file name does: an alias may have led elsewhere.
        let path = request.path
        let info = request.pathInfo
        let own = !info.isEmpty && path.hasSuffix(info) ? path.upTo(path.count - info.count) : path
        guard own.hasSuffix(wanted) else { return .declined }
        let found = candidates(in: request.pool.copy(file.upTo(slash)), like: wanted, conf.pointee)
        guard !found.isEmpty else { return .declined }
        return offer(found, above: own.upTo(own.count - wanted.count), info)
    }

    private func candidates(in directory: Bytes, like wanted: Bytes, _ conf: SpelingConf) -> [Candidate] {
        guard let open = opendir(directory.isEmpty ? Bytes("/").ptr : directory.ptr) else { return [] }
        defer { closedir(open) }
        let usesBaseName = conf.byBaseName != false
        let base = baseName(wanted)
        var found: [Candidate] = []
        while let item = readdir(open), found.count < Self.limit {
            let name = withUnsafePointer(to: &item.pointee.d_name) {
                Bytes(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
            }
            if name == "." || name == ".." { continue }
            if name == wanted { return [] }
            if name.equalsIgnoringCase(wanted) {
                found.append(Candidate(name: request.pool.copy(name), difference: .capitals))
            } else if conf.caseOnly != true, let difference = difference(wanted, name) {
                found.append(Candidate(name: request.pool.copy(name), difference: difference))
            } else if usesBaseName, !base.isEmpty, baseName(name).equalsIgnoringCase(base) {
                found.append(Candidate(name: request.pool.copy(name), difference: .baseName))
            }
        }
        return found.sorted { $0.difference.rawValue < $1.difference.rawValue }
    }

    private func baseName(_ name: Bytes) -> Bytes { name.upTo(name.firstIndex(of: UInt8(ascii: ".")) ?? name.count) }

    /// The one mistake that makes one name of the other, whatever their case; nil: there are more.
    private func difference(_ wanted: Bytes, _ name: Bytes) -> Difference? {
        var index = 0
        while index < wanted.count, index < name.count, isSame(wanted[index], name[index]) { index += 1 }
        let (left, right) = (wanted.from(index), name.from(index))
        guard !left.isEmpty || !right.isEmpty else { return nil }
        if left.count >= 2, right.count == left.count, isSame(left[0], right[1]), isSame(left[1], right[0]),
            left.from(2).equalsIgnoringCase(right.from(2))
        {
            return .swapped
        }
        if left.count == right.count, !left.isEmpty, left.from(1).equalsIgnoringCase(right.from(1)) { return .wrongLetter }
        if right.count == left.count + 1, right.from(1).equalsIgnoringCase(left) { return .missingLetter }
        if left.count == right.count + 1, left.from(1).equalsIgnoringCase(right) { return .extraLetter }
        return nil
    }

    private func isSame(_ a: UInt8, _ b: UInt8) -> Bool { a.asciiLowercased == b.asciiLowercased }

    /// One file, or one that is better than all others, is where the client is sent; of several it may choose.
    private func offer(_ found: [Candidate], above directory: Bytes, _ info: Bytes) -> Status {
        let best = found[0]
        let isClear = best.difference != .baseName
            && (found.count == 1 || best.difference.rawValue < found[1].difference.rawValue)
        guard isClear else { return list(found, above: directory, info) }
        let url = request.absoluteURL(request.pool.compose(capacity: directory.count + best.name.count + info.count) {
            $0.append(directory)
            $0.append(best.name)
            $0.append(info)
        })
        request.headersOut["Location"] = withQuery(url)
        let referrer = request.headersIn["Referer"]
        log.write(
            referrer == nil ? .info : .notice, code: "AH00746", request: request,
            "fixed spelling: \(request.path.string) to \(url.string)")
        return .status(301)
    }

    private func withQuery(_ url: Bytes) -> Bytes {
        let query = request.query
        guard query.isSet else { return url }
        return request.pool.compose(capacity: url.count + query.count + 1) {
            $0.append(url)
            $0.append("?")
            $0.append(query)
        }
    }

    private func list(_ found: [Candidate], above directory: Bytes, _ info: Bytes) -> Status {
        let room = found.reduce(256) { $0 + ($1.name.count + directory.count + info.count) * 8 + 96 }
        request.notes["variant-list"] = request.pool.compose(capacity: room) { writer in
            writer.append("The document name you requested could not be found on this server. ")
            writer.append("However, we found documents with names similar to the one you requested.<p>Available documents:\n<ul>\n")
            for candidate in found {
                writer.append("<li><a href=\"")
                for part in [directory, candidate.name, info] { writer.append(escapingPath: part) }
                writer.append("\">")
                for part in [directory, candidate.name, info] { writer.append(escapingPath: part) }
                writer.append("</a> (")
                writer.append(candidate.difference.text)
                writer.append(")\n")
            }
            writer.append("</ul>\n")
        }
        log.write(
            .info, code: "AH00747", request: request,
            "spelling: \(found.count) files have names like \(request.path.string)")
        return .status(300)
    }
}
