import ByteKit
import Glibc
import ModuleABI
import ModuleABI.Draft

/// Providers that are asked about connections, pages and sessions.
extension Candidate {
    /// - Returns: whether the group is one of them.
    func useOnConnection(_ group: String, _ provider: FakeHost.Provider) -> Bool {
        func table<T>(_ type: T.Type) -> T { provider.table.assumingMemoryBound(to: type).pointee }
        switch group {
        case APUS_GROUP_STATUS: tellStatus(provider, table(apus_status_source_v1.self))
        case APUS_GROUP_FIGURES: tellFigures(provider, table(apus_figures_v1.self))
        case APUS_GROUP_TAP: tap(provider, table(apus_tap_v0.self))
        case APUS_GROUP_PREFACE: preface(provider, table(apus_preface_v0.self))
        case APUS_GROUP_PROTOCOL: open(provider, provider.table.assumingMemoryBound(to: apus_protocol_v0.self))
        case APUS_GROUP_TRANSPORT: carry(provider, table(apus_transport_v0.self))
        case APUS_GROUP_UPSTREAM: secure(provider, table(apus_upstream_v0.self))
        case APUS_GROUP_SESSION_STORE: store(provider, table(apus_session_store_v0.self))
        case APUS_GROUP_SESSION_CODEC: recode(provider, table(apus_session_codec_v0.self))
        default: return false
        }
        return true
    }

    private func lacks(_ provider: FakeHost.Provider, _ function: String) {
        theFake.report(.error, "descriptor", "provider \(provider.name) of \(provider.group) has no \(function)")
    }

    /// An answer beyond what the header allows.
    private func judge(_ provider: FakeHost.Provider, _ function: String, _ status: apus_status, _ allowed: ClosedRange<apus_status> = 0...1) {
        guard !allowed.contains(status), !(-13 ... -1).contains(status) else { return }
        theFake.report(.error, "bad-status", "\(function) of \(provider.name) answers \(status)")
    }

    // MARK: Pages

    private func tellStatus(_ provider: FakeHost.Provider, _ table: apus_status_source_v1) {
        guard let tell = table.tell else { return lacks(provider, "tell") }
        theFake.stage("status source \(provider.name)")
        let request = makeRequest(OddInputs.requests[0], handler: "")
        tell(
            provider.ctx, request.handle,
            { _, name, value in
                let (name, value) = (theFake.text(name), theFake.text(value))
                if name.isEmpty || name.contains(" ") { theFake.report(.error, "bad-name", "tells \"\(name)\" of \(value.utf8.count) bytes: names have no blanks") }
            }, nil)
        end(request)
    }

    /// The figures that were told, in order; for the callback, which captures nothing.
    nonisolated(unsafe) private static var told: [(name: String, label: String)] = []

