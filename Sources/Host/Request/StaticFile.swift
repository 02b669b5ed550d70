import ByteKit
import Glibc
import ModuleABI

/// The core's handler: what no module answered is a file, or one of the methods every resource has.
enum StaticFile {
    static func handle(_ r: Request.Ref) -> apus_status {
        switch r.pointee.methodKind {
        case .get, .head, .post: return serve(r)
        case .options: return options(r)
        case .trace: return Trace.handle(r)
        case .unknown where Method.isRegistered(r.pointee.method):
            setAllow(r)
            return 405
        case .unknown:
            setAllow(r)
            ErrorLog.write(
                .error, code: "AH00135", request: r, "the method \(r.pointee.method.string) is not known to any loaded module")
            return 501
        default:
            setAllow(r)
            return 405
        }
    }

    private static func serve(_ r: Request.Ref) -> apus_status {
        guard r.pointee.path != "*" else { return 400 }
        switch r.pointee.file.kind {
        case .regular: break
        case .directory:
            ErrorLog.write(
                .error, code: "AH00128", request: r, "\(r.pointee.filename.string) is a directory, and no module answers for directories")
            return 404
        case .none:
            ErrorLog.write(.info, code: "AH00128", request: r, "file does not exist: \(r.pointee.filename.string)")
            return 404
        case .other:
            ErrorLog.write(.error, code: "AH00134", request: r, "\(r.pointee.filename.string) is neither a file nor a directory")
            return 403
        }
        if !r.pointee.pathInfo.isEmpty, r.core.acceptPathInfo != .on {
            ErrorLog.write(
                .info, code: "AH00128", request: r,
                "\(r.pointee.filename.string) is a file, but the path goes on with \(r.pointee.pathInfo.string)")
            return 404
        }
        if !r.pointee.body.isComplete { return Tasks.afterBody(r, send) }
        return send(r)
    }

    private static func send(_ r: Request.Ref) -> apus_status {
        guard let file = open(r) else { return refuse(r, errno) }
        guard LinkRules.holds(r, file) else { return refuse(r, ELOOP) }
        if r.pointee.main != nil { return sendThroughFilters(r, file) }
        if r.core.effectiveETag.contains(.digest) { return FileDigest.whenKnown(SHA1.self, \.digest, r, file, answerWithDigest) }
        return answerWithDigest(r, file)
    }

    /// ContentDigest.
    private static func answerWithDigest(_ r: Request.Ref, _ file: CachedFile.Ref) -> apus_status {
        r.core.contentDigest == true ? FileDigest.whenKnown(MD5.self, \.md5, r, file, answer) : answer(r, file)
    }

    private static func answer(_ r: Request.Ref, _ file: CachedFile.Ref) -> apus_status {
        setValidators(r, file)
        // A filter that makes something else of the file takes its validators off.
        Filters.prepare(r)
        let verdict = Preconditions.check(r, file)
        guard verdict == APUS_OK else { return verdict }
        if Filters.changeContent(r) { return sendThroughFilters(r, file) }
        switch Ranges.choose(r, file) {
        case .whole: return Filters.hasAny(r) ? sendThroughFilters(r, file) : sendDirectly(r, file)
        case .unsatisfiable: return Ranges.refuse(r, file)
        case .spans(let spans):
            r.pointee.headersOut.remove(Bytes("Content-MD5"))
            return Ranges.send(r, file, spans)
        }
    }

    /// The file, held by the request.
    @inline(__always)
    private static func open(_ r: Request.Ref) -> CachedFile.Ref? {
        if let file = r.pointee.openFile, file.pointee.isCached, r.pointee.file.links != .none || file.pointee.isWithoutLinks {
            file.pointee.wasUsed = true
            return file
        }
        guard let file = theWorker.pointee.files.open(r.pointee.filename, r.pointee.file) else { return nil }
        CachedFile.keep(file, for: r)
        return file
    }

    private static func refuse(_ r: Request.Ref, _ code: Int32) -> apus_status {
        switch code {
        case ENOENT, ENOTDIR: return 404
        case EMFILE, ENFILE:
            ErrorLog.write(.alert, code: "AH00132", request: r, error: code, "no more files can be opened: raise the limit of open files")
            return 503
        default:
            ErrorLog.write(
                .error, code: "AH00132", request: r, error: code, "cannot open \(r.pointee.filename.string): \(systemError(code))")
            return 403
        }
    }

