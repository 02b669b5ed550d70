import ByteKit
import CSystem
import Glibc
import ModuleABI
import ModuleABI.Draft

/// What requests, connections and bodies offer.
extension FakeTables {
    static let request = apus_request_v1(
        size: size(apus_request_v1.self), reserved: 0,
        get: { r, field in
            theFake.call("request.get", .req) { theFake.object(r, FakeRequest.self, "request.get")?.texts[field] ?? Bytes.none }
        },
        set: { r, field, value in
            theFake.call("request.set", .req) {
                guard let request = theFake.object(r, FakeRequest.self, "request.set") else { return APUS_E_INVALID }
                if theFake.refusesAllocation() { return APUS_E_NOMEM }
                request.set(field, theFake.bytes(value))
                return APUS_OK
            }
        },
        number: { r, field in
            theFake.call("request.number", .req) { theFake.object(r, FakeRequest.self, "request.number")?.numbers[field] ?? 0 }
        },
        set_number: { r, field, value in
            theFake.call("request.set_number", .req) {
                guard let request = theFake.object(r, FakeRequest.self, "request.set_number") else { return APUS_E_INVALID }
                request.numbers[field] = value
                return APUS_OK
            }
        },
        server: { r in theFake.call("request.server", .req) { theFake.object(r, FakeRequest.self, "request.server")?.server.handle } },
        conn: { r in theFake.call("request.conn", .req) { theFake.object(r, FakeRequest.self, "request.conn")?.connection.handle } },
        pool: { r in theFake.call("request.pool", .req) { theFake.object(r, FakeRequest.self, "request.pool")?.pool.handle } },
        main: { r in theFake.call("request.main", .req) { theFake.object(r, FakeRequest.self, "request.main")?.main?.handle } },
        previous: { r in
            theFake.call("request.previous", .req) {
                _ = theFake.object(r, FakeRequest.self, "request.previous")
                return nil
            }
        },
        slot: { r, _ in theFake.call("request.slot", .req) { theFake.object(r, FakeRequest.self, "request.slot")?.slot } },
        set_slot: { r, _, value in theFake.call("request.set_slot", .req) { theFake.object(r, FakeRequest.self, "request.set_slot")?.slot = value } },
        dir_conf: { r, _ in theFake.call("request.dir_conf", .req) { theFake.object(r, FakeRequest.self, "request.dir_conf")?.dirConf } },
        server_conf: { r, _ in
            theFake.call("request.server_conf", .req) { theFake.object(r, FakeRequest.self, "request.server_conf")?.server.serverConf }
        },
        conf_identity: { r in theFake.call("request.conf_identity", .req) { 1 } },
        is_own_host: { r, _, _ in theFake.call("request.is_own_host", .req) { 0 } },
        preconditions: { r in theFake.call("request.preconditions", .req) { APUS_OK } })

    static let headers = apus_headers_v1(
        size: size(apus_headers_v1.self), reserved: 0,
        get: { r, table, name, nth in
            theFake.call("headers.get", .req) {
                guard let request = theFake.object(r, FakeRequest.self, "headers.get") else { return Bytes.none }
                let found = (request.fields[table] ?? []).filter { same($0.name, name, table) }
                return Int(nth) < found.count ? found[Int(nth)].value : Bytes.none
            }
        },
        set: { r, table, name, value in change("headers.set", r, table, name, value) { $0.removeField(table, name) } },
        add: { r, table, name, value in change("headers.add", r, table, name, value) { _ in } },
        merge: { r, table, name, value in change("headers.merge", r, table, name, value) { _ in } },
        remove: { r, table, name in
            theFake.call("headers.remove", .req) {
                guard let request = theFake.object(r, FakeRequest.self, "headers.remove") else { return APUS_E_INVALID }
                return request.removeField(table, name) ? APUS_OK : APUS_E_NOT_FOUND
            }
        },
        clear: { r, table in theFake.call("headers.clear", .req) { theFake.object(r, FakeRequest.self, "headers.clear")?.fields[table] = [] } },
        count: { r, table in
            theFake.call("headers.count", .req) { UInt32(theFake.object(r, FakeRequest.self, "headers.count")?.fields[table]?.count ?? 0) }
        },
        at: { r, table, index, name, value in
            theFake.call("headers.at", .req) {
                guard let list = theFake.object(r, FakeRequest.self, "headers.at")?.fields[table], Int(index) < list.count else { return APUS_E_NOT_FOUND }
                name?.pointee = list[Int(index)].name
                value?.pointee = list[Int(index)].value
                return APUS_OK
            }
        },
        version: { r, table in theFake.call("headers.version", .req) { theFake.object(r, FakeRequest.self, "headers.version")?.versions[table] ?? 0 } },
        sent: { r, name in
            theFake.call("headers.sent", .req) {
                _ = theFake.object(r, FakeRequest.self, "headers.sent")
                return Bytes.none
            }
        })

