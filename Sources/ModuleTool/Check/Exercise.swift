import ByteKit
import CSystem
import Glibc
import ModuleABI
import ModuleABI.Draft

/// How a candidate is put to work: requests, filters, providers.
extension Candidate {
    func makeRequest(_ odd: OddInputs.Request, handler: String) -> FakeRequest {
        let connection = FakeConnection(7)
        let request = FakeRequest(connection, theFake.servers[0])
        request.dirConf = theFake.servers[0].dirConf
        request.set(0, Array(odd.method.utf8))  // APUS_R_METHOD
        func set(_ field: UInt32, _ text: String) { request.set(field, Array(text.utf8)) }
        request.set(UInt32(APUS_R_TARGET), odd.path)
        request.set(UInt32(APUS_R_PATH), odd.path)
        if let query = odd.query { request.set(UInt32(APUS_R_QUERY), query) }
        set(UInt32(APUS_R_PROTOCOL), "HTTP/1.1")
        set(UInt32(APUS_R_SCHEME), "http")
        if !odd.fields.isEmpty { set(UInt32(APUS_R_HOST), "main.example") }
        set(UInt32(APUS_R_REQUEST_LINE), "\(odd.method) / HTTP/1.1")
        set(UInt32(APUS_R_FILENAME), "/nonexistent/htdocs/place")
        set(UInt32(APUS_R_PEER_ADDRESS), "2001:db8::7")
        if !handler.isEmpty { set(UInt32(APUS_R_HANDLER), handler) }
        request.numbers = [
            UInt32(APUS_R_STATUS): 200, UInt32(APUS_R_PORT): 80, UInt32(APUS_R_HEADER_ONLY): odd.method == "HEAD" ? 1 : 0,
            UInt32(APUS_R_BODY_EXPECTED): odd.body.isEmpty ? 0 : 1, UInt32(APUS_R_IS_SUBREQUEST): odd.isSubrequest ? 1 : 0,
            UInt32(APUS_R_CONNECTION_STATE): 0x2b,
        ]
        for (name, value) in odd.fields { request.addField(UInt32(APUS_HEADERS_IN), Array(name.utf8), value) }
        request.input = odd.body
        if odd.isSubrequest {
            let main = FakeRequest(connection, theFake.servers[0])
            main.dirConf = request.dirConf
            main.children.append(request)
            request.main = main
        }
        return request
    }

    func end(_ request: FakeRequest) {
        let connection = request.connection
        if let owner = connection.owner { drive(owner, connection) }
        (request.main ?? request).end()
        theFake.tasks.dropTimers(of: connection)
        connection.end()
    }

    /// A connection that is a protocol's.
    func drive(_ owner: (table: UnsafePointer<apus_protocol_v0>, state: UnsafeMutableRawPointer?), _ connection: FakeConnection) {
        for piece in [Array("hello\n".utf8), [0xff, 0x00], [UInt8](repeating: 0x7a, count: 9000)] {
            let bytes = connection.pool.text(piece, "bytes of a connection, valid during the call")
            guard let receive = owner.table.pointee.receive else { break }
            if receive(owner.state, bytes.ptr, bytes.count) < 0 { break }
        }
        _ = owner.table.pointee.writable?(owner.state)
        _ = owner.table.pointee.receive?(owner.state, nil, 0)
        owner.table.pointee.close?(owner.state)
        connection.owner = nil
    }

    // MARK: Hooks of requests

