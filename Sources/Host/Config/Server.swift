import ByteKit
import ModuleABI

/// A vector of configurations, one a module by its index; nil where a module has none.
typealias ConfVector = UnsafeMutablePointer<UnsafeMutableRawPointer?>

/// The main server or a virtual host: what a module knows as apus_server. Frozen before the workers are forked.
struct Server: BitwiseCopyable {
    typealias Ref = UnsafeMutablePointer<Server>

    var index: Int32
    var isVirtual: Bool
    /// ServerName's port, or 0.
    var port: Int32
    /// ServerName's host, in lower case.
    var name: Bytes
    /// The scheme ServerName began with, or none.
    var scheme: Bytes = .none
    var definedIn: Bytes
    var line: Int32
    /// Server configurations by module.
    var conf: ConfVector
    /// Directory configurations by module before any section.
    var dirConf: UnsafeMutablePointer<MergedConf>
    var core: UnsafeMutablePointer<CoreServerConf>
    var limits = ServerLimits()
    var readTimeouts = ReadTimeouts()
    var errorLog: UnsafeMutablePointer<LogSink>?
    var sections: UnsafePointer<SectionTable>?
    var next: Ref?
}

extension UnsafeMutablePointer where Pointee == Server {
    var handle: OpaquePointer { OpaquePointer(self) }
}

/// A merged set of directory configurations with its identity: equal numbers, equal contents.
struct MergedConf: BitwiseCopyable {
    var identity: UInt64
    var vector: ConfVector
    var core: UnsafeMutablePointer<CoreDirConf>
}