    /// Last-Modified, ETag and Accept-Ranges (RFC 9110, 8.8 and 14.3).
    private static func setValidators(_ r: Request.Ref, _ file: CachedFile.Ref) {
        let arena = r.pointee.arena
        let texts = file.pointee.validators
        let parts = r.pointee.conf.pointee.core.pointee.effectiveETag
        let isWeak = EntityTag.isWeak(r, file.pointee.info)
        let isPlain = r.pointee.headersOut.version == 0 && !isWeak && !parts.contains(.digest)
        r.pointee.headersOut.append(Field(name: Bytes("Last-Modified"), value: texts.unchecked(0, HTTPDate.length)), arena)
        let etag = EntityTag.compose(r, file, parts, isWeak, usual: texts.unchecked(HTTPDate.length, texts.count))
        if etag.isSet { r.pointee.headersOut.append(Field(name: Bytes("ETag"), value: etag), arena) }
        let ranges = r.pointee.conf.pointee.core.pointee.maxRanges == 0 ? Bytes("none") : Bytes("bytes")
        r.pointee.headersOut.append(Field(name: Bytes("Accept-Ranges"), value: ranges), arena)
        if isPlain { r.pointee.response.plainVersion = r.pointee.headersOut.version }
        if r.core.contentDigest == true, file.pointee.md5.isSet {
            r.pointee.headersOut.append(Field(name: Bytes("Content-MD5"), value: arena.copy(file.pointee.md5)), arena)
        }
    }

    /// The common case: no filter, so head and small body leave in one packet and large files by sendfile.
    private static func sendDirectly(_ r: Request.Ref, _ file: CachedFile.Ref) -> apus_status {
        let size = file.pointee.info.size
        Response.sendHead(r, of: file)
        r.pointee.response.isEnded = true
        guard r.pointee.response.framing == .length, size > 0 else { return APUS_OK }
        r.pointee.response.lengthLeft = 0
        r.pointee.response.bodySent = size
        let content = file.pointee.content
        if content.isSet, content.count <= Response.copyLimit, let place = ConnectionIO.reserve(r.pointee.conn, content.count) {
            memcpy(place, content.ptr.unsafelyUnwrapped, content.count)
            ConnectionIO.commit(content.count)
            return APUS_OK
        }
        r.pointee.conn.pointee.output.append(segment(file, offset: 0, length: size))
        return APUS_OK
    }

    private static func sendThroughFilters(_ r: Request.Ref, _ file: CachedFile.Ref) -> apus_status {
        let chain = Chain.make(r.pointee.arena)
        let size = file.pointee.info.size
        if size > 0 { chain.pointee.queue.append(segment(file, offset: 0, length: size)) }
        chain.pointee.append(mark: .end)
        let status = OutputFeed.write(r, chain)
        return status < 0 ? status : APUS_OK
    }

    /// Part of the file as a segment with a hold of its own, which it lets go when it is sent.
    static func segment(_ file: CachedFile.Ref, offset: Int64, length: Int64) -> OutputSegment {
        file.pointee.holders += 1
        let release: @convention(c) (UnsafeMutableRawPointer?) -> Void = { raw in
            if let raw { CachedFile.release(raw.assumingMemoryBound(to: CachedFile.self)) }
        }
        let content = file.pointee.content
        guard content.isSet else {
            return OutputSegment(
                kind: .file, fd: file.pointee.fd, offset: offset, length: length, release: release, releaseContext: file)
        }
        return OutputSegment(
            kind: .memory, bytes: content[Int(offset)..<Int(offset + length)], length: length, release: release,
            releaseContext: file)
    }

    private static func setAllow(_ r: Request.Ref) {
        let allowsTrace = r.pointee.server.pointee.limits.traceEnable != .off
        let methods = allowsTrace ? Bytes("GET,POST,OPTIONS,HEAD,TRACE") : Bytes("GET,POST,OPTIONS,HEAD")
        r.pointee.errorHeadersOut.set(Bytes("Allow"), methods, r.pointee.arena)
    }

    /// RFC 9110, 9.3.7.
    private static func options(_ r: Request.Ref) -> apus_status {
        // Of the server as a whole only that it lives: what is allowed depends on the resource.
        if r.pointee.path != "*" { setAllow(r) }
        r.pointee.status = 200
        let chain = Chain.make(r.pointee.arena)
        chain.pointee.append(mark: .end)
        return OutputFeed.write(r, chain)
    }
}

/// TRACE sends the request back as it was received (RFC 9110, 9.3.8).
enum Trace {
    static func handle(_ r: Request.Ref) -> apus_status {
        guard r.pointee.server.pointee.limits.traceEnable != .off else {
            r.pointee.errorHeadersOut.set(Bytes("Allow"), Bytes("GET,POST,OPTIONS,HEAD"), r.pointee.arena)
            return 405
        }
        guard r.pointee.body.isComplete else { return 413 }
        let chain = Chain.make(r.pointee.arena)
        let arena = r.pointee.arena
        _ = chain.pointee.append(copy: arena.join(r.pointee.requestLine, Bytes("\r\n")))
        for field in r.pointee.headersIn.fields {
            _ = chain.pointee.append(copy: arena.join(field.name, Bytes(": "), field.value))
            _ = chain.pointee.append(copy: Bytes("\r\n"))
        }
        _ = chain.pointee.append(copy: Bytes("\r\n"))
        chain.pointee.append(mark: .end)
        r.pointee.contentType = Bytes("message/http")
        return OutputFeed.write(r, chain)
    }
}

