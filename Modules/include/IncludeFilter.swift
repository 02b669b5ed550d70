import ModuleKit

/// The output filter INCLUDES: replaces the elements of a document while it passes.
final class IncludeFilter: OutputFilter {
    private let request: Request
    private let outer: Document?
    private var document: Document?
    private var reader: ElementReader
    /// What has not been looked at.
    private let waiting: Chain
    /// The rest of a piece that an element stood in that takes its time.
    private var rest: [UInt8] = []
    private var restStart = 0
    private var activity: (any Activity)?

    init?(_ filter: Filter) {
        request = filter.request
        outer = request.main != nil ? Document.of(request) : nil
        let tags = request.serverConf(IncludeTags.self)
        reader = ElementReader(start: tags.pointee.effectiveStart, end: tags.pointee.effectiveEnd)
        waiting = Chain(in: request.pool)
    }

    // MARK: Whether

    func prepare(_ filter: Filter) -> Bool {
        guard request.allows(APUS_OPTION_INCLUDES) else {
            Log(host: filter.host).write(
                .warn, code: "AH01374", request: request,
                "Options does not allow Includes here, so the filter INCLUDES is left out: \(request.filename.string)")
            return false
        }
        let conf = request.confPointer(IncludeConf.self)
        request.headersOut["Content-Length"] = nil
        if conf.pointee.keepsETag != true { request.headersOut["ETag"] = nil }
        if !keepsLastModified(conf) { request.headersOut["Last-Modified"] = nil }
        request.headersOut["Accept-Ranges"] = nil
        let document = Document(filter, inside: outer)
        request.slot = Unmanaged.passUnretained(document).toOpaque()
        self.document = document
        return true
    }

    /// What is inserted may have changed later than the document: only an administrator can know better.
    private func keepsLastModified(_ conf: UnsafeMutablePointer<IncludeConf>) -> Bool {
        if conf.pointee.keepsLastModified == true { return setLastModified() }
        guard conf.pointee.bitHack == .full, FileMode(request)?.isExecutableByGroup == true else { return false }
        request.headersOut["Last-Modified"] = nil
        return setLastModified()
    }

    private func setLastModified() -> Bool {
        if request.headersOut["Last-Modified"] == nil, request.fileType == APUS_FILE_REGULAR {
            request.headersOut["Last-Modified"] = request.pool.httpDate(request.fileModified / 1_000_000)
        }
        return true
    }

    // MARK: The document

    func process(_ chain: Chain, _ filter: Filter) -> Status {
        guard let document else { return filter.pass(chain) }
        waiting.take(chain)
        while true {
            if let activity {
                switch activity.goOn() {
                case .done: self.activity = nil
                case .waits:
                    // What the client can have, it gets while it waits.
                    if !document.out.isEmpty { document.out.appendFlush() }
                    let status = document.out.isEmpty ? .ok : filter.pass(document.out)
                    return status.rawValue < 0 ? status : .suspended
                case .wantsRoom:
                    filter.resume()
                    return .again
                }
            }
            let status = filter.pass(document.out)
            let isAtEnd = rest.isEmpty && waiting.isEmpty
            if isAtEnd || status.rawValue < 0 || status == .suspended { return status }
            if status == .again {
                filter.resume()
                return .again
            }
            guard takePiece(document) else { return .failed }
        }
    }

    /// False: the document cannot be read.
    private func takePiece(_ document: Document) -> Bool {
        guard rest.isEmpty else {
            restStart = rest.withBytes { read($0, from: restStart, document) }
            if restStart == rest.count { (rest, restStart) = ([], 0) }
            return true
        }
        var isSound = true
        waiting.takePieces { piece in
            switch piece {
            case .data(let bytes):
                let position = read(bytes, from: 0, document)
                if position < bytes.count { rest = Array(bytes.from(position).buffer) }
            case .flush: document.out.appendFlush()
            case .end:
                finish(document)
                document.out.appendEnd()
            case .unreadable: isSound = false
            }
            return false
        }
        return isSound
    }

    /// Reads up to the first element that takes its time. Returns where that ends.
    private func read(_ bytes: Bytes, from start: Int, _ document: Document) -> Int {
        var position = start
        while activity == nil, let event = reader.next(in: bytes, from: &position) {
            switch event {
            case .startOfTag(let count): if document.isPrinting { document.write(Array(reader.startOfTag(count))) }
            case .text(let range): if document.isPrinting { document.out.append(bytes[range]) }
            case .element(let element): activity = document.handle(element)
            }
        }
        return position
    }

    private func finish(_ document: Document) {
        let (isInside, textLength) = reader.finish()
        if document.isPrinting, textLength > 0 { document.write(Array(reader.startOfTag(textLength))) }
        document.finish(isInsideElement: isInside)
    }

    func end(_ filter: Filter) {
        activity?.cancel()
        activity = nil
        if document != nil { request.slot = nil }
        document = nil
    }
}
