import ByteKit
import Glibc
import ModuleABI

/// `apus explain`: lets one request through a worker that serves nobody, and tells what happens to it.
enum ExplainCommand {
    static func run(_ arguments: [String]) -> Int32 {
        if arguments.isEmpty || arguments.contains("--help") || arguments.contains("-h") {
            Program.say(ExplainedRequest.usage)
            return arguments.isEmpty ? 1 : 0
        }
        do throws(OptionsError) {
            let request = try ExplainedRequest(arguments)
            let options = try Options(arguments: request.serverOptions, for: .explain)
            return try explain(request, options)
        } catch {
            Program.complain("apus explain: \(error.message)\n")
            return OptionsError.exitStatus
        }
    }

    private static func explain(_ request: ExplainedRequest, _ options: Options) throws(OptionsError) -> Int32 {
        if let level = options.startupLogLevel { ErrorLog.startupLevel = level.number }
        guard Program.openStartupLog(options) else { return 1 }
        let runtime = Runtime(options, Installation(), nil)
        runtime.configure()
        guard !runtime.diagnostics.hasErrors, runtime.open(APUS_OPEN_CHECK), let hosts = runtime.configuration.hosts else {
            Program.report(runtime.diagnostics.hasErrors ? runtime.diagnostics : runtime.openDiagnostics)
            return 1
        }
        var request = request
        if let first = runtime.configuration.listeners.first {
            request.complete(host: hosts.main.pointee.name.string, port: first.address.port, isSecure: first.scheme == "https")
        }
        let local = try localAddress(request, runtime.configuration)
        guard let peer = SocketAddress.resolve(request.from, port: 49152).first else {
            throw OptionsError("--from \(request.from) is no address")
        }
        do throws(IdentityProblem) {
            // What the server may read is what counts.
            try Identity.drop(runtime.configuration)
        } catch {
            throw OptionsError(error.message)
        }
        let slot = WorkerSlot.Ref.allocate(capacity: 1)
        slot.initialize(to: WorkerSlot())
        Worker.install(Worker(runtime, hosts: hosts, slot: slot))
        BlockingPool.shared.settings = runtime.blockingPoolSettings
        let visit = ExplainVisit(request, from: peer, to: local)
        if request.output == .signature { return try sign(request, visit.server) }
        let report = try visit.run()
        Program.say(request.output == .json ? ExplainJSON.render(report) : ExplainText.render(report))
        return 0
    }

    /// The address of the configuration that the request comes to.
    private static func localAddress(_ request: ExplainedRequest, _ configuration: Configuration) throws(OptionsError) -> SocketAddress {
        let port = request.url.effectivePort
        if let to = request.to {
            guard let address = SocketAddress.resolve(to, port: port).first else { throw OptionsError("--to \(to) is no address") }
            return address
        }
        let listeners = configuration.listeners.map(\.address).filter { $0.port == port }
        guard let first = listeners.first else {
            let ports = Set(configuration.listeners.map { Int($0.address.port) }).sorted().map(String.init).joined(separator: ", ")
            throw OptionsError("nothing listens on port \(port): the Listen lines name \(ports); write the port into the URL")
        }
        // A host with an address of its own may be reached by that alone.
        let named = SocketAddress.resolve(request.url.host, port: port)
        if let meant = named.first(where: { address in listeners.contains { $0.isWildcard || $0.hasSameHost(as: address) } }) { return meant }
        guard first.isWildcard else { return first }
        return SocketAddress.resolve(first.isIPv4 ? "127.0.0.1" : "::1", port: port).first ?? first
    }

    private static func sign(_ request: ExplainedRequest, _ server: Server.Ref) throws(OptionsError) -> Int32 {
        let secret = server.pointee.core.pointee.traceSecret
        guard secret.isSet else {
            throw OptionsError("the server of \(request.url.host) has no DebugTraceSecret: set one, at least 16 characters long, and reload")
        }
        let time = String(Clock.now() / 1_000_000)
        let signature = TraceSignature.sign(
            secret, method: Bytes.immortal(request.method), host: Bytes.immortal(request.signedHost),
            target: Bytes.immortal(request.url.target), time: Bytes.immortal(time)
        ) { $0.string }
        Program.say("\(TraceSignature.field): \(time):\(signature)\n")
        return 0
    }
}
