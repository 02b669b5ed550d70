import ByteKit
import Glibc
import ModuleABI
import ModuleABI.Draft

/// Everything one generation of the server is made of.
final class Runtime {
    /// The generation this process belongs to: C callbacks find it here.
    nonisolated(unsafe) private(set) static var current: Runtime?

    let options: Options
    let core = LoadedModule(
        index: 0, name: "core_module", version: Version.number, file: "", toolchain: "swift-\(SwiftRelease.current) shared",
        location: nil)
    let loader: ModuleLoader
    let hooks = HookRegistry()
    let providers = ProviderRegistry()
    let filters = FilterRegistry()
    let expressions = ExprRegistry()
    let diagnostics = Diagnostics()
    /// What modules find when they open what the configuration names.
    let openDiagnostics = Diagnostics()
    let configuration: Configuration
    var defines = Defines()
    var macros: [String: Macro] = [:]
    /// The module whose `attach` is running: registrations are taken from nobody else.
    var attaching: LoadedModule?
    /// Why a module was refused a log, last: for the case that it says nothing itself.
    var sinkProblem: String?
    /// Registrations that were refused, to be reported at the module's LoadModule line.
    var refusals: [(LoadedModule, String)] = []
    let installation: Installation
    /// What the modules of this generation have done; nil where nobody serves.
    var accounts: ModuleAccounts?
    /// The channel to the supervisor; nil where there is none.
    let handover: Handover?

    init(_ options: Options, _ installation: Installation, _ handover: Handover?) {
        self.options = options
        self.handover = handover
        self.installation = installation
        loader = ModuleLoader(core: core, ownDirectory: options.moduleDirectory ?? installation.modules)
        configuration = Configuration(serverRoot: options.serverRoot.map(Installation.absolute) ?? installation.root)
        Runtime.current = self
    }

    /// 1 for the first start.
    var generation: UInt64 { handover?.number ?? 1 }

    /// Ends when the supervisor does.
    var lifeline: Int32? { handover?.inherited["lifeline"]?.descriptor }

    var modules: [LoadedModule] { loader.modules }
    var mainServer: Server.Ref? { configuration.servers.first?.server }

    /// Reads the configuration. Its errors and warnings are in `diagnostics`.
    func configure() {
        let named = options.configFile ?? "conf/httpd.conf"
        let builder = ConfigBuilder(self, configuration, diagnostics)
        builder.build(configuration.resolve(named), options)
        directiveTable = builder.directives
    }

    /// Lets the modules open what they need. True: all of them could; what they found is in `openDiagnostics`.
    func open(_ reason: UInt32) -> Bool {
        if reason != APUS_OPEN_RELOAD { checkPidFile() }
        let isConsistent = HookRunner.runAll(hooks[.checkConfig]) >= 0 && !openDiagnostics.hasErrors
        // Opening goes on after a complaint when nothing is created, so that all of them are seen at once.
        guard isConsistent || reason == APUS_OPEN_CHECK else { return false }
        let failed = HookRunner.runOpenConfig(hooks[.openConfig], reason, generation)
        if !openDiagnostics.hasErrors {
            for index in failed {
                let module = modules[index]
                let reason = sinkProblem.map { ": \($0)" } ?? "; if it said why, it stands above or in the log"
                openDiagnostics.error("\(module.name) could not open what it needs\(reason)", at: module.location)
            }
        }
        return isConsistent && failed.isEmpty && !openDiagnostics.hasErrors
    }

    /// Whether the PidFile can be written, as far as that can be known without doing so.
    private func checkPidFile() {
        let path = configuration.pidFilePath
        guard let problem = PidFile(path: path).problem else { return }
        openDiagnostics.error(
            "PidFile: \(path) cannot be written: \(problem.description)", at: configuration.pidFileLocation ?? configuration.main.location,
            hint: "create the directory, or correct the path")
    }

    func moduleLinks() -> UnsafeBufferPointer<ModuleLink> {
        let links = modules.map { ModuleLink(ctx: $0.ctx, mergeDir: $0.dirConf?.merge) }
        return UnsafeBufferPointer(Arena.copyForEver(links))
    }