    private func tellFigures(_ provider: FakeHost.Provider, _ table: apus_figures_v1) {
        guard let each = table.each else { return lacks(provider, "each") }
        theFake.stage("figures of \(provider.name)")
        Candidate.told = []
        each(
            provider.ctx,
            { _, figure in
                guard let figure = figure?.pointee else { return theFake.report(.error, "wrong-handle", "tells a figure that is NULL") }
                let name = theFake.text(figure.name)
                let isCounter = figure.kind == UInt32(APUS_FIGURE_COUNTER)
                let isPlain = name.utf8.allSatisfy { (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5f }
                if name.isEmpty || !isPlain { theFake.report(.error, "bad-name", "figure \"\(name)\": names are small letters, digits and underscores") }
                if isCounter != name.hasSuffix("_total") { theFake.report(.error, "bad-name", "figure \(name): counters, and only they, end in _total") }
                _ = theFake.text(figure.help)
                Candidate.told.append((name, "\(theFake.text(figure.label))=\(theFake.text(figure.label_value))"))
            }, nil)
        for (index, figure) in Candidate.told.enumerated() where index > 0 && Candidate.told[index - 1].name != figure.name {
            guard Candidate.told[..<index].contains(where: { $0.name == figure.name }) else { continue }
            theFake.report(.error, "bad-name", "figure \(figure.name) comes again after others: those of one name are told in a row")
        }
    }

    // MARK: Connections

    private static var pieces: [[UInt8]] {
        [[], [0], Array("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n".utf8), Array("GET / HTTP/1.1\r\n".utf8), [UInt8](repeating: 0xff, count: 4096)]
    }

    private func tap(_ provider: FakeHost.Provider, _ table: apus_tap_v0) {
        guard let wants = table.wants, let received = table.received, let sent = table.sent else { return lacks(provider, "function it needs") }
        for goesBothWays in [true, false] {
            theFake.stage("tap \(provider.name)")
            let connection = FakeConnection(9)
            let answer = wants(provider.ctx, connection.handle)
            judge(provider, "wants", answer)
            for piece in Candidate.pieces where answer == APUS_OK && !piece.isEmpty {
                let pool = FakePool("bytes of a connection, valid during the call")
                let bytes = pool.text(piece, "bytes of a connection, valid during the call")
                received(provider.ctx, connection.handle, bytes.ptr, bytes.count)
                if goesBothWays { sent(provider.ctx, connection.handle, bytes.ptr, bytes.count) }
                pool.destroy()
            }
            if answer == APUS_OK { received(provider.ctx, connection.handle, nil, 0) }
            connection.end()
        }
    }

    private func preface(_ provider: FakeHost.Provider, _ table: apus_preface_v0) {
        guard let expects = table.expects, let read = table.read else { return lacks(provider, "function it needs") }
        for piece in Candidate.pieces where !piece.isEmpty {
            theFake.stage("preface \(provider.name), \(OddInputs.spell(piece))")
            let connection = FakeConnection(9)
            let answer = expects(provider.ctx, connection.handle)
            judge(provider, "expects", answer)
            // All that has come so far, and a byte more each time; a long one in larger steps.
            for length in stride(from: 1, through: piece.count, by: max(1, piece.count / 64)) where answer == APUS_OK {
                let pool = FakePool("bytes of a connection, valid during the call")
                let bytes = pool.text(Array(piece[..<length]), "bytes of a connection, valid during the call")
                var used = Int.max
                let outcome = read(provider.ctx, connection.handle, bytes.ptr, bytes.count, &used)
                pool.destroy()
                if outcome == APUS_OK, used > length {
                    theFake.report(.error, "bad-status", "preface \(provider.name) takes more than there is, or does not say how much")
                }
                guard outcome == APUS_AGAIN else {
                    judge(provider, "read", outcome, 0...0)
                    break
                }
            }
            connection.end()
        }
    }

    private func open(_ provider: FakeHost.Provider, _ table: UnsafePointer<apus_protocol_v0>) {
        guard let open = table.pointee.open, table.pointee.receive != nil, table.pointee.close != nil else { return lacks(provider, "function it needs") }
        for isUsed in [true, false] {
            theFake.stage("protocol \(provider.name)")
            let connection = FakeConnection(9)
            var state: UnsafeMutableRawPointer?
            let status = open(provider.ctx, connection.handle, &state)
            judge(provider, "open", status, 0...0)
            if status == APUS_OK {
                if isUsed { drive((table, state), connection) } else { table.pointee.close?(state) }
            }
            connection.end()
        }
    }

    /// Clients that speak anything, or nothing, to a transport.
    private func carry(_ provider: FakeHost.Provider, _ table: apus_transport_v0) {
        guard let open = table.open, let handshake = table.handshake, let read = table.read, let write = table.write, let close = table.close
        else { return lacks(provider, "function it needs") }
        for piece in Candidate.pieces {
            theFake.stage("transport \(provider.name), a client that says \(OddInputs.spell(piece))")
            let connection = FakeConnection(9)
            var state: UnsafeMutableRawPointer?
            let opened = open(provider.ctx, connection.handle, &state)
            judge(provider, "open", opened)
            guard opened == APUS_OK else {
                connection.end()
                continue
            }
            connection.wire = piece
            let agreed = handshake(state)
            judge(provider, "handshake", agreed, 0...4)
            if agreed == APUS_OK {
                var buffer = [UInt8](repeating: 0, count: 64)
                var count = 0
                judge(provider, "read", read(state, &buffer, buffer.count, &count), 0...4)
                if count > buffer.count { theFake.report(.error, "overrun", "transport \(provider.name) reads more than there is room for") }
                let pool = FakePool("bytes to be sent, valid during the call")
                var part = pool.text("an answer", "bytes to be sent, valid during the call")
                judge(provider, "write", write(state, &part, 1, &count), 0...4)
                pool.destroy()
                _ = table.shutdown?(state)
            }
            if let agreement = table.protocol { _ = theFake.text(agreement(state)) }
            close(state)
            theFake.tasks.dropTimers(of: connection)
            connection.end()
        }
    }

    /// Another server that answers nonsense, and closes.
    private func secure(_ provider: FakeHost.Provider, _ table: apus_upstream_v0) {
        guard let open = table.open, let handshake = table.handshake, let close = table.close else { return lacks(provider, "function it needs") }
        for answer in [Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8), []] {
            theFake.stage("upstream \(provider.name), a server that says \(OddInputs.spell(answer))")
            var ends: [Int32] = [0, 0]
            guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0, &ends) == 0 else { return }
            _ = answer.withUnsafeBytes { send(ends[1], $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            shutdown(ends[1], Int32(SHUT_WR))
            let pool = FakePool("a request")
            var state: UnsafeMutableRawPointer?
            let opened = open(provider.ctx, theFake.servers[0].handle, pool.text("other.example", "a host's name"), ends[0], &state)
            judge(provider, "open", opened)
            if opened == APUS_OK {
                var wants: UInt32 = 0
                var rounds = 0
                var outcome = handshake(state, &wants)
                while outcome == APUS_AGAIN, rounds < 8 {
                    rounds += 1
                    outcome = handshake(state, &wants)
                }
                if let problem = table.problem { _ = theFake.text(problem(state)) }
                if let fact = table.fact { _ = theFake.text(fact(state, pool.text("protocol", "the name of a fact"))) }
                close(state)
                if fcntl(ends[0], F_GETFD) < 0 { theFake.report(.error, "wrong-handle", "upstream \(provider.name) closes the socket, which is its caller's") }
            }
            pool.destroy()
            for end in ends { Glibc.close(end) }
        }
    }

    // MARK: Sessions

    private func store(_ provider: FakeHost.Provider, _ table: apus_session_store_v0) {
        guard let load = table.load, let save = table.save else { return lacks(provider, "function it needs") }
        for odd in OddInputs.requests {
            theFake.stage("session store \(provider.name), \(odd.label)")
            let request = makeRequest(odd, handler: "")
            var found = Bytes.none
            let loaded = load(provider.ctx, request.handle, &found)
            judge(provider, "load", loaded)
            if loaded == APUS_OK { _ = theFake.text(found) }
            for text in ["a=1&b=%20", ""] {
                judge(provider, "save", save(provider.ctx, request.handle, request.pool.text(text, "the text of a session"), 60))
            }
            end(request)
        }
    }

    private func recode(_ provider: FakeHost.Provider, _ table: apus_session_codec_v0) {
        guard let encode = table.encode, let decode = table.decode else { return lacks(provider, "function it needs") }
        for word in OddInputs.words {
            theFake.stage("session codec \(provider.name), \(OddInputs.spell(word))")
            let request = makeRequest(OddInputs.requests[0], handler: "")
            var coded = Bytes.none
            let status = encode(provider.ctx, request.handle, request.pool.text(word, "the text of a session"), &coded)
            judge(provider, "encode", status)
            var back = Bytes.none
            if status == APUS_OK, decode(provider.ctx, request.handle, coded, &back) != APUS_OK || theFake.bytes(back) != word {
                theFake.report(.error, "filter-lost", "session codec \(provider.name) does not decode what it encoded")
            }
            judge(provider, "decode", decode(provider.ctx, request.handle, request.pool.text(word, "what a client sent as a session"), &back))
            end(request)
        }
    }
}