    fileprivate static func same(_ a: apus_str, _ b: apus_str, _ table: UInt32) -> Bool {
        guard a.count == b.count else { return false }
        return table == APUS_HEADERS_ENV ? a == b : a.equalsIgnoringCase(b)
    }

    private static func change(
        _ call: StaticString, _ r: OpaquePointer?, _ table: UInt32, _ name: apus_str, _ value: apus_str, _ before: (FakeRequest) -> Void
    ) -> apus_status {
        theFake.call(call, .req) {
            guard let request = theFake.object(r, FakeRequest.self, call), table <= APUS_HEADERS_TRAILERS_OUT else { return APUS_E_INVALID }
            if theFake.refusesAllocation() { return APUS_E_NOMEM }
            let bytes = theFake.bytes(value)
            let isField = table != APUS_HEADERS_NOTES && table != APUS_HEADERS_ENV
            guard name.count > 0, !isField || !bytes.contains(where: { $0 == 0 || $0 == 10 || $0 == 13 }) else { return APUS_E_INVALID }
            before(request)
            request.addField(table, theFake.bytes(name), bytes)
            return APUS_OK
        }
    }

    static let conn = apus_conn_v1(
        size: size(apus_conn_v1.self), reserved: 0,
        get: { c, field in
            theFake.call("conn.get", .conn) {
                guard let connection = theFake.object(c, FakeConnection.self, "conn.get") else { return Bytes.none }
                let text = switch field {
                case UInt32(APUS_C_PEER_ADDRESS): "2001:db8::7"
                case UInt32(APUS_C_LOCAL_ADDRESS): "192.0.2.1"
                case UInt32(APUS_C_TRANSPORT): "tcp"
                default: ""
                }
                return connection.pool.text(text, "a string of a connection")
            }
        },
        number: { c, field in
            theFake.call("conn.number", .conn) {
                guard let connection = theFake.object(c, FakeConnection.self, "conn.number") else { return 0 }
                switch field {
                case UInt32(APUS_C_PEER_PORT): return 50_000
                case UInt32(APUS_C_LOCAL_PORT): return 80
                case UInt32(APUS_C_REQUESTS): return 1
                case UInt32(APUS_C_ID): return Int64(connection.number)
                default: return 0
                }
            }
        },
        server: { c in theFake.call("conn.server", .conn) { theFake.servers[0].handle } },
        pool: { c in theFake.call("conn.pool", .conn) { theFake.object(c, FakeConnection.self, "conn.pool")?.pool.handle } },
        slot: { c, _ in theFake.call("conn.slot", .conn) { theFake.object(c, FakeConnection.self, "conn.slot")?.slot } },
        set_slot: { c, _, value in theFake.call("conn.set_slot", .conn) { theFake.object(c, FakeConnection.self, "conn.set_slot")?.slot = value } },
        token: { c in
            theFake.call("conn.token", .conn) { theFake.object(c, FakeConnection.self, "conn.token")?.token ?? 0 }
        },
        close: { c in theFake.call("conn.close", .conn) { _ = theFake.object(c, FakeConnection.self, "conn.close") } })

    static let wire = apus_wire_v0(
        size: size(apus_wire_v0.self), reserved: 0,
        read: { c, buffer, capacity, n in
            theFake.call("wire.read", .conn) {
                n?.pointee = 0
                guard let connection = theFake.object(c, FakeConnection.self, "wire.read"), let buffer, !connection.wire.isEmpty
                else { return APUS_AGAIN }
                let count = min(capacity, connection.wire.count)
                connection.wire[..<count].withUnsafeBytes { buffer.copyMemory(from: $0.baseAddress!, byteCount: count) }
                connection.wire.removeFirst(count)
                n?.pointee = count
                return APUS_OK
            }
        },
        write: { c, _, length, n in
            theFake.call("wire.write", .conn) {
                n?.pointee = length
                return APUS_OK
            }
        },
        select_server: { c, _, matched in
            theFake.call("wire.select_server", .conn) {
                matched?.pointee = 0
                return theFake.servers[0].handle
            }
        },
        suspend: { c, cancel, ctx, out in
            theFake.call("wire.suspend", .conn) {
                out?.pointee = theFake.tasks.take(nil, cancel, ctx).id
                return APUS_OK
            }
        },
        state: { _, _ in theFake.call("wire.state", .conn) { nil } })

