import ByteKit
import Glibc
import ModuleABI

/// Answers a request with a status: a page of the site, or one of the server's own.
enum ErrorResponse {
    /// True: there is an answer, complete but for its end. False: the request waits, for a page that takes time.
    static func answer(_ r: Request.Ref, _ code: apus_status) -> Bool {
        var r = r
        var status = code
        if status < 0 { status = 500 }
        if status < 200 || status > 599 { status = 500 }
        // Too late for another answer: what has begun is cut off.
        if r.pointee.response.headIsSent {
            r.pointee.response.keepsAlive = false
            r.pointee.response.isEnded = true
            if r.pointee.response.framing == .chunked || r.pointee.response.framing == .length { r.pointee.conn.pointee.wasAborted = true }
            return true
        }
        if !r.pointee.isInErrorPage, theWorker.pointee.errorPage.pointee.count > 0 {
            r.pointee.isInErrorPage = true
            let answer = HookRunner.runErrorPage(theWorker.pointee.errorPage, r, status)
            if answer == APUS_OK || answer == APUS_DONE { return true }
            r.pointee.isInErrorPage = false
        }
        if let page = custom(r, status) {
            switch page {
            case .waiting: return false
            case .answered: return true
            case .failed: r = r.pointee.conn.pointee.request ?? r
            }
        }
        own(r, status)
        return true
    }

    private enum Custom {
        case answered, waiting, failed
    }

    /// ErrorDocument, unless the page for an earlier error is what failed.
    private static func custom(_ r: Request.Ref, _ status: Int32) -> Custom? {
        guard let document = r.core.errorDocuments.first(where: { $0.status == status }), document.kind != .standard,
            !r.pointee.isInErrorPage, let content = document.content?.text(r)
        else { return nil }
        switch document.kind {
        case .text:
            prepare(r, status)
            r.pointee.contentType = Bytes("text/html; charset=iso-8859-1")
            send(r, content)
            return .answered
        case .url:
            guard Token.isFieldValue(content) else { return nil }
            r.pointee.errorHeadersOut.set(Bytes("Location"), content, r.pointee.arena)
            own(r, 302)
            return .answered
        case .localPath: return localPage(r, status, content)
        case .standard: return nil
        }
    }

    /// A page of the site: an internal redirect that keeps the status.
    private static func localPage(_ r: Request.Ref, _ status: Int32, _ target: Bytes) -> Custom {
        r.pointee.status = status
        guard let page = InternalRedirect.make(r, to: target) else { return .failed }
        InternalRedirect.describeError(page, of: r)
        // A body that was not read belongs to the failed request, not to its page, and where it will not come, or only when the
        // client is told to go on, the page does not wait for it.
        if !r.pointee.body.isComplete, r.pointee.hasBodyTimedOut || r.pointee.framing.expect.isSet && !r.pointee.response.continueIsSent {
            page.pointee.body = BodyReader()
            page.pointee.conn.pointee.isPoisoned = true
        }
        page.pointee.isInErrorPage = true
        if !page.pointee.isHead {
            page.pointee.method = Bytes("GET")
            page.pointee.methodKind = .get
        }
        page.pointee.status = status
        if let location = redirection(r, status) {
            page.pointee.errorHeadersOut.set(Bytes("Location"), location, page.pointee.arena)
        }
        switch Phases.run(page, upTo: .handler) {
        case .finished, .answered: return .answered
        case .waiting: return .waiting
        case .failed(let second):
            ErrorLog.write(
                .error, code: "APUS1202", request: page,
                "the page \(target.string) for error \(status) could not be served either (\(second))")
            return .failed
        }
    }

    /// The answer begins anew: nothing of what was prepared for a success belongs into it.
    private static func prepare(_ r: Request.Ref, _ status: Int32) {
        r.pointee.status = status
        r.pointee.response.isOwnPage = true
        // A 304 is about what filters would have made of the content: they have their say about its fields.
        if status != 304 { Filters.bypass(r) }
        OutputFeed.clear(r)
        // A precondition's answer still says what the file is (RFC 9110, 15.4.5).
        let isAboutFile = status == 304 || status == 412
        let location = redirection(r, status)
        if !isAboutFile { r.pointee.headersOut.removeAll() }
        if let location {
            _ = r.pointee.headersOut.remove(Bytes("Location"))
            r.pointee.errorHeadersOut.set(Bytes("Location"), location, r.pointee.arena)
        }
        r.pointee.contentEncoding = .none
        r.pointee.contentLanguage = .none
        if closes(status) { r.pointee.conn.pointee.isPoisoned = true }
        if status == 405 { sayWhatIsAllowed(r) }
    }

    /// RFC 9110, 15.5.6. Where no handler has been asked, none can have said what it allows.
    private static func sayWhatIsAllowed(_ r: Request.Ref) {
        guard r.pointee.step.rawValue < Step.handler.rawValue, !r.pointee.errorHeadersOut.contains("Allow") else { return }
        let allowsTrace = r.pointee.server.pointee.limits.traceEnable != .off
        r.pointee.errorHeadersOut.set(Bytes("Allow"), Bytes(allowsTrace ? "TRACE" : ""), r.pointee.arena)
    }

