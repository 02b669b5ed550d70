import ByteKit
import CSystem
import Glibc
import ModuleABI
import ModuleABI.Draft

/// The function tables of the fake host. Behind the last function that this revision knows lie poisoned slots.
enum FakeTables {
    nonisolated(unsafe) private static var made: [String: UnsafeRawPointer] = [:]

    static let ids = [
        APUS_EXT_BODY, APUS_EXT_CONFIG, APUS_EXT_CONFSET, APUS_EXT_CONN, APUS_EXT_EXPR, APUS_EXT_FILTERS, APUS_EXT_FUNCTIONS,
        APUS_EXT_HANDOVER, APUS_EXT_HEADERS, APUS_EXT_HOOKS, APUS_EXT_INSPECT, APUS_EXT_LEADER, APUS_EXT_LOG, APUS_EXT_MUTEX,
        APUS_EXT_POOL, APUS_EXT_PROGRAM, APUS_EXT_PROVIDERS, APUS_EXT_REGEX, APUS_EXT_REQUEST, APUS_EXT_SERVER, APUS_EXT_SHM,
        APUS_EXT_SUBREQUEST, APUS_EXT_TASKS, APUS_EXT_TIMEOUTS, APUS_EXT_UPGRADE, APUS_EXT_WIRE,
    ]

    static func table(_ id: String) -> UnsafeRawPointer? {
        if let table = made[id] { return table }
        let table: UnsafeRawPointer? = switch id {
        case APUS_EXT_BODY: make(body)
        case APUS_EXT_CONFIG: make(config)
        case APUS_EXT_CONFSET: make(confset)
        case APUS_EXT_CONN: make(conn)
        case APUS_EXT_EXPR: make(expr)
        case APUS_EXT_FILTERS: make(filters)
        case APUS_EXT_FUNCTIONS: make(functions)
        case APUS_EXT_HANDOVER: make(handover)
        case APUS_EXT_HEADERS: make(headers)
        case APUS_EXT_HOOKS: make(hooks)
        case APUS_EXT_INSPECT: make(inspect)
        case APUS_EXT_LEADER: make(leader)
        case APUS_EXT_LOG: make(log)
        case APUS_EXT_MUTEX: make(mutex)
        case APUS_EXT_POOL: make(pool)
        case APUS_EXT_PROGRAM: make(program)
        case APUS_EXT_PROVIDERS: make(providers)
        case APUS_EXT_REGEX: make(regex)
        case APUS_EXT_REQUEST: make(request)
        case APUS_EXT_SERVER: make(server)
        case APUS_EXT_SHM: make(shm)
        case APUS_EXT_SUBREQUEST: make(subrequest)
        case APUS_EXT_TASKS: make(tasks)
        case APUS_EXT_TIMEOUTS: make(timeouts)
        case APUS_EXT_UPGRADE: make(upgrade)
        case APUS_EXT_WIRE: make(wire)
        default: nil
        }
        made[id] = table
        return table
    }

    static func size<T>(_ type: T.Type) -> UInt32 { UInt32(MemoryLayout<T>.size) }

    private static func make<T>(_ table: T) -> UnsafeRawPointer {
        let poisoned = 16
        let size = MemoryLayout<T>.size
        let place = UnsafeMutableRawPointer.allocate(byteCount: size + poisoned * 8, alignment: 16)
        place.initializeMemory(as: T.self, to: table)
        let trap: @convention(c) () -> Void = {
            theFake.report(.error, "beyond-table", "called a function behind the end of a table")
            _exit(Trial.poisoned)
        }
        for slot in 0..<poisoned { place.storeBytes(of: unsafeBitCast(trap, to: UInt.self), toByteOffset: size + slot * 8, as: UInt.self) }
        return UnsafeRawPointer(place)
    }

    // MARK: Memory, log, process

