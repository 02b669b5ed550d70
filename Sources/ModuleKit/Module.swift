public import ByteKit
import Glibc
public import ModuleABI

/// The identity of a module.
public struct ModuleInfo: Sendable {
    let name: String
    let version: String
    let requires: [String]
    let optional: [String]

    /// - Parameters:
    ///   - name: as LoadModule's first argument says it: "hello_module".
    ///   - requires: extension ids beyond those every module needs; a host without one refuses the module.
    public init(_ name: String, version: String, requires: [String] = [], optional: [String] = []) {
        self.name = name
        self.version = version
        self.requires = requires
        self.optional = optional
    }
}

/// A module: one instance a process, made when the host attaches it.
///
/// The entry function of the image hands the host `descriptor(for:named:)`.
public protocol Module: AnyObject {
    /// Its configuration of a server.
    associatedtype ServerConf: Configuration = NoConfiguration
    /// Its configuration of a directory, location or server.
    associatedtype DirConf: Configuration = NoConfiguration

    /// Its name, version and what it needs.
    static var info: ModuleInfo { get }
    /// Its directives; none unless it says so.
    static var directives: [Directive] { get }

    /// Registers hooks, filters, providers and functions. May start no thread and open nothing.
    init(_ host: Host) throws
}

extension Module {
    /// None.
    public static var directives: [Directive] { [] }

    /// The descriptor, when `name` is this module's or empty: so the host asks what a file holds. Never freed.
    public static func descriptor(
        for host: UnsafePointer<apus_host>, named name: UnsafePointer<CChar>
    ) -> UnsafePointer<apus_module>? {
        let wanted = String(cString: name)
        guard wanted == info.name || wanted.isEmpty else { return nil }
        precondition(MemoryLayout<Tables>.size <= 64 * MemoryLayout<UnsafeRawPointer>.size)
        tables.pointee.fill(host, drafts: info.requires + info.optional)
        return DescriptorBuilder(Self.self, host: host).build()
    }
}

/// The host as a module sees it while it attaches.
public struct Host: @unchecked Sendable {
    /// The handle, which the functions of the headers want.
    public let raw: UnsafePointer<apus_host>

    /// The host behind a handle.
    @inlinable public init(raw: UnsafePointer<apus_host>) { self.raw = raw }

    /// Where hooks are registered.
    public var hooks: Hooks { Hooks(host: raw) }
    /// The error log.
    public var log: Log { Log(host: raw) }
    /// The server outside of all virtual hosts.
    public var mainServer: Server { Server(serverTable.pointee.first(raw).unsafelyUnwrapped, host: raw) }
    /// ServerRoot, to which relative paths of the configuration belong.
    public var serverRoot: Bytes { serverTable.pointee.process(raw, APUS_P_SERVER_ROOT) }
    /// The server's own name and version.
    public var version: Bytes { serverTable.pointee.process(raw, APUS_P_VERSION) }
    /// Workers that serve.
    public var workerCount: Int { Int(serverTable.pointee.process_number(raw, APUS_P_WORKERS)) }
    /// The number of this generation: 1 for the first start.
    public var generation: Int64 { serverTable.pointee.process_number(raw, APUS_P_GENERATION) }
    /// The index of this worker, or -1 in the leader.
    public var worker: Int { Int(serverTable.pointee.process_number(raw, APUS_P_WORKER)) }
    /// Microseconds since 1970, as of this turn of the loop.
    public var now: Int64 { serverTable.pointee.process_number(raw, APUS_P_NOW_US) }
    /// The same, read now.
    public var clock: Int64 { serverTable.pointee.process_number(raw, APUS_P_CLOCK_US) }
    /// ExtendedStatus: whether single requests may be shown.
    public var showsRequests: Bool { serverTable.pointee.process_number(raw, APUS_P_EXTENDED_STATUS) != 0 }
    /// SeeRequestTail: whether the end of a long request line is shown, not its beginning.
    public var showsRequestTails: Bool { serverTable.pointee.process_number(raw, APUS_P_REQUEST_TAIL) != 0 }
    /// Reloads that came to nothing since the server was started.
    public var failedReloads: Int64 { serverTable.pointee.process_number(raw, APUS_P_FAILED_RELOADS) }
    /// Whom the workers run as: to whom files belong that they shall write.
    public var workerUser: UInt32 { UInt32(clamping: serverTable.pointee.process_number(raw, APUS_P_USER_ID)) }
    /// The group of the workers' user.
    public var workerGroup: UInt32 { UInt32(clamping: serverTable.pointee.process_number(raw, APUS_P_GROUP_ID)) }
    /// Memory that lives as long as the configuration.
    public var pool: Pool { Pool(serverTable.pointee.pool(raw).unsafelyUnwrapped) }