    func prefaces() -> UnsafeBufferPointer<Preface> {
        let all = providers.all(APUS_GROUP_PREFACE).map {
            Preface(vtable: $0.vtable.assumingMemoryBound(to: apus_preface_v0.self), ctx: $0.ctx)
        }
        return UnsafeBufferPointer(Arena.copyForEver(all))
    }

    func taps() -> UnsafeBufferPointer<Tap> {
        let all = providers.all(APUS_GROUP_TAP).map {
            Tap(vtable: $0.vtable.assumingMemoryBound(to: apus_tap_v0.self), ctx: $0.ctx)
        }
        return UnsafeBufferPointer(Arena.copyForEver(all))
    }

    func transportLinks() -> UnsafeBufferPointer<TransportLink> {
        let links = providers.all(APUS_GROUP_TRANSPORT).map { provider in
            TransportLink(
                module: provider.module.index, name: provider.name, vtable: provider.vtable.assumingMemoryBound(to: apus_transport_v0.self),
                ctx: provider.ctx)
        }
        return UnsafeBufferPointer(Arena.copyForEver(links))
    }

    func protocolLinks() -> UnsafeBufferPointer<ProtocolLink> {
        let links = providers.all(APUS_GROUP_PROTOCOL).map { provider in
            ProtocolLink(
                module: provider.module.index, name: provider.name,
                vtable: provider.vtable.assumingMemoryBound(to: apus_protocol_v0.self), ctx: provider.ctx)
        }
        return UnsafeBufferPointer(Arena.copyForEver(links))
    }

    var workerCount: Int {
        if options.isDebug { return 1 }
        if let workers = configuration.workers { return workers }
        let cores = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        return min(cores, configuration.workerLimit ?? cores)
    }

    /// How many threads a worker has for blocking work.
    var blockingPoolSettings: BlockingPool.Settings {
        let threads = configuration.threads
        func share(_ total: Int) -> Int { max(1, (total + workerCount - 1) / workerCount) }
        var settings = BlockingPool.Settings()
        if let total = threads.total { settings.maximum = share(total) }
        if let perWorker = threads.perWorker { settings.maximum = threads.total == nil ? perWorker : min(settings.maximum, perWorker) }
        if let limit = threads.limit { settings.maximum = min(settings.maximum, limit) }
        if let spare = threads.spare { settings.spare = share(spare) }
        settings.stackSize = threads.stackSize ?? 0
        return settings
    }

    var mainErrorLog: String {
        let target = mainServer?.pointee.core.pointee.errorLog ?? .none
        return configuration.resolve(target.isSet ? target.string : "logs/error_log")
    }

    /// The directives that can be used, once the configuration has been read.
    private(set) var directiveTable = DirectiveTable()
    var directives: [DirectiveEntry] { directiveTable.all }

    /// What ServerTokens allows to be said.
    func serverField() -> Bytes {
        switch mainServer?.pointee.core.pointee.serverTokens ?? .full {
        case .productOnly: Bytes("Apus")
        case .major: Bytes.immortal("Apus/\(Version.number.prefix { $0 != "." })")
        case .minor: Bytes.immortal("Apus/\(Version.number.split(separator: ".").prefix(2).joined(separator: "."))")
        case .minimal: Bytes.immortal("Apus/\(Version.number)")
        case .os, .full: Bytes.immortal("Apus/\(Version.number) (Unix)")
        }
    }
}

extension Arena {
    /// A copy of an array that is never freed.
    static func copyForEver<T>(_ array: [T]) -> UnsafeMutableBufferPointer<T> {
        let place = UnsafeMutableBufferPointer<T>.allocate(capacity: array.count)
        _ = place.initialize(from: array)
        return place
    }
}

/// Where this server is installed: found from the binary's own place, so that the tree can be moved.
struct Installation {
    let root: String
    var modules: String { "\(root)/modules" }

    /// A path as it is meant on the command line.
    static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let directory = getcwd(nil, 0) else { return path }
        defer { free(directory) }
        return path == "." ? String(cString: directory) : "\(String(cString: directory))/\(path)"
    }

    init() {
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = readlink("/proc/self/exe", &path, path.count - 1)
        let binary = length > 0 ? String(decoding: path[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self) : ""
        let parts = binary.split(separator: "/", omittingEmptySubsequences: true)
        root = parts.count >= 2 ? "/" + parts.dropLast(2).joined(separator: "/") : "/"
    }
}