    private static let pool = apus_pool_v1(
        size: size(apus_pool_v1.self), reserved: 0,
        alloc: { pool, n in
            theFake.call("pool.alloc", .any) { theFake.object(pool, FakePool.self, "pool.alloc")?.allocate(n, cleared: false) }
        },
        zalloc: { pool, n in
            theFake.call("pool.zalloc", .any) { theFake.object(pool, FakePool.self, "pool.zalloc")?.allocate(n, cleared: true) }
        },
        dup: { pool, text in
            theFake.call("pool.dup", .any) {
                guard let pool = theFake.object(pool, FakePool.self, "pool.dup"), let place = pool.allocate(text.count + 1, cleared: true)
                else { return Bytes.none }
                if text.count > 0 { memcpy(place, text.ptr, text.count) }
                return Bytes(UnsafeRawPointer(place), count: text.count)
            }
        },
        on_destroy: { pool, fn, ctx in
            theFake.call("pool.on_destroy", .any) {
                guard let pool = theFake.object(pool, FakePool.self, "pool.on_destroy"), let fn else { return APUS_E_INVALID }
                if theFake.refusesAllocation() { return APUS_E_NOMEM }
                pool.onDestroy(fn, ctx)
                return APUS_OK
            }
        },
        create: { parent in
            theFake.call("pool.create", .any) {
                if theFake.refusesAllocation() { return nil }
                guard let parent else { return FakePool("a pool of the module").handle }
                return theFake.object(parent, FakePool.self, "pool.create")?.makeChild().handle
            }
        },
        destroy: { pool in
            theFake.call("pool.destroy", .any) { theFake.object(pool, FakePool.self, "pool.destroy")?.destroy() }
        })

    private static let log = apus_log_v1(
        size: size(apus_log_v1.self), reserved: 0,
        enabled: { _, level, _, _, _ in
            theFake.call("log.enabled", .any) {
                if !(0...15).contains(level) { theFake.report(.warning, "bad-status", "asked for log level \(level); they are 0 to 15") }
                return 1
            }
        },
        write: { _, _, _, r, c, _, message in theFake.call("log.write", .any) { noteMessage(r, c, message, "log.write") } },
        sink: { _, target in
            theFake.call("log.sink", .main) { FakeThing("a log").handle }
        },
        append: { sink, lines in
            theFake.call("log.append", .any) {
                _ = theFake.object(sink, FakeThing.self, "log.append")
                if theFake.bytes(lines).last != 10 { theFake.report(.warning, "bad-status", "appended a line to a log that does not end in a newline") }
            }
        },
        write_at: { _, _, _, r, c, _, message, _, _ in
            theFake.call("log.write_at", .any) { noteMessage(r, c, message, "log.write_at") }
        },
        write_error: { _, _, _, r, c, _, message, _, _, _ in
            theFake.call("log.write_error", .any) { noteMessage(r, c, message, "log.write_error") }
        })

    private static func noteMessage(_ r: OpaquePointer?, _ c: OpaquePointer?, _ message: apus_str, _ call: StaticString) {
        if r != nil { _ = theFake.object(r, FakeRequest.self, call) }
        if c != nil { _ = theFake.object(c, FakeConnection.self, call) }
        theFake.noteLog(theFake.text(message))
    }

    /// A server of nothing.
    private static let inspect = apus_inspect_v0(
        size: size(apus_inspect_v0.self), reserved: 0,
        each_line: { _, _, _ in theFake.call("inspect.each_line", .any) {} },
        each_directive: { _, _, _, _ in theFake.call("inspect.each_directive", .any) {} },
        each_callback: { _, _, _ in theFake.call("inspect.each_callback", .any) {} },
        each_filter: { _, _, _ in theFake.call("inspect.each_filter", .any) {} },
        each_provider: { _, _, _ in theFake.call("inspect.each_provider", .any) {} })

