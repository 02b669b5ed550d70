import ByteKit
import ModuleABI

/// The handle a module is given, with what the host must know when a call comes back with it.
///
/// Invariant: `table` is the first member, so the address of a record is the apus_host pointer of its module.
struct HostRecord {
    var table: apus_host
    var index: Int
    var module: Unmanaged<LoadedModule>

    @inline(__always)
    static func of(_ host: UnsafePointer<apus_host>?) -> UnsafePointer<HostRecord> {
        UnsafeRawPointer(host.unsafelyUnwrapped).assumingMemoryBound(to: HostRecord.self)
    }
}

/// A module as the host knows it: the core itself (index 0), or one that a LoadModule line named.
final class LoadedModule {
    let index: Int
    /// "ssl_module".
    let name: String
    let version: String
    /// The file it came from; empty for the core.
    let file: String
    let toolchain: String
    let location: SourceLocation?
    let record: UnsafeMutablePointer<HostRecord>
    private(set) var descriptor: UnsafePointer<apus_module>?
    /// What `attach` returned; first in every callback.
    var ctx: UnsafeMutableRawPointer?
    /// The extension ids it asked for, for -M.
    var idsInUse: Set<String> = []

    init(index: Int, name: String, version: String, file: String, toolchain: String, location: SourceLocation?) {
        self.index = index
        self.name = name
        self.version = version
        self.file = file
        self.toolchain = toolchain
        self.location = location
        record = .allocate(capacity: 1)
        let table = apus_host(
            size: UInt32(MemoryLayout<apus_host>.size), abi_major: UInt16(APUS_ABI_MAJOR),
            abi_minor: UInt16(APUS_ABI_MINOR), self: UnsafeMutableRawPointer(record), extension: findExtension)
        record.initialize(to: HostRecord(table: table, index: index, module: .passUnretained(self)))
    }

    var host: UnsafePointer<apus_host> {
        UnsafeRawPointer(record).assumingMemoryBound(to: apus_host.self)
    }

    func bind(_ descriptor: UnsafePointer<apus_module>) { self.descriptor = descriptor }

    var serverConf: apus_conf_ops? { descriptor?.pointee.server_conf?.pointee }
    var dirConf: apus_conf_ops? { descriptor?.pointee.dir_conf?.pointee }

    /// The name without "_module": what LogLevel and messages call it.
    var shortName: String { name.hasSuffix("_module") ? String(name.dropLast(7)) : name }

    static func of(_ host: UnsafePointer<apus_host>?) -> LoadedModule {
        HostRecord.of(host).pointee.module.takeUnretainedValue()
    }

    /// The directive rows, whatever their size in the module's build.
    var directives: [UnsafePointer<apus_directive>] {
        guard let descriptor, let first = descriptor.pointee.directives else { return [] }
        let stride = Int(descriptor.pointee.directive_stride)
        return (0..<Int(descriptor.pointee.n_directives)).map { row in
            (UnsafeRawPointer(first) + row * stride).assumingMemoryBound(to: apus_directive.self)
        }
    }
}

private func findExtension(_ host: UnsafePointer<apus_host>?, _ id: UnsafePointer<CChar>?) -> UnsafeRawPointer? {
    guard let host, let id else { return nil }
    let name = String(cString: id)
    LoadedModule.of(host).idsInUse.insert(name)
    return Extensions.table(named: name)
}
