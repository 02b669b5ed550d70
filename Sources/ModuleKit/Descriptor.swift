import ByteKit
import ModuleABI

/// What came after ABI 1.0 is used where the host has it.
private enum ModuleKitNeeds {
    static let minor: UInt16 = 0
}

/// Lays a module's Swift description out as the C descriptor that the host reads.
struct DescriptorBuilder<M: Module> {
    private let host: UnsafePointer<apus_host>

    init(_ type: M.Type, host: UnsafePointer<apus_host>) { self.host = host }

    func build() -> UnsafePointer<apus_module> {
        attachers[host] = { host in
            Instance(
                module: try M(host), serverConf: ConfigurationOperations(M.ServerConf.self),
                dirConf: ConfigurationOperations(M.DirConf.self))
        }
        let rows = M.directives.map { row($0) }
        let table = UnsafeMutablePointer<apus_directive>.allocate(capacity: max(rows.count, 1))
        for (index, row) in rows.enumerated() { (table + index).initialize(to: row) }

        let descriptor = UnsafeMutablePointer<apus_module>.allocate(capacity: 1)
        descriptor.initialize(
            to: apus_module(
                size: UInt32(MemoryLayout<apus_module>.size), abi_major: UInt16(APUS_ABI_MAJOR),
                abi_minor_min: ModuleKitNeeds.minor, flags: 0, n_directives: UInt32(rows.count),
                directive_stride: UInt32(MemoryLayout<apus_directive>.stride), name: text(M.info.name),
                version: text(M.info.version), toolchain: text(Toolchain.description),
                requires_ids: texts(needed + M.info.requires), optional_ids: texts(M.info.optional),
                directives: UnsafePointer(table), server_conf: operations(M.ServerConf.self, server: true),
                dir_conf: operations(M.DirConf.self, server: false), attach: attachModule, detach: detachModule))
        return UnsafePointer(descriptor)
    }

    /// What ModuleKit itself calls without asking.
    private var needed: [String] {
        [
            APUS_EXT_CONFIG, APUS_EXT_HOOKS, APUS_EXT_POOL, APUS_EXT_LOG, APUS_EXT_REQUEST, APUS_EXT_HEADERS,
            APUS_EXT_CONN, APUS_EXT_SERVER, APUS_EXT_BODY,
        ]
    }

    private func row(_ directive: Directive) -> apus_directive {
        let (least, most, shape) = directive.shape.bounds
        return apus_directive(
            name: text(directive.name), min_args: least, max_args: most, where: directive.scopes.rawValue,
            override_class: directive.override.rawValue, flags: directive.flags, shape: shape,
            handle: handleDirective, help: text(directive.help),
            data: Unmanaged.passRetained(DirectiveRow(host: host, handle: directive.handle)).toOpaque())
    }

    private func operations<C: Configuration>(_ type: C.Type, server: Bool) -> UnsafePointer<apus_conf_ops>? {
        guard type != NoConfiguration.self else { return nil }
        let size = UInt32(MemoryLayout<apus_conf_ops>.size)
        let place = UnsafeMutablePointer<apus_conf_ops>.allocate(capacity: 1)
        place.initialize(
            to: server
                ? apus_conf_ops(
                    size: size, flags: type.isInheritedWhole ? APUS_CONF_INHERITED : 0, create: createServerConf, merge: mergeServerConf)
                : apus_conf_ops(size: size, flags: 0, create: createDirConf, merge: mergeDirConf))
        return UnsafePointer(place)
    }

    private func text(_ string: String) -> UnsafePointer<CChar> {
        let utf8 = Array(string.utf8CString)
        let place = UnsafeMutablePointer<CChar>.allocate(capacity: utf8.count)
        place.initialize(from: utf8, count: utf8.count)
        return UnsafePointer(place)
    }

    private func texts(_ strings: [String]) -> UnsafePointer<UnsafePointer<CChar>?> {
        let place = UnsafeMutablePointer<UnsafePointer<CChar>?>.allocate(capacity: strings.count + 1)
        for (index, string) in strings.enumerated() { (place + index).initialize(to: text(string)) }
        (place + strings.count).initialize(to: nil)
        return UnsafePointer(place)
    }
}

/// What stands behind a directive row's data pointer.
final class DirectiveRow {
    let host: UnsafePointer<apus_host>
    let handle: (Command, Arguments) throws -> Void

    init(host: UnsafePointer<apus_host>, handle: @escaping (Command, Arguments) throws -> Void) {
        self.host = host
        self.handle = handle
    }
}

// The callbacks of the descriptor. C function pointers capture nothing: each finds its Swift side by a context pointer.

private func attachModule(
    _ host: UnsafePointer<apus_host>?, _ ctx: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> apus_status {
    guard let host, let attach = attachers[host] else { return APUS_E_INVALID }
    do {
        ctx?.pointee = Unmanaged.passRetained(try attach(Host(raw: host))).toOpaque()
        return APUS_OK
    } catch {
        Log(host: host).error("\(error)")
        return APUS_E_FAIL
    }
}

private func detachModule(_ ctx: UnsafeMutableRawPointer?) {
    if let ctx { Unmanaged<Instance>.fromOpaque(ctx).release() }
}

private func handleDirective(
    _ ctx: UnsafeMutableRawPointer?, _ cmd: OpaquePointer?, _ conf: UnsafeMutableRawPointer?,
    _ argv: UnsafePointer<apus_str>?, _ argc: UInt32
) -> apus_status {
    guard let cmd, let data = configTable.pointee.data(cmd) else { return APUS_E_INVALID }
    let row = Unmanaged<DirectiveRow>.fromOpaque(data).takeUnretainedValue()
    let command = Command(raw: cmd, host: row.host)
    do {
        try row.handle(command, Arguments(start: argv, count: Int(argc)))
        return APUS_OK
    } catch {
        return command.fail(error)
    }
}

private func createServerConf(
    _ ctx: UnsafeMutableRawPointer?, _ pool: OpaquePointer?, _ scope: OpaquePointer?
) -> UnsafeMutableRawPointer? {
    pool.flatMap { Instance.from(ctx).serverConf.create(Pool($0)) }
}

private func mergeServerConf(
    _ ctx: UnsafeMutableRawPointer?, _ pool: OpaquePointer?, _ base: UnsafeRawPointer?, _ over: UnsafeRawPointer?
) -> UnsafeMutableRawPointer? {
    pool.flatMap { Instance.from(ctx).serverConf.merge(Pool($0), base, over) }
}

private func createDirConf(
    _ ctx: UnsafeMutableRawPointer?, _ pool: OpaquePointer?, _ scope: OpaquePointer?
) -> UnsafeMutableRawPointer? {
    pool.flatMap { Instance.from(ctx).dirConf.create(Pool($0)) }
}

private func mergeDirConf(
    _ ctx: UnsafeMutableRawPointer?, _ pool: OpaquePointer?, _ base: UnsafeRawPointer?, _ over: UnsafeRawPointer?
) -> UnsafeMutableRawPointer? {
    pool.flatMap { Instance.from(ctx).dirConf.merge(Pool($0), base, over) }
}