/// Entity tags of files, as httpd composes them (RFC 9110, 8.8.3).
enum EntityTag {
    static let longest = 64

    static func compose(_ r: Request.Ref, _ info: FileInfo) -> Bytes { compose(r, info, r.core.effectiveETag, isWeak(r, info)) }

    /// The same of an open file, where the tag of the usual parts is at hand.
    @inline(__always)
    static func compose(
        _ r: Request.Ref, _ file: CachedFile.Ref, _ parts: CoreDirConf.ETagParts, _ isWeak: Bool, usual: Bytes
    ) -> Bytes {
        if parts == .usual, !isWeak { return usual }
        guard parts.contains(.digest), file.pointee.digest.isSet else { return compose(r, file.pointee.info, parts, isWeak) }
        return r.pointee.arena.join(Bytes("\""), file.pointee.digest, Bytes("\""))
    }

    /// A file changed a moment ago may change again within the same second.
    @inline(__always)
    static func isWeak(_ r: Request.Ref, _ info: FileInfo) -> Bool {
        r.pointee.startTime &- info.modified / 1000 < 1_000_000
    }

    private static func compose(_ r: Request.Ref, _ info: FileInfo, _ parts: CoreDirConf.ETagParts, _ isWeak: Bool) -> Bytes {
        // A digest without the file is none; beside it the other parts say nothing more.
        guard !parts.isEmpty, !parts.contains(.digest) else { return .none }
        var writer = ByteWriter(r.pointee.arena.pointee.allocate(longest), capacity: longest)
        if isWeak { writer.append("W/") }
        write(info, parts, &writer)
        return writer.written
    }

    static func write(_ info: FileInfo, _ parts: CoreDirConf.ETagParts, _ writer: inout ByteWriter) {
        writer.append(0x22)
        var isFirst = true
        func part(_ value: UInt64) {
            if !isFirst { writer.append(0x2d) }
            isFirst = false
            writer.append(hex: value)
        }
        if parts.contains(.inode) { part(info.inode) }
        if parts.contains(.size) { part(UInt64(bitPattern: info.size)) }
        if parts.contains(.mtime) { part(UInt64(bitPattern: info.modified / 1000)) }
        writer.append(0x22)
    }
}

/// Conditional requests (RFC 9110, 13).
enum Preconditions {
    @inline(__always)
    static func check(_ r: Request.Ref, _ file: CachedFile.Ref) -> apus_status {
        guard r.pointee.framing.hasConditions, isSuccess(r) else { return APUS_OK }
        // What a filter makes of a file has not been changed when the file was.
        let isDated = r.pointee.headersOut.first("Last-Modified") != nil
        return check(r, modified: isDated ? file.pointee.info.modified / 1_000_000_000 : nil)
    }

    /// For an answer of which its fields say all.
    static func check(_ r: Request.Ref) -> apus_status {
        guard r.pointee.framing.hasConditions, isSuccess(r) else { return APUS_OK }
        return check(r, modified: r.pointee.headersOut.first("Last-Modified").flatMap { HTTPDate.parse($0) })
    }

    /// The page for an error is sent whatever the conditions are (RFC 9110, 13.2.1).
    private static func isSuccess(_ r: Request.Ref) -> Bool { 200..<300 ~= r.pointee.status }

    private static func check(_ r: Request.Ref, modified: Int64?) -> apus_status {
        let etag = r.pointee.headersOut.first("ETag") ?? .none
        if let field = r.pointee.headersIn.first("If-Match") {
            guard matches(field, etag, isStrong: true) else { return 412 }
        } else if let modified, let field = r.pointee.headersIn.first("If-Unmodified-Since"), let date = HTTPDate.parse(field) {
            guard modified <= date else { return 412 }
        }
        let isSafe = r.pointee.methodKind == .get || r.pointee.methodKind == .head
        if let field = r.pointee.headersIn.first("If-None-Match") {
            guard matches(field, etag, isStrong: false) else { return APUS_OK }
            return isSafe ? 304 : 412
        }
        if isSafe, let modified, let field = r.pointee.headersIn.first("If-Modified-Since"), let date = HTTPDate.parse(field),
            modified <= date, date <= r.pointee.startTime / 1_000_000
        {
            return 304
        }
        return APUS_OK
    }

    private static func matches(_ list: Bytes, _ etag: Bytes, isStrong: Bool) -> Bool {
        if list == "*" { return true }
        guard etag.isSet else { return false }
        let isWeak = etag.hasPrefix("W/")
        if isStrong, isWeak { return false }
        let own = isWeak ? etag.from(2) : etag
        var found = false
        Token.eachElement(list) { element in
            let otherIsWeak = element.hasPrefix("W/")
            if isStrong, otherIsWeak { return }
            if (otherIsWeak ? element.from(2) : element) == own { found = true }
        }
        return found
    }
}