    static let body = apus_body_v1(
        size: size(apus_body_v1.self), reserved: 0,
        chain: { pool in
            theFake.call("body.chain", .req) {
                if theFake.refusesAllocation() { return nil }
                return theFake.object(pool, FakePool.self, "body.chain").map { pool in
                    let chain = FakeChain(pool)
                    pool.onDestroy({ theFake.endChain($0) }, UnsafeMutableRawPointer(chain.handle))
                    return chain.handle
                }
            }
        },
        append_copy: { chain, data in
            theFake.call("body.append_copy", .req) {
                guard let chain = theFake.object(chain, FakeChain.self, "body.append_copy") else { return APUS_E_INVALID }
                if theFake.refusesAllocation() { return APUS_E_NOMEM }
                if data.count > 0 { chain.segments.append(.data(chain.pool.text(theFake.bytes(data), "part of a body"), release: nil)) }
                return APUS_OK
            }
        },
        append_borrowed: { chain, data, release, ctx in
            theFake.call("body.append_borrowed", .req) {
                guard let chain = theFake.object(chain, FakeChain.self, "body.append_borrowed") else { return APUS_E_INVALID }
                if theFake.refusesAllocation() { return APUS_E_NOMEM }
                chain.segments.append(.data(data, release: release.map { ($0, ctx) }))
                return APUS_OK
            }
        },
        append_file: { chain, fd, offset, length, owned in
            theFake.call("body.append_file", .req) {
                guard let chain = theFake.object(chain, FakeChain.self, "body.append_file"), fcntl(fd, F_GETFD) >= 0, offset >= 0, length >= 0 else {
                    theFake.report(.error, "wrong-handle", "body.append_file was given a descriptor that is not open, or a place that no file has")
                    return APUS_E_INVALID
                }
                chain.segments.append(.file(fd: fd, offset: offset, length: length, owned: owned != 0))
                return APUS_OK
            }
        },
        append_mark: { chain, kind in
            theFake.call("body.append_mark", .req) {
                guard let chain = theFake.object(chain, FakeChain.self, "body.append_mark"), kind == APUS_SEG_FLUSH || kind == APUS_SEG_END else { return APUS_E_INVALID }
                if theFake.refusesAllocation() { return APUS_E_NOMEM }
                chain.segments.append(kind == APUS_SEG_END ? .end : .flush)
                return APUS_OK
            }
        },
        peek: { chain, out in
            theFake.call("body.peek", .req) {
                guard let chain = theFake.object(chain, FakeChain.self, "body.peek"), let out else { return APUS_E_INVALID }
                guard out.pointee.size >= UInt32(MemoryLayout<apus_segment>.size) else {
                    theFake.report(.error, "registration", "body.peek was called with an apus_segment whose size is not set")
                    return APUS_E_INVALID
                }
                guard let first = chain.segments.first else { return APUS_E_NOT_FOUND }
                out.pointee.length = first.length
                switch first {
                case .data(let bytes, _):
                    out.pointee.kind = APUS_SEG_DATA
                    out.pointee.data = bytes
                case .file(let fd, let offset, _, _):
                    out.pointee.kind = APUS_SEG_FILE
                    out.pointee.data = Bytes.none
                    out.pointee.fd = fd
                    out.pointee.offset = offset
                case .flush: out.pointee.kind = APUS_SEG_FLUSH
                case .end: out.pointee.kind = APUS_SEG_END
                }
                return APUS_OK
            }
        },
        drop: { chain, n in theFake.call("body.drop", .req) { theFake.object(chain, FakeChain.self, "body.drop")?.drop(n) } },
        move: { to, from, n in
            theFake.call("body.move", .req) {
                guard let to = theFake.object(to, FakeChain.self, "body.move"), let from = theFake.object(from, FakeChain.self, "body.move") else { return }
                from.move(to: to, n)
            }
        },
        length: { chain in theFake.call("body.length", .req) { theFake.object(chain, FakeChain.self, "body.length")?.length ?? 0 } },
        read: { r, max, chain in
            theFake.call("body.read", .req) {
                guard let request = theFake.object(r, FakeRequest.self, "body.read"), let chain = theFake.object(chain, FakeChain.self, "body.read")
                else { return APUS_E_INVALID }
                return request.read(max, into: chain)
            }
        },
        write: { r, chain in
            theFake.call("body.write", .req) {
                guard let request = theFake.object(r, FakeRequest.self, "body.write"), let chain = theFake.object(chain, FakeChain.self, "body.write")
                else { return APUS_E_INVALID }
                if request.hasEnded { theFake.report(.error, "filter-end", "wrote a body after its end") }
                request.hasAnswered = true
                if chain.segments.contains(where: { if case .end = $0 { true } else { false } }) { request.hasEnded = true }
                request.sent += Int(chain.length)
                chain.clear()
                return APUS_OK
            }
        },
        when: { r, want, fn, ctx in
            theFake.call("body.when", .req) {
                guard let request = theFake.object(r, FakeRequest.self, "body.when"), let fn else { return APUS_E_INVALID }
                let raw = r
                theFake.tasks.waiting.append((request, { fn(ctx, raw) }))
                return APUS_OK
            }
        },
        reply: { r, status, _, body in
            theFake.call("body.reply", .req) {
                guard let request = theFake.object(r, FakeRequest.self, "body.reply") else { return APUS_E_INVALID }
                if request.hasAnswered {
                    theFake.report(.error, "filter-end", "answered a request twice")
                    return APUS_E_INVALID
                }
                guard (100...599).contains(status) else {
                    theFake.report(.error, "bad-status", "replied with the status \(status)")
                    return APUS_E_INVALID
                }
                if theFake.refusesAllocation() { return APUS_E_NOMEM }
                request.hasAnswered = true
                request.hasEnded = true
                request.sent += theFake.bytes(body).count
                return APUS_OK
            }
        },
        interim: { r, status in
            theFake.call("body.interim", .req) {
                _ = theFake.object(r, FakeRequest.self, "body.interim")
                return status == 100 || (102...199).contains(status) ? APUS_DECLINED : APUS_E_INVALID
            }
        },
        replace: { r, data in
            theFake.call("body.replace", .req) {
                guard let request = theFake.object(r, FakeRequest.self, "body.replace"), request.input.isEmpty else { return APUS_E_INVALID }
                request.input = [theFake.bytes(data)].filter { !$0.isEmpty }
                request.inputEnded = false
                return APUS_OK
            }
        })

