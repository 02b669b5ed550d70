import ByteKit
import CSystem
import ElfKit
import Glibc
import ModuleABI

/// The module in a trial: loaded, attached and configured as a server does it.
final class Candidate {
    private let path: String
    let name: String
    private var entry: Entry?
    private(set) var descriptor: apus_module?
    private(set) var ctx: UnsafeMutableRawPointer?
    /// The pools of configurations, to be closed for writing.
    private(set) var confPools: [FakePool] = []

    typealias Entry = @convention(c) (UnsafePointer<apus_host>?, UnsafePointer<CChar>?) -> UnsafePointer<apus_module>?

    init(_ path: String, _ name: String) {
        self.path = path
        self.name = name
    }

    // MARK: Loading

    /// Maps the file and asks for the descriptor.
    func load() -> Bool {
        theFake.stage("loading the file")
        try? ElfImage(path: path).loadLibraries(from: Installation.libraries)
        guard let image = dlopen(path, RTLD_NOW | RTLD_LOCAL | Int32(RTLD_NODELETE)) else {
            theFake.report(.error, "image", "cannot be loaded: \(dlerror().map { String(cString: $0) } ?? "")")
            return false
        }
        guard let symbol = dlsym(image, ModuleFile.entryName) else {
            theFake.report(.error, "image", "exports no \(ModuleFile.entryName)")
            return false
        }
        var file: UnsafePointer<CChar>?
        var base: UnsafeRawPointer?
        if cs_image_at(symbol, &file, &base) != 0 { theFake.fact("base", "\(UInt(bitPattern: base))") }
        let entry = unsafeBitCast(symbol, to: Entry.self)
        self.entry = entry
        theFake.stage("asking for \(name)")
        guard let found = ask(name) else {
            theFake.report(.error, "entry", "does not answer to \(name)")
            return false
        }
        descriptor = found.pointee
        theFake.declared = Set(requires + optional)
        return true
    }

    func ask(_ name: String) -> UnsafePointer<apus_module>? { entry.flatMap { $0(theFake.raw, name) } }

    var requires: [String] { theFake.strings(descriptor?.requires_ids) }
    var optional: [String] { theFake.strings(descriptor?.optional_ids) }

    func text(_ string: UnsafePointer<CChar>?) -> String? { string.map { String(cString: $0) } }

    var directives: [apus_directive] {
        guard let descriptor, let table = descriptor.directives, descriptor.directive_stride >= UInt32(MemoryLayout<apus_directive>.size) else { return [] }
        return (0..<Int(descriptor.n_directives)).map {
            UnsafeRawPointer(table).load(fromByteOffset: $0 * Int(descriptor.directive_stride), as: apus_directive.self)
        }
    }

    // MARK: Attaching

    /// - Returns: what attach answered.
    func attach() -> apus_status {
        theFake.stage("attach")
        theFake.phase = .attach
        guard let attach = descriptor?.attach else { return APUS_E_INVALID }
        return attach(theFake.raw, &ctx)
    }

    func detach() {
        theFake.stage("detach")
        theFake.phase = .ending
        descriptor?.detach?(ctx)
    }

    // MARK: Configuring

    func create(_ isServer: Bool, _ kind: UInt32) -> (conf: UnsafeMutableRawPointer?, pool: FakePool)? {
        guard let descriptor, let create = (isServer ? descriptor.server_conf : descriptor.dir_conf)?.pointee.create else { return nil }
        theFake.stage("\(isServer ? "server_conf" : "dir_conf").create")
        let pool = FakePool("a configuration")
        confPools.append(pool)
        let conf = create(ctx, pool.handle, FakeScope(kind).handle)
        if conf == nil, theFake.allocationsLeft == nil { theFake.report(.error, "descriptor", "create makes no configuration: it returned NULL") }
        return (conf, pool)
    }

    func merge(_ isServer: Bool, _ base: (conf: UnsafeMutableRawPointer?, pool: FakePool), _ over: (conf: UnsafeMutableRawPointer?, pool: FakePool)) -> (conf: UnsafeMutableRawPointer?, pool: FakePool) {
        guard let descriptor, let merge = (isServer ? descriptor.server_conf : descriptor.dir_conf)?.pointee.merge, let a = base.conf, let b = over.conf else { return over }
        theFake.stage("merge of two configurations of a \(isServer ? "server" : "section")")
        let pool = FakePool("a configuration")
        confPools.append(pool)
        base.pool.setReadOnly(true)
        over.pool.setReadOnly(true)
        let merged = merge(ctx, pool.handle, a, b)
        base.pool.setReadOnly(false)
        over.pool.setReadOnly(false)
        if merged == nil, theFake.allocationsLeft == nil { theFake.report(.error, "descriptor", "merge makes no configuration: it returned NULL") }
        return (merged, pool)
    }