    private static let server = apus_server_v1(
        size: size(apus_server_v1.self), reserved: 0,
        get: { s, field in
            theFake.call("server.get", .any) {
                guard let server = theFake.object(s, FakeServer.self, "server.get") else { return Bytes.none }
                let text = switch field {
                case UInt32(APUS_S_NAME): server.index == 0 ? "main.example" : "other.example"
                case UInt32(APUS_S_DOCUMENT_ROOT): "/nonexistent/htdocs"
                case UInt32(APUS_S_DEFINED_IN): "check.conf"
                default: ""
                }
                return server.pool.constant(text, "a string of a server")
            }
        },
        number: { s, field in
            theFake.call("server.number", .any) {
                guard let server = theFake.object(s, FakeServer.self, "server.number") else { return 0 }
                switch field {
                case UInt32(APUS_S_INDEX): return Int64(server.index)
                case UInt32(APUS_S_IS_VIRTUAL): return server.index == 0 ? 0 : 1
                case UInt32(APUS_S_TIMEOUT_US): return 60_000_000
                case UInt32(APUS_S_PORT): return 80
                default: return 0
                }
            }
        },
        first: { _ in theFake.call("server.first", .any) { theFake.servers[0].handle } },
        next: { s in
            theFake.call("server.next", .any) {
                theFake.object(s, FakeServer.self, "server.next").flatMap { $0.index == 0 ? theFake.servers[1].handle : nil }
            }
        },
        conf: { s, _ in theFake.call("server.conf", .any) { theFake.object(s, FakeServer.self, "server.conf")?.serverConf } },
        dir_conf: { s, _ in theFake.call("server.dir_conf", .any) { theFake.object(s, FakeServer.self, "server.dir_conf")?.dirConf } },
        process: { _, fact in
            theFake.call("server.process", .any) {
                theFake.configurationPool.constant(fact == UInt32(APUS_P_SERVER_ROOT) ? "/nonexistent" : "Apus/check", "a fact of the process")
            }
        },
        process_number: { _, fact in
            theFake.call("server.process_number", .any) {
                switch fact {
                case UInt32(APUS_P_WORKER): return theFake.phase == .serving ? 0 : -1
                case UInt32(APUS_P_WORKERS): return 2
                case UInt32(APUS_P_GENERATION): return 1
                case UInt32(APUS_P_NOW_US), UInt32(APUS_P_CLOCK_US):
                    var time = timespec()
                    clock_gettime(CLOCK_REALTIME, &time)
                    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
                case UInt32(APUS_P_USER_ID): return Int64(geteuid())
                case UInt32(APUS_P_GROUP_ID): return Int64(getegid())
                default: return 0
                }
            }
        },
        is_defined: { _, _ in theFake.call("server.is_defined", .any) { 0 } },
        each_module: { _, fn, arg in
            theFake.call("server.each_module", .any) {
                let pool = theFake.configurationPool
                var module = apus_module_fact(
                    size: size(apus_module_fact.self), reserved: 0, name: pool.constant("core_module", "a name"),
                    version: pool.constant("1", "a version"), file: Bytes.none, toolchain: pool.constant("swift", "a toolchain"))
                fn?(arg, &module)
            }
        },
        pool: { _ in theFake.call("server.pool", .any) { theFake.configurationPool.handle } })

    private static let shm = apus_shm_v1(
        size: size(apus_shm_v1.self), reserved: 0,
        create: { _, _, bytes, out in theFake.call("shm.create", .main) { share(bytes, out) } },
        base: { shm in theFake.call("shm.base", .any) { theFake.object(shm, FakeThing.self, "shm.base")?.memory } },
        length: { shm in theFake.call("shm.length", .any) { theFake.object(shm, FakeThing.self, "shm.length")?.count ?? 0 } },
        create_lasting: { _, _, bytes, out, inherited in
            theFake.call("shm.create_lasting", .main) {
                inherited?.pointee = 0
                return share(bytes, out)
            }
        },
        previous: { _, _, _ in theFake.call("shm.previous", .main) { APUS_E_NOT_FOUND } })

    private static func share(_ bytes: Int, _ out: UnsafeMutablePointer<OpaquePointer?>?) -> apus_status {
        theFake.madeShared = true
        guard bytes > 0, bytes <= 1 << 40 else { return APUS_E_INVALID }
        if theFake.refusesAllocation() { return APUS_E_NOMEM }
        let place = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        guard place != MAP_FAILED else { return APUS_E_NOMEM }
        let segment = FakeThing("shared memory")
        segment.memory = place
        segment.count = bytes
        out?.pointee = segment.handle
        return APUS_OK
    }

    private static let mutex = apus_mutex_v1(
        size: size(apus_mutex_v1.self), reserved: 0,
        bytes: { theFake.call("mutex.bytes", .any) { cs_mutex_size() } },
        init: { place, out in
            theFake.call("mutex.init", .main) {
                guard let place, cs_mutex_init(place) == 0 else { return APUS_E_INVALID }
                out?.pointee = OpaquePointer(place)
                return APUS_OK
            }
        },
        // Not under the host's own lock, which a holder may want.
        lock: { mutex in
            theFake.call("mutex.lock", .any) {}
            return cs_mutex_lock(mutex.map { UnsafeMutableRawPointer($0) }) == 0 ? APUS_OK : APUS_RECOVERED
        },
        try_lock: { mutex in
            theFake.call("mutex.try_lock", .any) {}
            return cs_mutex_trylock(mutex.map { UnsafeMutableRawPointer($0) }) == 0 ? APUS_OK : APUS_AGAIN
        },
        unlock: { mutex in
            theFake.call("mutex.unlock", .any) {}
            cs_mutex_unlock(mutex.map { UnsafeMutableRawPointer($0) })
        })