    static let filters = apus_filters_v1(
        size: size(apus_filters_v1.self), reserved: 0,
        add: { _, reg in
            theFake.call("filters.add", .main) {
                guard let reg, reg.pointee.size >= UInt32(MemoryLayout<apus_filter_reg>.size), reg.pointee.name != nil,
                    reg.pointee.direction == APUS_OUTPUT ? reg.pointee.process != nil : reg.pointee.fill != nil
                else {
                    theFake.report(.error, "registration", "a registration of a filter lacks its size, its name or its function")
                    return APUS_E_INVALID
                }
                if theFake.refusesRegistration() { return APUS_E_EXISTS }
                var own = reg.pointee
                // A name is the caller's until the call returns.
                own.name = UnsafePointer(strdup(reg.pointee.name))
                theFake.filters.append(own)
                return APUS_OK
            }
        },
        insert: { r, direction, name in
            theFake.call("filters.insert", .req) {
                _ = theFake.object(r, FakeRequest.self, "filters.insert")
                let wanted = theFake.text(name).lowercased()
                let isKnown = theFake.filters.contains { $0.direction == direction && String(cString: $0.name).lowercased() == wanted }
                return isKnown ? APUS_OK : APUS_E_NOT_FOUND
            }
        },
        remove: { f in theFake.call("filters.remove", .req) { theFake.object(f, FakeFilter.self, "filters.remove")?.isRemoved = true } },
        pass: { f, chain in
            theFake.call("filters.pass", .req) {
                guard let filter = theFake.object(f, FakeFilter.self, "filters.pass"), let chain = theFake.object(chain, FakeChain.self, "filters.pass")
                else { return APUS_E_INVALID }
                if chain.segments.count > 0, case .end? = filter.passed.last { theFake.report(.error, "filter-end", "passed something on behind the end of the body") }
                filter.passed += chain.segments
                chain.segments = []
                return APUS_OK
            }
        },
        pull: { f, max, chain in
            theFake.call("filters.pull", .req) {
                guard let filter = theFake.object(f, FakeFilter.self, "filters.pull"), let chain = theFake.object(chain, FakeChain.self, "filters.pull")
                else { return APUS_E_INVALID }
                return filter.request.read(max, into: chain)
            }
        },
        request: { f in theFake.call("filters.request", .req) { theFake.object(f, FakeFilter.self, "filters.request")?.request.handle } },
        state: { f in theFake.call("filters.state", .req) { theFake.object(f, FakeFilter.self, "filters.state")?.state } },
        set_state: { f, state in theFake.call("filters.set_state", .req) { theFake.object(f, FakeFilter.self, "filters.set_state")?.state = state } },
        insert_behind: { f, _ in
            theFake.call("filters.insert_behind", .req) {
                _ = theFake.object(f, FakeFilter.self, "filters.insert_behind")
                return APUS_E_NOT_FOUND
            }
        },
        resume: { f in theFake.call("filters.resume", .conn) { _ = theFake.object(f, FakeFilter.self, "filters.resume") } })