    typealias RequestFn = @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?) -> apus_status

    /// Calls a hook, and goes on with it until it is done.
    func invoke(_ hook: FakeHost.Hook, _ request: FakeRequest, cancelling: Bool = false) {
        theFake.currentMaySuspend = hook.flags & UInt32(APUS_HOOK_MAY_SUSPEND) != 0
        var status = call(hook, request)
        var rounds = 0
        while status == APUS_SUSPENDED, rounds < 20 {
            rounds += 1
            guard let task = theFake.tasks.pending(request) ?? theFake.tasks.resumed(request) else {
                return theFake.report(.error, "suspended-without-task", "hook \(hook.name) answers SUSPENDED without a task")
            }
            if case .taken = task.state { task.state = .suspended }
            if cancelling { return }
            guard let answer = wait(for: task) else {
                return theFake.report(.warning, "never-resumed", "hook \(hook.name) suspends a request and never resumes it")
            }
            if answer == APUS_AGAIN { status = call(hook, request) } else { status = answer }
        }
        judge(hook, request, status)
    }

    private func call(_ hook: FakeHost.Hook, _ request: FakeRequest) -> apus_status {
        let fn = unsafeBitCast(hook.fn, to: RequestFn.self)
        let raw = request.handle
        if hook.signature.hasPrefix("v") {
            typealias Void = @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?) -> Swift.Void
            unsafeBitCast(hook.fn, to: Void.self)(hook.ctx, raw)
            return APUS_OK
        }
        guard hook.flags & UInt32(APUS_HOOK_MAY_BLOCK) != 0, !(request.main != nil) else {
            let stay = LoopStay()
            defer { if theFake.allocationsLeft == nil, let text = stay.complaint { theFake.report(.error, "holds-loop", "hook \(hook.name) \(text)") } }
            return fn(hook.ctx, raw)
        }
        // Lent to a thread of the pool, for the time of the call.
        let box = Lent(hook: hook, request: raw)
        var thread = pthread_t()
        pthread_create(&thread, nil, { raw in
            let box = Unmanaged<Lent>.fromOpaque(raw!).takeUnretainedValue()
            let activity = UnsafeMutablePointer<cs_activity>.allocate(capacity: 1)
            cs_crash_enter_thread(activity)
            theFake.lentThread = pthread_self()
            box.status = unsafeBitCast(box.hook.fn, to: RequestFn.self)(box.hook.ctx, box.request)
            theFake.lentThread = nil
            cs_crash_leave_thread()
            activity.deallocate()
            return nil
        }, Unmanaged.passUnretained(box).toOpaque())
        pthread_join(thread, nil)
        return box.status
    }

    private final class Lent {
        let hook: FakeHost.Hook
        let request: OpaquePointer
        var status: apus_status = 0

        init(hook: FakeHost.Hook, request: OpaquePointer) {
            self.hook = hook
            self.request = request
        }
    }

    /// - Returns: what it was resumed with; nil: nothing will do so any more.
    private func wait(for task: FakeTasks.Task) -> apus_status? {
        for _ in 0..<3000 {
            if case .resumed(let status) = task.state { return status }
            if !theFake.tasks.turn() {
                if case .resumed(let status) = task.state { return status }
                return nil
            }
        }
        return nil
    }

    private func judge(_ hook: FakeHost.Hook, _ request: FakeRequest, _ status: apus_status) {
        guard theFake.allocationsLeft == nil else { return }
        if let task = theFake.tasks.pending(request), case .taken = task.state {
            theFake.report(.error, "task-not-suspended", "hook \(hook.name) takes a task and answers \(status)")
        }
        let isKnown = (0...2).contains(status) || status == APUS_AGAIN || (100...599).contains(status) || (-13 ... -1).contains(status)
        if !isKnown { theFake.report(.error, "bad-status", "hook \(hook.name) answers \(status)") }
        if hook.name == "handler", status == APUS_OK, !request.hasAnswered {
            theFake.report(.error, "no-answer", "the handler answers OK and has sent nothing")
        }
    }

    /// Names that its handler may go by: those of the module, and texts of the file that look like one.
    static func handlerNames(_ module: ModuleFile, _ moduleName: String, _ given: [String]) -> [String] {
        let short = moduleName.hasSuffix("_module") ? String(moduleName.dropLast(7)) : moduleName
        var names = given + [short, short.replacingUnderscores, "\(short)-handler", short.split(separator: "_").first.map(String.init) ?? short]
        names += module.image.words.prefix(60)
        var seen: Set<String> = []
        return names.filter { seen.insert($0).inserted }
    }

    var requestHooks: [FakeHost.Hook] { theFake.hooks.filter { $0.signature == "i(xR)" || $0.signature == "v(xR)" } }

    /// Every odd request to one hook. A handler gets them under each name that may be its own.
    func serve(_ hook: FakeHost.Hook, _ handlers: [String], _ requests: [OddInputs.Request] = OddInputs.requests, cancelling: Bool = false) {
        for handler in [""] + (hook.name == "handler" || hook.name == "fixups" ? handlers : []) {
            for odd in requests {
                theFake.stage("hook \(hook.name), \(odd.label)\(handler.isEmpty ? "" : ", handler \(handler)")")
                let request = makeRequest(odd, handler: handler)
                invoke(hook, request, cancelling: cancelling)
                end(request)
                // What it left behind happens when the request has gone.
                if cancelling { for _ in 0..<50 where theFake.tasks.turn() {} }
            }
        }
    }

    /// One request through all hooks, in the order of the phases.
    func serveWhole(_ odd: OddInputs.Request, _ handler: String) {
        let request = makeRequest(odd, handler: handler)
        for name in HookNames.ofRequests + ["response_head"] {
            for hook in theFake.hooks where hook.name == name {
                theFake.stage("\(odd.label) through all hooks, at \(name)")
                invoke(hook, request)
                if request.hasAnswered, name != "handler", name != "log_transaction" { break }
            }
        }
        end(request)
    }

    // MARK: Filters

    func filterOutput(_ registration: apus_filter_reg, _ pieces: [[UInt8]], isCut: Bool, label: String) {
        let name = String(cString: registration.name)
        theFake.stage("output filter \(name), \(label)")
        let request = makeRequest(OddInputs.requests[0], handler: "")
        request.set(UInt32(APUS_R_CONTENT_TYPE), Array("text/html".utf8))
        let filter = FakeFilter(request, registration)
        theFake.activeFilter = filter
        let began = registration.begin?(registration.ctx, filter.handle) ?? APUS_OK
        if began == APUS_OK {
            if let prepare = registration.prepare, prepare(registration.ctx, filter.handle) == APUS_DECLINED { filter.isRemoved = true }
            var status: apus_status = APUS_OK
            for (index, piece) in pieces.enumerated() where !filter.isRemoved && status >= 0 {
                let chain = FakeChain(request.pool)
                if !piece.isEmpty { chain.segments.append(.data(request.pool.text(piece, "part of a body, which is the filter's until it is passed on"), release: nil)) }
                if index % 2 == 1 { chain.segments.append(.flush) }
                if index == pieces.count - 1, !isCut { chain.segments.append(.end) }
                status = registration.process(registration.ctx, filter.handle, chain.handle)
                for _ in 0..<50 where status == APUS_SUSPENDED {
                    _ = theFake.tasks.turn()
                    let empty = FakeChain(request.pool)
                    status = registration.process(registration.ctx, filter.handle, empty.handle)
                }
            }
            if !isCut, !filter.isRemoved, status >= 0 {
                if case .end? = filter.passed.last {} else {
                    theFake.report(.error, "filter-end", "output filter \(name) does not pass the end of the body on")
                }
            }
        }
        registration.end?(registration.ctx, filter.handle)
        filter.passed.forEach { $0.release() }
        filter.end()
        end(request)
    }

    func filterInput(_ registration: apus_filter_reg) {
        let name = String(cString: registration.name)
        for odd in OddInputs.requests {
            theFake.stage("input filter \(name), \(odd.label)")
            let request = makeRequest(odd, handler: "")
            let filter = FakeFilter(request, registration)
            if (registration.begin?(registration.ctx, filter.handle) ?? APUS_OK) == APUS_OK {
                var hasEnded = false
                // A filter may go on byte by byte.
                for _ in 0..<10_000 where !hasEnded {
                    let chain = FakeChain(request.pool)
                    let status = registration.fill(registration.ctx, filter.handle, 100, chain.handle)
                    hasEnded = chain.segments.contains { if case .end = $0 { true } else { false } } || (status != APUS_OK && status != APUS_AGAIN)
                    chain.clear()
                }
                if !hasEnded { theFake.report(.error, "filter-end", "input filter \(name) does not come to the end of the body") }
            }
            registration.end?(registration.ctx, filter.handle)
            filter.end()
            end(request)
        }
    }

    // MARK: Providers

    func use(_ provider: FakeHost.Provider) {
        switch provider.group {
        case APUS_GROUP_AUTHN: useUsers(provider, provider.table.assumingMemoryBound(to: apus_authn_v1.self).pointee)
        case APUS_GROUP_AUTHZ: useRequirement(provider, provider.table.assumingMemoryBound(to: apus_authz_v1.self).pointee)
        case APUS_GROUP_SOCACHE: useCache(provider, provider.table.assumingMemoryBound(to: apus_socache_v1.self).pointee)
        case APUS_GROUP_LOG_ITEM: useLogItem(provider, provider.table.assumingMemoryBound(to: apus_log_item_v1.self).pointee)
        case let group where useOnConnection(group, provider): break
        default: theFake.report(.note, "registration", "provider \(provider.name) of \(provider.group) was not tried: this check does not know the group")
        }
    }

    private func useUsers(_ provider: FakeHost.Provider, _ table: apus_authn_v1) {
        guard let check = table.check_password else { return theFake.report(.error, "descriptor", "authn provider \(provider.name) has no check_password") }
        for user in OddInputs.words {
            theFake.stage("authn provider \(provider.name), user \(OddInputs.spell(user))")
            let request = makeRequest(OddInputs.requests[0], handler: "")
            var work = apus_work()
            work.size = UInt32(MemoryLayout<apus_work>.size)
            let status = check(provider.ctx, request.handle, request.pool.text(user, "a user's name"), request.pool.text(Array("secret".utf8), "a password"), &work)
            if status == APUS_AUTHN_LATER { finish(&work, request) } else if !(0...3).contains(status), status >= 0 || status < -13 {
                theFake.report(.error, "bad-status", "authn provider \(provider.name) answers \(status)")
            }
            if let hash = table.realm_hash {
                var out = Bytes.none
                _ = hash(provider.ctx, request.handle, request.pool.text(user, "a user's name"), request.pool.text("realm", "a realm"), UInt32(APUS_AUTHN_MD5), &out)
            }
            end(request)
        }
    }

    private func finish(_ work: inout apus_work, _ request: FakeRequest) {
        let answer = work.run?(work.state) ?? APUS_E_FAIL
        work.finish?(work.state, request.handle, answer)
        work.release?(work.state)
    }

    private func useRequirement(_ provider: FakeHost.Provider, _ table: apus_authz_v1) {
        guard let parse = table.parse, let check = table.check else { return theFake.report(.error, "descriptor", "authz provider \(provider.name) lacks a function") }
        for arguments in OddInputs.words + [Array("user one two".utf8)] {
            theFake.stage("authz provider \(provider.name), Require \(provider.name) \(OddInputs.spell(arguments))")
            let phase = theFake.phase
            theFake.phase = .configuration
            let command = FakeCommand(Candidate.row("Require"), FakeScope(UInt32(APUS_SCOPE_DIRECTORY)))
            let pool = FakePool("a directive, whose words live during the call")
            var parsed: UnsafeMutableRawPointer?
            let status = parse(provider.ctx, command.handle, pool.text(arguments, "the words of Require, which live during the call"), &parsed)
            pool.destroy()
            if status < 0, command.failures.isEmpty { theFake.report(.error, "silent-refusal", "authz provider \(provider.name) answers \(status) without having called apus_config_v1.fail") }
            command.end()
            theFake.phase = phase
            guard status == APUS_OK else { continue }
            for odd in [OddInputs.requests[0], OddInputs.requests[6], OddInputs.requests[9]] {
                let request = makeRequest(odd, handler: "")
                let answer = check(provider.ctx, request.handle, parsed)
                if answer == APUS_AUTHZ_LATER, let hand = table.defer {
                    var work = apus_work()
                    work.size = UInt32(MemoryLayout<apus_work>.size)
                    if hand(provider.ctx, request.handle, parsed, &work) == APUS_OK {
                        finish(&work, request)
                        _ = check(provider.ctx, request.handle, parsed)
                    }
                } else if !(0...3).contains(answer), answer >= 0 {
                    theFake.report(.error, "bad-status", "authz provider \(provider.name) answers \(answer)")
                }
                end(request)
            }
        }
    }

    /// A directive of somebody else's.
    private static func row(_ name: String) -> apus_directive {
        var row = apus_directive()
        row.name = UnsafePointer(strdup(name))
        return row
    }

    private func useCache(_ provider: FakeHost.Provider, _ table: apus_socache_v1) {
        guard let make = table.make, let open = table.open, let store = table.store, let retrieve = table.retrieve, let remove = table.remove
        else { return theFake.report(.error, "descriptor", "socache provider \(provider.name) lacks a function") }
        for argument in OddInputs.words {
            theFake.stage("socache provider \(provider.name), argument \(OddInputs.spell(argument))")
            theFake.phase = .configuration
            let command = FakeCommand(Candidate.row("SessionCache"), FakeScope(UInt32(APUS_SCOPE_SERVER)))
            let pool = FakePool("a directive, whose words live during the call")
            var cache: UnsafeMutableRawPointer?
            let status = make(provider.ctx, command.handle, pool.text(argument, "the argument of a cache, which lives during the call"), &cache)
            pool.destroy()
            command.end()
            guard status == APUS_OK else {
                if command.failures.isEmpty { theFake.report(.error, "silent-refusal", "socache provider \(provider.name) refuses an argument without having called apus_config_v1.fail") }
                continue
            }
            theFake.phase = .open
            guard argument.isEmpty, open(cache, theFake.configurationPool.text("check", "a name"), nil, UInt32(APUS_OPEN_START)) == APUS_OK else {
                table.close?(cache)
                continue
            }
            theFake.phase = .serving
            keep(provider.name, cache, store, retrieve, remove)
            table.status?(cache, { _, name, value in _ = (theFake.text(name), theFake.text(value)) }, nil)
        }
        theFake.phase = .serving
    }

    private func keep(
        _ name: String, _ cache: UnsafeMutableRawPointer?,
        _ store: (UnsafeMutableRawPointer?, apus_str, Int64, apus_str) -> apus_status,
        _ retrieve: (UnsafeMutableRawPointer?, apus_str, OpaquePointer?, UnsafeMutablePointer<apus_str>?, apus_socache_done_fn?, UnsafeMutableRawPointer?) -> apus_status,
        _ remove: (UnsafeMutableRawPointer?, apus_str) -> apus_status
    ) {
        let later = Int64(time(nil) + 60) * 1_000_000
        for (index, data) in [Array("data".utf8), [], [UInt8](repeating: 0, count: 300), [UInt8](repeating: 9, count: 100_000)].enumerated() {
            let pool = FakePool("a call of a cache, whose strings live during it")
            let id = Array("id \(index)".utf8)
            guard store(cache, pool.text(id, "an id"), later, pool.text(data, "data for a cache")) == APUS_OK else {
                pool.destroy()
                continue
            }
            pool.destroy()
            let second = FakePool("a request")
            var found = Bytes.none
            let status = retrieve(cache, second.text(id, "an id"), second.handle, &found, { _, _, _ in }, nil)
            if status == APUS_OK, theFake.bytes(found) != data { theFake.report(.error, "filter-lost", "socache provider \(name) finds other bytes than were stored") }
            _ = remove(cache, second.text(id, "an id"))
            if retrieve(cache, second.text(id, "an id"), second.handle, &found, { _, _, _ in }, nil) == APUS_OK {
                theFake.report(.error, "filter-lost", "socache provider \(name) finds what was removed")
            }
            second.destroy()
        }
    }

    private func useLogItem(_ provider: FakeHost.Provider, _ table: apus_log_item_v1) {
        for argument in OddInputs.words {
            theFake.stage("log item \(provider.name), %{\(OddInputs.spell(argument))}\(provider.name)")
            let request = makeRequest(OddInputs.requests[0], handler: "")
            _ = table.value.map { theFake.text($0(provider.ctx, request.handle, request.pool.text(argument, "the argument of a log item"))) }
            end(request)
        }
    }

    // MARK: Expressions

    func evaluate(_ value: FakeHost.Value) {
        guard value.kind == .variable || value.kind == .function, let fn = value.fn else { return }
        typealias Fn = @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, apus_str, UnsafeMutablePointer<apus_str>?) -> apus_status
        for argument in value.kind == .variable ? [Array(value.name.utf8)] : OddInputs.words {
            theFake.stage("expression \(value.name)(\(OddInputs.spell(argument)))")
            let request = makeRequest(OddInputs.requests[5], handler: "")
            var out = Bytes.none
            let status = unsafeBitCast(fn, to: Fn.self)(value.ctx, request.handle, request.pool.text(argument, "the argument of an expression"), &out)
            if status == APUS_OK { _ = theFake.text(out) }
            end(request)
        }
    }
}

extension String {
    var replacingUnderscores: String { String(map { $0 == "_" ? "-" : $0 }) }
}
