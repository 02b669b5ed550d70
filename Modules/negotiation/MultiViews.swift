import Glibc
import ModuleKit

/// The type_checker hook: a name that is no file may stand for files whose names go on behind a dot.
func chooseView(_ request: Request, _ log: Log) throws -> Status {
    guard request.fileType == APUS_FILE_NONE, request.allows(APUS_OPTION_MULTI_VIEWS), request.filename.isSet else {
        return .declined
    }
    let views = MultiViews(request, log)
    switch try views.read() {
    case .none: return .declined
    case .refused(let status): return status
    case .map(let map):
        guard case .variants(let variants) = TypeMap.read(map, for: request, log) else { return .status(404) }
        return try views.choose(among: variants)
    case .files(let variants): return try views.choose(among: variants)
    }
}

/// The files that one name may stand for.
struct MultiViews {
    private let request: Request
    private let log: Log
    private let directory: Bytes
    private let name: Bytes

    enum Found {
        case none
        case refused(Status)
        case map(Request)
        case files([Variant])
    }

    init(_ request: Request, _ log: Log) {
        self.request = request
        self.log = log
        let file = request.filename
        let slash = file.lastIndex(of: UInt8(ascii: "/")) ?? -1
        directory = request.pool.copy(file.upTo(slash + 1))
        name = file.from(slash + 1)
    }

    func read() throws -> Found {
        guard !name.isEmpty else { return .none }
        guard let open = opendir(directory.ptr) else {
            // The directory itself is not there either.
            if errno == ENOENT || errno == ENOTDIR { return .none }
            let code = errno
            log.write(
                .error, code: "AH00686", request: request, error: code,
                "cannot read directory \(directory.string) for MultiViews: \(String(cString: strerror(code)))")
            return .refused(.status(403))
        }
        defer { closedir(open) }
        var variants: [Variant] = []
        var hasCandidate = false
        while let item = readdir(open) {
            let file = withUnsafePointer(to: &item.pointee.d_name) {
                Bytes(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
            }
            guard file.hasPrefix(name), file.count > name.count, file[name.count] == UInt8(ascii: "."),
                item.pointee.d_type != UInt8(DT_DIR)
            else { continue }
            hasCandidate = true
            guard let found = try? request.lookupFile(request.pool.copy(file)) else { continue }
            guard isEligible(found) else {
                found.destroy()
                continue
            }
            if found.contentType == "application/x-type-map" || found.handler == "type-map" { return .map(found) }
            variants.append(variant(request.pool.copy(file), found))
        }
        if variants.isEmpty, hasCandidate {
            log.write(
                .error, code: "AH00687", request: request,
                "files that begin with \(request.filename.string) are there, but none of them can be negotiated")
            return .refused(.status(404))
        }
        guard !variants.isEmpty else { return .none }
        return .files(variants.sorted { compare($0.file, $1.file) < 0 })
    }

    private func compare(_ a: Bytes, _ b: Bytes) -> Int32 { strcmp(a.ptr, b.ptr) }

    /// A file that may be sent, whose type is known or that is a program, and of whose name nothing is left unexplained
    /// that was not asked for.
    private func isEligible(_ found: Request) -> Bool {
        guard found.fileType == APUS_FILE_REGULAR, found.status == 200 else { return false }
        if found.contentType.isEmpty, found.handler.isEmpty { return false }
        guard let rest = found.notes["mime-exceptions"] else { return false }
        return isExplained(rest)
    }

    /// Whether the parts of a name that no extension explains stand in the name asked for, in the same order.
    private func isExplained(_ unknown: Bytes) -> Bool {
        var asked = name
        var rest = unknown
        while !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: ".")) ?? rest.count
            let part = rest.upTo(end)
            rest = rest.from(min(end + 1, rest.count))
            if part.isEmpty { continue }
            while !isNext(part, in: asked) {
                guard let dot = asked.firstIndex(of: UInt8(ascii: ".")) else { return false }
                asked = asked.from(dot + 1)
            }
            asked = asked.from(part.count)
            if asked.hasPrefix(".") { asked = asked.from(1) }
        }
        return true
    }

    private func isNext(_ part: Bytes, in asked: Bytes) -> Bool {
        asked.hasPrefix(part) && (asked.count == part.count || asked[part.count] == UInt8(ascii: "."))
    }

    private func variant(_ file: Bytes, _ found: Request) -> Variant {
        var variant = Variant(file: file)
        let isProgram = !found.handler.isEmpty && found.contentType.isEmpty
        variant.setType(isProgram ? Chooser.programType : found.contentType, request.pool)
        variant.encoding = found.contentEncoding
        if !found.contentLanguage.isEmpty { variant.setLanguages(found.contentLanguage, request.pool) }
        variant.request = found
        return variant
    }

    // MARK: The choice

    func choose(among found: [Variant]) throws -> Status {
        guard !found.isEmpty else { return .declined }
        var variants = found
        let best = Chooser(request, prefersPrograms: true).choose(&variants)
        let fields = AnswerFields(request, variants)
        fields.set(chosen: best.map { variants[$0] })
        guard let best else {
            fields.noteList()
            log.write(
                .error, code: "AH00690", request: request, "no variant of \(request.filename.string) is acceptable")
            return .status(406)
        }
        keepFromOldCaches(isAlone: variants.count == 1)
        return try adopt(variants[best])
    }

    /// A cache that does not know Vary must not keep what was negotiated.
    private func keepFromOldCaches(isAlone: Bool) {
        let mayCache = request.serverConf(NegotiationServerConf.self).pointee.cachesDocuments == true
        guard !mayCache, !isAlone, request.protocolName == "HTTP/1.0" else { return }
        request.setNumber(APUS_R_NO_CACHE, 1)
    }

    private func adopt(_ variant: Variant) throws -> Status {
        let found = try variant.request ?? request.lookupFile(variant.file)
        guard found.status == 200 else { return .status(Int32(found.status)) }
        let pathInfo = request.pathInfo
        try request.adopt(found)
        if !pathInfo.isEmpty { request.pathInfo = pathInfo }
        return .ok
    }
}