    static let tasks = apus_tasks_v1(
        size: size(apus_tasks_v1.self), reserved: 0,
        suspend: { r, cancel, ctx, out in
            theFake.call("tasks.suspend", .req) {
                guard let request = theFake.object(r, FakeRequest.self, "tasks.suspend"), let out else { return APUS_E_INVALID }
                guard theFake.currentMaySuspend else {
                    theFake.report(.error, "not-suspendable", "suspended a request in a hook that is not registered MAY_SUSPEND")
                    return APUS_E_UNSUPPORTED
                }
                out.pointee = theFake.tasks.take(request, cancel, ctx).id
                return APUS_OK
            }
        },
        resume: { id, status in theFake.call("tasks.resume", .any) { theFake.tasks.resume(id, status) } },
        run_blocking: { id, fn, ctx in
            theFake.call("tasks.run_blocking", .conn) { fn.map { theFake.tasks.runBlocking(id, $0, ctx) } ?? APUS_E_INVALID }
        },
        post: { token, fn, ctx in
            theFake.call("tasks.post", .any) {
                theFake.tasks.post { fn?(ctx, theFake.call("host.post", .any) { theFake.connection(token) }) }
                return APUS_OK
            }
        },
        timer: { c, us, fn, ctx, id in
            theFake.call("tasks.timer", .conn) {
                let connection = c == nil ? nil : theFake.object(c, FakeConnection.self, "tasks.timer")
                let made = theFake.tasks.addTimer(connection, us) { fn?(ctx) }
                id?.pointee = made
                return APUS_OK
            }
        },
        cancel_timer: { id in theFake.call("tasks.cancel_timer", .conn) { theFake.tasks.cancelTimer(id) } },
        watch: { fd, mask, fn, ctx in
            theFake.call("tasks.watch", .conn) {
                theFake.tasks.watch(fd, mask) { fn?(ctx, $0) }
                return APUS_OK
            }
        },
        unwatch: { fd in theFake.call("tasks.unwatch", .conn) { theFake.tasks.unwatch(fd) } },
        extend: { r, _ in theFake.call("tasks.extend", .conn) { _ = theFake.object(r, FakeRequest.self, "tasks.extend") } })

    static let subrequest = apus_subrequest_v1(
        size: size(apus_subrequest_v1.self), reserved: 0,
        lookup: { r, target, out in theFake.call("subrequest.lookup", .conn) { look(r, target, out) } },
        adopt: { r, sub in
            theFake.call("subrequest.adopt", .conn) {
                theFake.object(r, FakeRequest.self, "subrequest.adopt") != nil && theFake.object(sub, FakeRequest.self, "subrequest.adopt") != nil ? APUS_OK : APUS_E_INVALID
            }
        },
        destroy: { sub in
            theFake.call("subrequest.destroy", .conn) {
                guard let sub = theFake.object(sub, FakeRequest.self, "subrequest.destroy") else { return }
                sub.main?.children.removeAll { $0 === sub }
                sub.end()
            }
        },
        internal_redirect: { r, target in
            theFake.call("subrequest.internal_redirect", .conn) {
                guard let request = theFake.object(r, FakeRequest.self, "subrequest.internal_redirect"), theFake.text(target).hasPrefix("/") else { return APUS_E_INVALID }
                request.hasAnswered = true
                return APUS_OK
            }
        },
        absolute_url: { r, path in
            theFake.call("subrequest.absolute_url", .conn) {
                theFake.object(r, FakeRequest.self, "subrequest.absolute_url")?.pool.text("http://main.example\(theFake.text(path))", "a URL") ?? Bytes.none
            }
        },
        lookup_file: { r, name, out in theFake.call("subrequest.lookup_file", .conn) { look(r, name, out) } },
        run: { sub, _, done, ctx in
            theFake.call("subrequest.run", .conn) {
                guard theFake.object(sub, FakeRequest.self, "subrequest.run") != nil else { return APUS_E_INVALID }
                let raw = sub
                theFake.tasks.post { done?(ctx, raw, APUS_OK) }
                return APUS_OK
            }
        })