    private static let handover = apus_handover_v0(
        size: size(apus_handover_v0.self), reserved: 0,
        put: { _, name, bytes in
            theFake.call("handover.put", .main) {
                theFake.handover[theFake.text(name)] = theFake.bytes(bytes)
                return APUS_OK
            }
        },
        get: { _, name, pool, out in
            theFake.call("handover.get", .main) {
                guard let bytes = theFake.handover[theFake.text(name)], let pool = theFake.object(pool, FakePool.self, "handover.get")
                else { return APUS_E_NOT_FOUND }
                out?.pointee = pool.text(bytes, "bytes of the generation before")
                return APUS_OK
            }
        },
        remove: { _, name in
            theFake.call("handover.remove", .main) {
                theFake.handover[theFake.text(name)] = nil
                return APUS_OK
            }
        })

    private static let leader = apus_leader_v1(
        size: size(apus_leader_v1.self), reserved: 0,
        watch_file: { _, _, _, _ in theFake.call("leader.watch_file", .main) { APUS_OK } },
        on_message: { _, _, _ in theFake.call("leader.on_message", .main) { APUS_OK } },
        broadcast: { _, _, _ in theFake.call("leader.broadcast", .conn) { APUS_OK } },
        lease: { _, _ in theFake.call("leader.lease", .conn) { APUS_DECLINED } },
        release: { _, _ in theFake.call("leader.release", .conn) { APUS_OK } })

    private static let program = apus_program_v0(
        size: size(apus_program_v0.self), reserved: 0,
        start: { _, _, _, _, _, _, _ in
            theFake.call("program.start", .main) {
                theFake.madeShared = true
                errno = EACCES
                return APUS_E_IO
            }
        })

    private static let timeouts = apus_timeouts_v0(
        size: size(apus_timeouts_v0.self), reserved: 0,
        limit: { s, phase, _, _, _ in
            theFake.call("timeouts.limit", .main) {
                theFake.object(s, FakeServer.self, "timeouts.limit") != nil && phase <= APUS_PHASE_RESPONSE ? APUS_OK : APUS_E_INVALID
            }
        })

    // MARK: Configuration

    private static let config = apus_config_v1(
        size: size(apus_config_v1.self), reserved: 0,
        fail: { cmd, message in
            theFake.call("config.fail", .conn) {
                let text = theFake.text(message)
                theFake.object(cmd, FakeCommand.self, "config.fail")?.failures.append(text)
                if text.isEmpty { theFake.report(.error, "silent-refusal", "apus_config_v1.fail was called with an empty message") }
                return APUS_E_FAIL
            }
        },
        warn: { cmd, _ in theFake.call("config.warn", .conn) { _ = theFake.object(cmd, FakeCommand.self, "config.warn") } },
        name: { cmd in
            theFake.call("config.name", .conn) {
                guard let command = theFake.object(cmd, FakeCommand.self, "config.name") else { return Bytes.none }
                return theFake.configurationPool.text(String(cString: command.directive.name), "the name of a directive")
            }
        },
        location: { cmd, line in
            theFake.call("config.location", .conn) {
                _ = theFake.object(cmd, FakeCommand.self, "config.location")
                line?.pointee = 7
                return theFake.configurationPool.text("check.conf", "the name of a file")
            }
        },
        data: { cmd in theFake.call("config.data", .conn) { theFake.object(cmd, FakeCommand.self, "config.data")?.directive.data } },
        pool: { cmd in
            theFake.call("config.pool", .conn) {
                _ = theFake.object(cmd, FakeCommand.self, "config.pool")
                return theFake.configurationPool.handle
            }
        },
        server: { cmd in theFake.call("config.server", .conn) { theFake.servers[0].handle } },
        server_conf: { cmd in theFake.call("config.server_conf", .conn) { theFake.object(cmd, FakeCommand.self, "config.server_conf")?.serverConf } },
        dir_conf: { cmd in
            theFake.call("config.dir_conf", .conn) { theFake.object(cmd, FakeCommand.self, "config.dir_conf")?.dirConf }
        },
        resolve: { cmd, path in
            theFake.call("config.resolve", .conn) {
                let text = theFake.text(path)
                return theFake.configurationPool.text(text.hasPrefix("/") ? text : "/nonexistent/\(text)", "a resolved path")
            }
        },
        walk: { cmd in theFake.call("config.walk", .conn) { theFake.object(cmd, FakeCommand.self, "config.walk") == nil ? APUS_E_INVALID : APUS_OK } },
        scope: { cmd in theFake.call("config.scope", .conn) { theFake.object(cmd, FakeCommand.self, "config.scope")?.scope.handle } },
        scope_kind: { scope in theFake.call("config.scope_kind", .conn) { theFake.object(scope, FakeScope.self, "config.scope_kind")?.kind ?? 0 } },
        scope_path: { scope in
            theFake.call("config.scope_path", .conn) {
                guard let scope = theFake.object(scope, FakeScope.self, "config.scope_path") else { return Bytes.none }
                return theFake.configurationPool.text(scope.kind <= APUS_SCOPE_VHOST ? "" : "/place", "the path of a section")
            }
        },
        report: { _, _, _, _, _, _ in theFake.call("config.report", .main) {} },
        limit: { cmd in
            theFake.call("config.limit", .conn) {
                _ = theFake.object(cmd, FakeCommand.self, "config.limit")
                return nil
            }
        },
        limit_holds: { _, r in
            theFake.call("config.limit_holds", .req) {
                _ = theFake.object(r, FakeRequest.self, "config.limit_holds")
                return 1
            }
        })

