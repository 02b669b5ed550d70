import Glibc
import ModuleKit

/// One listing on its way to the client: collects the entries, then writes header, list and readme. Long directories are
/// read in several turns, and a header or readme that is a program may take its time.
final class Listing {
    private let request: Request
    private let host: Host
    private let conf: UnsafePointer<IndexConf>
    private let query: IndexQuery
    private let maker: EntryMaker
    private let frame: PageFrame
    private var directory: OpaquePointer?
    private var entries: [Entry] = []
    private var page = Page()
    private var steps: [() throws -> Step]
    private var task: SuspendedTask?

    /// What a step came to.
    private enum Step {
        case next
        /// The step is to be taken again in another turn.
        case again
        /// Somebody will go on with the next step.
        case waiting
    }

    /// So many entries are looked at in one turn.
    private static let share = 200

    /// Nil: the directory cannot be read.
    init?(_ request: Request, _ host: Host) {
        guard let directory = opendir(request.directory.ptr) else {
            let code = errno
            host.log.write(
                .error, code: "AH01275", request: request, error: code,
                "cannot read directory \(request.filename.string) for its listing: \(String(cString: strerror(code)))")
            return nil
        }
        self.request = request
        self.host = host
        self.directory = directory
        conf = UnsafePointer(request.confPointer(IndexConf.self))
        query = IndexQuery(request, conf)
        maker = EntryMaker(request: request, conf: conf, options: query.options, pattern: query.pattern)
        frame = PageFrame(request, conf, query.options)
        steps = []
    }

    deinit { if let directory { closedir(directory) } }

    func start() throws -> Status {
        setHead()
        if request.isHead { return .ok }
        if let parent = maker.parent() { entries.append(parent) }
        steps = [collect, writeHeader, writeList, writeReadme]
        let isDone = try advance()
        return isDone ? finish() : .suspended
    }

    private func setHead() {
        let type = conf.pointee.type.isEmpty ? Bytes("text/html") : conf.pointee.type
        let charset = conf.pointee.charset.isEmpty ? Bytes("ISO-8859-1") : conf.pointee.charset
        request.contentType = request.pool.compose(capacity: type.count + charset.count + 9) {
            $0.append(type)
            $0.append(";charset=")
            $0.append(charset)
        }
        guard query.options.contains(.trackModified) else { return }
        request.headersOut["Last-Modified"] = request.pool.httpDate(request.fileModified / 1_000_000)
        let tag = request.get(APUS_R_FILE_ETAG)
        if tag.isSet { request.headersOut["ETag"] = tag }
    }

    // MARK: Steps

    /// True: all steps are done. Otherwise the request is suspended, and somebody goes on.
    private func advance() throws -> Bool {
        while let step = steps.first {
            switch try step() {
            case .next: steps.removeFirst()
            case .again:
                try suspend()
                try request.connection.after(microseconds: 0) { self.goOn() }
                return false
            case .waiting: return false
            }
        }
        return true
    }

    private func goOn() {
        guard let task else { return }
        do {
            guard try advance() else { return }
            task.resume(finish())
        } catch {
            host.log.error("\(error)", request: request)
            task.resume(.failed)
        }
    }

    private func suspend() throws { if task == nil { task = try request.suspend() } }

    private func finish() -> Status {
        let chain = Chain(in: request.pool)
        page.withBytes { chain.append($0) }
        chain.appendEnd()
        return request.write(chain).rawValue < 0 ? .failed : .ok
    }

    /// Sends what has been written so far.
    private func flush() {
        guard !page.isEmpty else { return }
        let chain = Chain(in: request.pool)
        page.withBytes { chain.append($0) }
        page = Page()
        _ = request.write(chain)
    }

    private func collect() throws -> Step {
        guard let open = directory else { return .next }
        for _ in 0..<Self.share {
            guard let item = readdir(open) else {
                closedir(open)
                directory = nil
                return .next
            }
            let name = withUnsafePointer(to: &item.pointee.d_name) {
                request.pool.copy(Bytes(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self)))
            }
            if let entry = maker.entry(named: name) { entries.append(entry) }
        }
        return .again
    }

    private func writeHeader() throws -> Step {
        let hidesPreamble = query.options.contains(.suppressPreamble)
        switch try insertion(conf.pointee.header) {
        case .html(let found):
            if !hidesPreamble { frame.preamble(&page) }
            return try include(found)
        case .text(let found):
            frame.preamble(&page)
            try append(textOf: found)
        case .none:
            frame.preamble(&page)
            frame.heading(&page)
        }
        return .next
    }

    private func writeList() -> Step {
        let order = EntryOrder(
            sorting: query.sorting, byVersion: query.options.contains(.versionSort),
            ignoresCase: query.options.contains(.ignoreCase))
        entries.sort { order.isBefore($0, $1) }
        ListingPage(conf, query, path: request.path, entries).write(entries, &page)
        return .next
    }

    private func writeReadme() throws -> Step {
        let hidesPostamble: Bool
        switch try insertion(conf.pointee.readme) {
        case .html(let found):
            hidesPostamble = query.options.contains(.suppressPreamble)
            if !hidesPostamble { steps.append(endPage) }
            return try include(found)
        case .text(let found): try append(textOf: found)
        case .none: page.append(request.signature)
        }
        return endPage()
    }

    private func endPage() -> Step {
        page.append("</body></html>\n")
        return .next
    }

    // MARK: Header and readme

    private enum Insertion {
        case html(Request), text(Request), none
    }

    /// What HeaderName or ReadmeName leads to from here.
    private func insertion(_ name: Bytes) throws -> Insertion {
        guard !name.isEmpty, let found = try? request.lookup(name) else { return .none }
        if found.status == 200, found.fileType == APUS_FILE_REGULAR {
            let type = found.contentType.withoutParameters
            if type.equalsIgnoringCase("text/html") { return .html(found) }
            if type.hasPrefixIgnoringCase("text/") { return .text(found) }
        }
        found.destroy()
        return .none
    }

    /// Runs the request of a document; its body follows what has been written so far.
    private func include(_ found: Request) throws -> Step {
        flush()
        var isDone = false
        var waits = false
        try found.run { _, _ in
            isDone = true
            guard waits else { return }
            self.steps.removeFirst()
            self.goOn()
        }
        guard !isDone else { return .next }
        waits = true
        try suspend()
        return .waiting
    }

    private func append(textOf found: Request) throws {
        defer { found.destroy() }
        let fd = open(found.filename.ptr.unsafelyUnwrapped, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard fd >= 0 else { return }
        defer { close(fd) }
        page.append("<pre>\n")
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 8192) { room in
            while true {
                let got = read(fd, room.baseAddress, room.count)
                guard got > 0 else { return }
                page.append(escaped: Bytes(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(room)[..<got])))
            }
        }
        page.append("</pre>\n")
    }
}
