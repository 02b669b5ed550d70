import ModuleKit

/// Where a directive stands.
struct Location: CustomStringConvertible {
    let file: String
    let line: Int

    init(file: String, line: Int) {
        self.file = file
        self.line = line
    }

    init(_ command: Command) {
        let (file, line) = command.location
        self.init(file: file.string, line: line)
    }

    var description: String { "\(file):\(line)" }
}

/// A configured value with the place of its directive, for errors that show only when the value is used.
struct Located<Value> {
    let value: Value
    let location: Location

    init(_ value: Value, _ location: Location) {
        self.value = value
        self.location = location
    }
}

/// One SSLOpenSSLConfCmd.
struct ConfCommand {
    let name: String
    let value: String
}

/// What the directives say about one server; nil is "not said".
struct SSLServerConf: Configuration {
    static let isInheritedWhole = true

    var engine: Located<Bool>?

    // The server's own identity.
    var certificates: [Located<String>] = []
    var keys: [Located<String>] = []
    var chain: Located<String>?
    var phraseDialog: PassPhraseDialog?

    // What is negotiated.
    var protocols: Located<Protocols>?
    var ciphers: Located<String>?
    var ciphers13: Located<String>?
    var honorsOrder = false
    var commands: [Located<ConfCommand>] = []
    var usesFIPS: Located<Bool>?
    var verifierFile: Located<String>?
    var unknownUserSeed: String?

    // Sessions and names.
    /// Of the main server; nil: none.
    var sessionCache: SessionCacheChoice?
    /// Seconds that a session can be resumed.
    var sessionTimeout = 300
    var usesTickets = true
    var ticketKeyFile: Located<String>?
    var strictNames = false
    var namePolicy = NamePolicy.secure

    var stapling = StaplingConf()
    var upstream = UpstreamConf()

    // Client certificates.
    var clients = ClientPolicy()

    init() {}

    /// Inherits what is not said. Of the lists of files, as in httpd, each entry replaces the outer one at its
    /// position.
    func merged(over base: SSLServerConf, settings: [(inout SSLServerConf) -> Void]) -> SSLServerConf {
        var merged = base
        merged.certificates = []
        merged.keys = []
        for setting in settings { setting(&merged) }
        merged.certificates += base.certificates.dropFirst(merged.certificates.count)
        merged.keys += base.keys.dropFirst(merged.keys.count)
        return merged
    }
}

/// SSLVHostSNIPolicy: what two hosts must share for a request for one on a connection to the other.
enum NamePolicy: String, CaseIterable {
    /// They must be the same host.
    case strict
    /// Certificates, protocols and ciphers, and how clients are known.
    case secure
    /// How clients are known.
    case authonly
    /// Nothing.
    case insecure
}