    private static let confset = apus_confset_v1(
        size: size(apus_confset_v1.self), reserved: 0,
        walk: { cmd, out in
            theFake.call("confset.walk", .main) {
                out?.pointee = FakeThing("a set of configuration").handle
                return APUS_OK
            }
        },
        call: { r, set, fn, arg in theFake.call("confset.call", .conn) {} ; return fn?(arg) ?? APUS_E_INVALID })

    // MARK: Registrations

    private static let hooks = apus_hooks_v1(
        size: size(apus_hooks_v1.self), reserved: 0,
        add: { _, reg in
            theFake.call("hooks.add", .main) {
                guard let reg, reg.pointee.size >= UInt32(MemoryLayout<apus_hook_reg>.size), let hook = reg.pointee.hook, let fn = reg.pointee.fn else {
                    theFake.report(.error, "registration", "a registration of a hook lacks its size, its name or its function")
                    return APUS_E_INVALID
                }
                if theFake.refusesRegistration() { return APUS_E_EXISTS }
                let name = String(cString: hook)
                let signature = reg.pointee.signature.map { String(cString: $0) } ?? ""
                if let wanted = HookNames.signatures[name], wanted != signature {
                    theFake.report(.error, "registration", "hook \(name) has the signature \(wanted), not \(signature)")
                    return APUS_E_TYPE
                }
                if HookNames.signatures[name] == nil, !name.utf8.contains(0x2e) {
                    theFake.report(.error, "registration", "there is no hook \(name)")
                    return APUS_E_NOT_FOUND
                }
                if reg.pointee.flags & ~0xf != 0 { theFake.report(.error, "registration", "hook \(name) is registered with unknown flags") }
                theFake.hooks.append(
                    FakeHost.Hook(name: name, signature: signature, position: reg.pointee.position, flags: reg.pointee.flags, fn: fn, ctx: reg.pointee.ctx))
                return APUS_OK
            }
        },
        declare: { _, hook, _, _, out in
            theFake.call("hooks.declare", .main) {
                if theFake.refusesRegistration() { return APUS_E_EXISTS }
                let thing = FakeThing("a hook")
                theFake.declaredHooks[String(cString: hook!)] = thing
                out?.pointee = thing.handle
                return APUS_OK
            }
        },
        links: { hook, n, stride in
            theFake.call("hooks.links", .any) {
                n?.pointee = 0
                stride?.pointee = UInt32(MemoryLayout<apus_link>.stride)
                return nil
            }
        },
        invoke: { _, _, _ in theFake.call("hooks.invoke", .any) { APUS_DECLINED } },
        find: { _, hook, _, out in
            theFake.call("hooks.find", .main) {
                guard let hook, let found = theFake.declaredHooks[String(cString: hook)] else { return APUS_E_NOT_FOUND }
                out?.pointee = found.handle
                return APUS_OK
            }
        })