    /// All servers, the main one first.
    public var servers: [Server] {
        var all: [Server] = []
        var next: Server? = mainServer
        while let server = next {
            all.append(server)
            next = server.next
        }
        return all
    }

    /// Reports, from checkConfig or openConfig, what is wrong with a directive, at its place.
    public func report(_ level: LogLevel, code: StaticString = "", file: Bytes, line: Int, _ message: String) {
        var message = message
        message.withUTF8 {
            configTable.pointee.report(
                raw, level.rawValue, Bytes(code), file, UInt32(line), Bytes(UnsafeRawBufferPointer($0)))
        }
    }

    /// The same for a file that is known as text.
    public func report(_ level: LogLevel, code: StaticString = "", file: String, line: Int, _ message: String) {
        var file = file
        file.withUTF8 {
            report(level, code: code, file: Bytes(UnsafeRawBufferPointer($0)), line: line, message)
        }
    }

    /// The same for a place in the form of `Command.place`, "file:line".
    public func report(_ level: LogLevel, code: StaticString = "", place: Bytes, _ message: String) {
        let colon = place.lastIndex(of: 0x3a) ?? place.count
        let line = colon < place.count ? place.from(colon + 1).decimal ?? 0 : 0
        report(level, code: code, file: place.upTo(colon), line: Int(line), message)
    }

    /// Opens a log target by CustomLog's rules; with reason CHECK looks whether that could be. From the open_config hook.
    public func sink(_ target: Bytes) throws -> LogSink {
        guard let sink = logTable.pointee.sink(raw, target) else {
            throw ModuleError("cannot open the log \(target.string): \(String(cString: strerror(errno)))")
        }
        return LogSink(raw: sink)
    }

    /// Calls `body` for each loaded module.
    public func eachModule(_ body: (_ name: Bytes, _ version: Bytes, _ file: Bytes, _ toolchain: Bytes) -> Void) {
        typealias Visit = (Bytes, Bytes, Bytes, Bytes) -> Void
        withoutActuallyEscaping(body) { body in
            // The callback runs during the call only, so a pointer to the closure on the stack will do.
            withUnsafePointer(to: body as Visit) { visit in
                serverTable.pointee.each_module(
                    raw,
                    { arg, module in
                        guard let module = module?.pointee else { return }
                        arg?.assumingMemoryBound(to: Visit.self).pointee(module.name, module.version, module.file, module.toolchain)
                    }, UnsafeMutableRawPointer(mutating: visit))
            }
        }
    }
}

/// What stands behind the ctx pointer of a module: its instance and its type-erased operations.
final class Instance {
    let serverConf: ConfigurationOperations
    let dirConf: ConfigurationOperations
    let module: AnyObject

    init(module: AnyObject, serverConf: ConfigurationOperations, dirConf: ConfigurationOperations) {
        self.module = module
        self.serverConf = serverConf
        self.dirConf = dirConf
    }

    static func from(_ ctx: UnsafeMutableRawPointer?) -> Instance {
        Unmanaged<Instance>.fromOpaque(ctx.unsafelyUnwrapped).takeUnretainedValue()
    }
}

/// How the modules of this image are attached, by host handle: `attach` gets no context to find its module by.
nonisolated(unsafe) var attachers: [UnsafePointer<apus_host>: (Host) throws -> Instance] = [:]
