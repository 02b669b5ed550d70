import ByteKit
import ModuleABI

/// Where directives stand: a server, or a section in one. What a module knows as apus_scope.
final class ConfigScope {
    enum Kind: UInt32 {
        case server, vhost, directory, files, location, htaccess, condition

        /// The bits of APUS_IN_… that admit a directive here.
        var place: UInt32 {
            switch self {
            case .server: APUS_IN_SERVER | APUS_IN_GLOBAL
            case .vhost: APUS_IN_SERVER
            case .directory: APUS_IN_DIRECTORY
            case .files: APUS_IN_FILES
            case .location: APUS_IN_LOCATION
            case .htaccess: APUS_IN_HTACCESS
            case .condition: APUS_IN_DIRECTORY
            }
        }

        var description: String {
            switch self {
            case .server: "the main server"
            case .vhost: "<VirtualHost>"
            case .directory: "<Directory>"
            case .files: "<Files>"
            case .location: "<Location>"
            case .htaccess: ".htaccess"
            case .condition: "<If>"
            }
        }
    }

    let kind: Kind
    let path: Bytes
    let server: ServerDraft
    /// Directory configurations by module; those of modules without a directive here stay nil.
    let conf: ConfVector
    /// The sections found inside: <Files> in a <Directory>.
    var files: [Section] = []
    var conditions: [ConditionalSection] = []
    /// Values of APUS_DIRECTIVE_ONCE directives seen here.
    var seen: Set<String> = []
    /// The innermost <Limit> or <LimitExcept> that is being read.
    var limit: UnsafePointer<MethodLimit>?

    /// What may stand here, when it is a .htaccess file or a section in one.
    let access: AccessOverride?
    /// Whether the section names what it is about by a regular expression.
    var isRegex = false

    init(_ kind: Kind, path: Bytes, server: ServerDraft, conf: ConfVector, access: AccessOverride? = nil) {
        self.access = access
        self.kind = kind
        self.path = path
        self.server = server
        self.conf = conf
    }

    var handle: OpaquePointer { OpaquePointer(Unmanaged.passUnretained(self).toOpaque()) }

    static func of(_ handle: OpaquePointer?) -> ConfigScope {
        Unmanaged<ConfigScope>.fromOpaque(UnsafeRawPointer(handle.unsafelyUnwrapped)).takeUnretainedValue()
    }
}

/// A server while its configuration is read.
final class ServerDraft {
    let server: Server.Ref
    let location: SourceLocation?
    /// Where a virtual host is reached: the words of its section.
    var addresses: [AddressSpec] = []
    var names: [String] = []
    /// Aliases with wildcards.
    var patterns: [String] = []
    var serverName: (host: String, location: SourceLocation)?
    var errorLogLocation: SourceLocation?
    var documentRootLocation: SourceLocation?
    var directories: [Section] = []
    var files: [Section] = []
    var locations: [Section] = []

    init(_ server: Server.Ref, location: SourceLocation?) {
        self.server = server
        self.location = location
    }
}