    private static let functions = apus_functions_v1(
        size: size(apus_functions_v1.self), reserved: 0,
        publish: { _, name, signature, fn, ctx in
            theFake.call("functions.publish", .main) {
                guard let name, let signature, let fn else { return APUS_E_INVALID }
                if theFake.refusesRegistration() { return APUS_E_EXISTS }
                theFake.functions[String(cString: name)] = (String(cString: signature), apus_link(fn: fn, ctx: ctx, flags: 0, reserved: 0))
                return APUS_OK
            }
        },
        find: { _, name, signature, out in
            theFake.call("functions.find", .main) {
                guard let name, let found = theFake.functions[String(cString: name)] else { return APUS_E_NOT_FOUND }
                guard found.signature == String(cString: signature!) else { return APUS_E_TYPE }
                out?.pointee = found.link
                return APUS_OK
            }
        },
        invoke: { _, _, _, _, _ in theFake.call("functions.invoke", .any) { APUS_E_NOT_FOUND } })

    private static let providers = apus_providers_v1(
        size: size(apus_providers_v1.self), reserved: 0,
        provide: { _, group, name, table, ctx in
            theFake.call("providers.provide", .main) {
                guard let group, let table else { return APUS_E_INVALID }
                if theFake.refusesRegistration() { return APUS_E_EXISTS }
                theFake.providers.append(
                    FakeHost.Provider(group: String(cString: group), name: theFake.text(name), table: table, ctx: ctx))
                return APUS_OK
            }
        },
        find: { _, group, name, table, ctx in
            theFake.call("providers.find", .any) {
                let wanted = theFake.text(name)
                guard let group, let found = theFake.providers.first(where: { $0.group == String(cString: group) && $0.name == wanted })
                else { return APUS_E_NOT_FOUND }
                table?.pointee = found.table
                ctx?.pointee = found.ctx
                return APUS_OK
            }
        },
        each: { _, group, fn, arg in
            theFake.call("providers.each", .any) {
                for provider in theFake.providers where group.map({ String(cString: $0) }) == provider.group {
                    let pool = theFake.configurationPool
                    fn?(arg, pool.constant(provider.name, "a name"), pool.constant("some_module", "a name"), provider.table, provider.ctx)
                }
            }
        })

    private static let regex = apus_regex_v1(
        size: size(apus_regex_v1.self), reserved: 0,
        compile: { pool, pattern, flags, out, error in
            theFake.call("regex.compile", .any) {
                guard let pool = theFake.object(pool, FakePool.self, "regex.compile") else { return APUS_E_INVALID }
                let thing = FakeThing("a regular expression")
                let text = theFake.text(pattern)
                guard !theFake.bytes(pattern).contains(0), regcomp(&thing.pattern, text, REG_EXTENDED | (flags & APUS_REGEX_ICASE != 0 ? REG_ICASE : 0)) == 0 else {
                    error?.pointee = pool.text("the pattern is wrong", "an error")
                    return APUS_E_INVALID
                }
                out?.pointee = thing.handle
                return APUS_OK
            }
        },
        match: { regex, subject, spans, count in
            theFake.call("regex.match", .any) {
                guard let thing = theFake.object(regex, FakeThing.self, "regex.match") else { return APUS_E_INVALID }
                var groups = [regmatch_t](repeating: regmatch_t(rm_so: -1, rm_eo: -1), count: 10)
                guard regexec(&thing.pattern, theFake.text(subject), 10, &groups, 0) == 0 else { return APUS_DECLINED }
                for index in 0..<min(Int(count) / 2, 10) {
                    spans?[index * 2] = Int64(groups[index].rm_so)
                    spans?[index * 2 + 1] = Int64(groups[index].rm_eo)
                }
                return APUS_OK
            }
        },
        groups: { regex in theFake.call("regex.groups", .any) { UInt32(theFake.object(regex, FakeThing.self, "regex.groups")?.pattern.re_nsub ?? 0) } },
        substitute: { pool, pattern, _, _, _ in
            theFake.call("regex.substitute", .any) {
                theFake.object(pool, FakePool.self, "regex.substitute")?.text(theFake.bytes(pattern), "a substituted string") ?? Bytes.none
            }
        })