    private static func look(_ r: OpaquePointer?, _ target: apus_str, _ out: UnsafeMutablePointer<OpaquePointer?>?) -> apus_status {
        guard let request = theFake.object(r, FakeRequest.self, "subrequest.lookup") else { return APUS_E_INVALID }
        if theFake.refusesAllocation() { return APUS_E_NOMEM }
        let sub = FakeRequest(request.connection, request.server)
        sub.main = request
        sub.dirConf = request.dirConf
        sub.set(UInt32(APUS_R_PATH), theFake.bytes(target))
        sub.set(APUS_R_METHOD_NUMBER, "GET")
        sub.numbers[UInt32(APUS_R_STATUS)] = 404
        sub.numbers[UInt32(APUS_R_IS_SUBREQUEST)] = 1
        request.children.append(sub)
        out?.pointee = sub.handle
        return APUS_OK
    }

    private static let APUS_R_METHOD_NUMBER: Int32 = 0

    static let upgrade = apus_upgrade_v0(
        size: size(apus_upgrade_v0.self), reserved: 0,
        asked: { r, _ in
            theFake.call("upgrade.asked", .req) {
                theFake.object(r, FakeRequest.self, "upgrade.asked").map { $0.fields[APUS_HEADERS_IN]?.contains { $0.name.equalsIgnoringCase("Upgrade") } ?? false ? 1 : 0 } ?? 0
            }
        },
        switch_to: { r, _, table, state in
            theFake.call("upgrade.switch_to", .conn) {
                guard let request = theFake.object(r, FakeRequest.self, "upgrade.switch_to"), let table, !request.hasAnswered else { return APUS_E_INVALID }
                request.hasAnswered = true
                request.connection.owner = (table, state)
                return APUS_OK
            }
        },
        send: { c, _, _ in theFake.call("upgrade.send", .conn) { theFake.object(c, FakeConnection.self, "upgrade.send") == nil ? APUS_E_CLOSED : APUS_OK } },
        pending: { c in theFake.call("upgrade.pending", .conn) { 0 } },
        hold: { c, _ in theFake.call("upgrade.hold", .conn) { APUS_OK } },
        idle_limit: { c, _ in theFake.call("upgrade.idle_limit", .conn) { APUS_OK } },
        take: { c, table, state in
            theFake.call("upgrade.take", .conn) {
                guard let connection = theFake.object(c, FakeConnection.self, "upgrade.take"), let table, connection.owner == nil
                else { return APUS_E_INVALID }
                connection.owner = (table, state)
                return APUS_OK
            }
        })
}

extension FakeRequest {
    @discardableResult
    func removeField(_ table: UInt32, _ name: apus_str) -> Bool {
        let before = fields[table]?.count ?? 0
        fields[table]?.removeAll { FakeTables.same($0.name, name, table) }
        versions[table, default: 0] += 1
        return (fields[table]?.count ?? 0) < before
    }

    /// As apus_body_v1.read: an empty piece says that nothing is there yet.
    func read(_ max: Int, into chain: FakeChain) -> apus_status {
        if let next = input.first {
            if next.isEmpty {
                input.removeFirst()
                return APUS_AGAIN
            }
            let count = max < 0 ? next.count : min(max, next.count)
            chain.segments.append(.data(pool.text(Array(next[..<count]), "part of a request's body"), release: nil))
            if count == next.count { input.removeFirst() } else { input[0] = Array(next[count...]) }
            if !input.isEmpty { return APUS_OK }
        }
        if !inputEnded {
            inputEnded = true
            chain.segments.append(.end)
        }
        return APUS_OK
    }
}

extension FakeHost {
    /// A chain ends with its pool: what it still holds is given back.
    func endChain(_ raw: UnsafeMutableRawPointer?) {
        let handle = raw.map { OpaquePointer($0) }
        guard let chain = object(handle, FakeChain.self, "body.chain") else { return }
        chain.clear()
        drop(chain.handle, "a chain")
    }
}