    /// Where an answer that redirects leads, as a handler has set it.
    private static func redirection(_ r: Request.Ref, _ status: Int32) -> Bytes? {
        (300...399).contains(status) ? r.pointee.headersOut.first("Location") : nil
    }

    /// After these the client's next bytes cannot be trusted to begin a request.
    private static func closes(_ status: Int32) -> Bool {
        switch status {
        case 400, 408, 411, 413, 414, 501, 505: true
        default: false
        }
    }

    private static func own(_ r: Request.Ref, _ status: Int32) {
        prepare(r, status)
        if status == 304 || status == 412 && r.pointee.file.kind == .regular {
            // There is no page: the answer is about the file, as a success would be.
            r.pointee.response.isOwnPage = false
            let chain = Chain.make(r.pointee.arena)
            chain.pointee.append(mark: .end)
            _ = OutputFeed.write(r, chain)
            return
        }
        r.pointee.contentType = Bytes("text/html; charset=iso-8859-1")
        send(r, ErrorPage.compose(r, status))
    }

    private static func send(_ r: Request.Ref, _ text: Bytes) {
        let chain = Chain.make(r.pointee.arena)
        if !text.isEmpty { chain.pointee.append(borrowed: text, release: nil, context: nil) }
        chain.pointee.append(mark: .end)
        _ = OutputFeed.write(r, chain)
    }
}

/// The server's own error pages.
enum ErrorPage {
    static func compose(_ r: Request.Ref, _ status: Int32) -> Bytes {
        let title = Bytes(StatusLine.text(status))
        let location = r.pointee.errorHeadersOut.first("Location") ?? .none
        let foot = signature(r)
        let variants = r.pointee.notes.first("variant-list") ?? .none
        let bound = 1024 + variants.count + (r.pointee.path.count + location.count + r.pointee.server.pointee.name.count) * 6 + foot.count
        var writer = ByteWriter(r.pointee.arena.pointee.allocate(bound), capacity: bound)
        writer.append("<!DOCTYPE html>\n<html lang=\"en\"><head>\n<title>")
        writer.append(title)
        writer.append("</title>\n</head><body>\n<h1>")
        writer.append(title.from(4))
        writer.append("</h1>\n<p>")
        explain(r, status, location, &writer)
        writer.append("</p>\n")
        if !foot.isEmpty { writer.append("<hr>\n") }
        writer.append(foot)
        writer.append("</body></html>\n")
        return writer.written
    }

    private static func explain(_ r: Request.Ref, _ status: Int32, _ location: Bytes, _ writer: inout ByteWriter) {
        switch status {
        case 300 where r.pointee.notes.first("variant-list") != nil, 406 where r.pointee.notes.first("variant-list") != nil:
            writer.append(r.pointee.notes.first("variant-list") ?? .none)
        case 301, 302, 303, 307, 308:
            writer.append("The document has moved <a href=\"")
            escape(location, &writer)
            writer.append("\">here</a>.")
        case 400: writer.append("The request does not follow the rules of HTTP, so it was not carried out.")
        case 401:
            writer.append("A valid user name and password are needed to see this page.")
        case 403: writer.append("You may not see this page.")
        case 404: writer.append("There is no such page on this server.")
        case 405, 501:
            writer.append("The method ")
            escape(r.pointee.method, &writer)
            writer.append(" cannot be used here.")
        case 408: writer.append("The request took too long to arrive.")
        case 410: writer.append("This page is gone for good; no new address is known.")
        case 413: writer.append("The request carries more data than is accepted here.")
        case 414: writer.append("The address is longer than this server accepts.")
        case 421: writer.append("This connection was made for another host name: a new one is needed.")
        case 503: writer.append("The server is too busy or under repair. Please try again later.")
        default: writer.append("The server could not answer this request.")
        }
    }

    /// The line about the server under pages that it makes itself; empty where ServerSignature does not want it.
    static func signature(_ r: Request.Ref) -> Bytes {
        let kind = r.core.serverSignature ?? .off
        guard kind != .off else { return Bytes("") }
        let server = r.pointee.server
        let admin = kind == .email ? server.pointee.core.pointee.serverAdmin : .none
        let host = AbsoluteURL.host(r)
        let bound = 128 + theWorker.pointee.serverField.count + (host.count + admin.count) * 6
        var writer = ByteWriter(r.pointee.arena.pointee.allocate(bound), capacity: bound)
        writer.append("<address>")
        writer.append(theWorker.pointee.serverField)
        writer.append(" Server at ")
        if admin.isSet {
            writer.append("<a href=\"")
            if !admin.contains(0x3a) { writer.append("mailto:") }
            escape(admin, &writer)
            writer.append("\">")
        }
        escape(host, &writer)
        if admin.isSet { writer.append("</a>") }
        writer.append(" Port ")
        writer.append(decimal: Int64(AbsoluteURL.port(r)))
        writer.append("</address>\n")
        return writer.written
    }

    /// What a client sent never reaches a page as markup.
    private static func escape(_ text: Bytes, _ writer: inout ByteWriter) {
        for byte in text.buffer {
            switch byte {
            case 0x26: writer.append("&amp;")
            case 0x3c: writer.append("&lt;")
            case 0x3e: writer.append("&gt;")
            case 0x22: writer.append("&quot;")
            default: writer.append(byte)
            }
        }
    }
}