    private static let expr = apus_expr_v1(
        size: size(apus_expr_v1.self), reserved: 0,
        compile: { _, pool, text, flags, out, error, offset in
            theFake.call("expr.compile", .conn) {
                guard let pool = theFake.object(pool, FakePool.self, "expr.compile") else { return APUS_E_INVALID }
                let written = theFake.text(text)
                guard flags & APUS_EXPR_STRING != 0 || !written.isEmpty, !theFake.bytes(text).contains(0) else {
                    error?.pointee = pool.text("a condition is expected", "an error")
                    offset?.pointee = 0
                    return APUS_E_INVALID
                }
                let thing = FakeThing("an expression")
                thing.count = theFake.bytes(text).count
                out?.pointee = thing.handle
                return APUS_OK
            }
        },
        test: { expr, r in
            theFake.call("expr.test", .req) {
                _ = theFake.object(r, FakeRequest.self, "expr.test")
                return Int32(theFake.object(expr, FakeThing.self, "expr.test").map { $0.count % 2 } ?? -1)
            }
        },
        text: { expr, r, out in
            theFake.call("expr.text", .req) {
                guard let request = theFake.object(r, FakeRequest.self, "expr.text"), theFake.object(expr, FakeThing.self, "expr.text") != nil
                else { return APUS_E_INVALID }
                out?.pointee = request.pool.text("value", "the value of an expression")
                return APUS_OK
            }
        },
        variable: { _, _, _, _, out in
            theFake.call("expr.variable", .conn) {
                out?.pointee = FakeThing("an expression").handle
                return APUS_OK
            }
        },
        match: { _, _, subject, spans, count in
            theFake.call("expr.match", .req) {
                subject?.pointee = Bytes.none
                for index in 0..<Int(count) { spans?[index] = -1 }
                return 1
            }
        },
        expand: { _, r, _, _, _, out in
            theFake.call("expr.expand", .req) {
                out?.pointee = theFake.object(r, FakeRequest.self, "expr.expand")?.pool.text("value", "the value of an expression") ?? Bytes.none
                return APUS_OK
            }
        },
        mentions: { _, _ in theFake.call("expr.mentions", .any) { 0 } },
        add_variable: { _, name, _, fn, ctx in addValue(.variable, name, unsafeBitCast(fn, to: UnsafeRawPointer?.self), ctx) },
        add_function: { _, name, _, fn, ctx in addValue(.function, name, unsafeBitCast(fn, to: UnsafeRawPointer?.self), ctx) },
        add_list: { _, name, _, fn, ctx in addValue(.list, name, unsafeBitCast(fn, to: UnsafeRawPointer?.self), ctx) },
        add_operator: { _, name, _, fn, ctx in addValue(.operator, name, unsafeBitCast(fn, to: UnsafeRawPointer?.self), ctx) })

    /// As the server has it.
    private static func isName(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return name.utf8.allSatisfy { $0 == 0x5f || (0x30...0x39).contains($0) || (0x41...0x5a).contains($0 & 0xdf) }
    }

    private static func addValue(_ kind: FakeHost.Value.Kind, _ name: apus_str, _ fn: UnsafeRawPointer?, _ ctx: UnsafeMutableRawPointer?) -> apus_status {
        theFake.call("expr.add", .main) {
            if theFake.refusesRegistration() { return APUS_E_EXISTS }
            guard isName(kind == .operator ? String(theFake.text(name).dropFirst()) : theFake.text(name)) else {
                theFake.report(.error, "registration", "\"\(theFake.text(name))\" can be no name in expressions")
                return APUS_E_INVALID
            }
            theFake.values.append(FakeHost.Value(kind: kind, name: theFake.text(name), fn: fn, ctx: ctx))
            return APUS_OK
        }
    }
}

/// The hooks of the host with their signatures, as apus/hooks.h lists them.
enum HookNames {
    static let ofRequests = [
        "post_read_request", "quick_handler", "translate_name", "map_to_storage", "header_parser", "access_checker",
        "access_checker_ex", "check_user_id", "auth_checker", "type_checker", "fixups", "handler", "log_transaction",
    ]

    static let signatures: [String: String] = {
        var all = [
            "optional_fn_retrieve": "v(x)", "child_init": "v(x)", "child_exit": "v(x)", "check_config": "i(x)",
            "open_config": "i(xuU)", "pre_connection": "i(xC)", "process_connection": "i(xC)",
            "close_connection": "v(xC)", "insert_filter": "v(xR)",
            "response_head": "v(xR)", "error_page": "i(xRi)", "note_auth_failure": "i(xRs)",
        ]
        for name in ofRequests { all[name] = "i(xR)" }
        return all
    }()
}