    /// Gives both servers their configuration, with every directive handled once in a way that it takes, if one is found.
    func configure() {
        theFake.phase = .configuration
        let server = create(true, APUS_SCOPE_SERVER)
        let dir = create(false, APUS_SCOPE_SERVER)
        theFake.servers[0].serverConf = server?.conf
        theFake.servers[0].dirConf = dir?.conf
        for directive in directives {
            for words in OddInputs.plausible(directive) {
                if handle(directive, words, APUS_SCOPE_SERVER, server?.conf, dir?.conf, quietly: true) == APUS_OK { break }
            }
        }
        theFake.servers[1].serverConf = server.flatMap { base in create(true, APUS_SCOPE_VHOST).map { merge(true, base, $0).conf } } ?? server?.conf
        theFake.servers[1].dirConf = dir.flatMap { base in create(false, APUS_SCOPE_VHOST).map { merge(false, base, $0).conf } } ?? dir?.conf
        void("optional_fn_retrieve")
        check("check_config")
    }

    /// Handles one directive with words that live during the call only.
    @discardableResult
    func handle(_ directive: apus_directive, _ words: [[UInt8]], _ scope: UInt32, _ serverConf: UnsafeMutableRawPointer?, _ dirConf: UnsafeMutableRawPointer?, quietly: Bool = false) -> apus_status {
        guard let handle = directive.handle else { return APUS_E_INVALID }
        let name = text(directive.name) ?? "?"
        theFake.stage("directive \(name) \(words.map(OddInputs.spell).joined(separator: " "))")
        let command = FakeCommand(directive, FakeScope(scope), serverConf, dirConf)
        let conf = directive.flags & APUS_DIRECTIVE_DIR_CONF != 0 ? dirConf : serverConf
        let pool = FakePool("a directive, whose words live during the call")
        let arguments = words.map { pool.text($0, "a word of a directive, which lives during the call") }
        let status = arguments.withUnsafeBufferPointer { handle(ctx, command.handle, conf, $0.baseAddress, UInt32($0.count)) }
        pool.destroy()
        command.end()
        guard theFake.allocationsLeft == nil else { return status }
        if status < 0, command.failures.isEmpty, !quietly {
            theFake.report(.error, "silent-refusal", "\(name) answers \(status) without having called apus_config_v1.fail")
        } else if status >= 0, !command.failures.isEmpty {
            theFake.report(.error, "fail-not-returned", "\(name) calls apus_config_v1.fail and answers \(status)")
        } else if status != APUS_OK, status > 0, status != APUS_DECLINED {
            theFake.report(.error, "bad-status", "\(name) answers \(status)")
        }
        return status
    }

    // MARK: Hooks that are not of requests

    func void(_ hook: String) {
        for entry in theFake.hooks where entry.name == hook {
            theFake.stage("hook \(hook)")
            typealias Fn = @convention(c) (UnsafeMutableRawPointer?) -> Void
            unsafeBitCast(entry.fn, to: Fn.self)(entry.ctx)
        }
    }

    func check(_ hook: String) {
        for entry in theFake.hooks where entry.name == hook {
            theFake.stage("hook \(hook)")
            typealias Fn = @convention(c) (UnsafeMutableRawPointer?) -> apus_status
            _ = unsafeBitCast(entry.fn, to: Fn.self)(entry.ctx)
        }
    }

    /// - Returns: the first error.
    @discardableResult
    func open(_ reason: UInt32) -> apus_status {
        theFake.phase = .open
        for entry in theFake.hooks where entry.name == "open_config" {
            theFake.stage("hook open_config, reason \(reason == APUS_OPEN_CHECK ? "CHECK" : reason == APUS_OPEN_START ? "START" : "RELOAD")")
            typealias Fn = @convention(c) (UnsafeMutableRawPointer?, UInt32, UInt64) -> apus_status
            let status = unsafeBitCast(entry.fn, to: Fn.self)(entry.ctx, reason, 1)
            if status < 0 { return status }
        }
        return APUS_OK
    }

    /// Everything before requests are served. False: it does not get there.
    func bringUp() -> Bool {
        guard load(), attach() >= 0 else { return false }
        configure()
        open(APUS_OPEN_START)
        theFake.phase = .serving
        void("child_init")
        return true
    }
}

extension FakeHost {
    /// The handle that the module knows the host by.
    var raw: UnsafePointer<apus_host> { UnsafePointer(host) }
}
