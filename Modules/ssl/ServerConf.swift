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

/// What the directives say about one server; nil is "not said".
struct SSLServerConf: Configuration {
    var engine: Located<Bool>?
    var certificates: [Located<String>] = []
    var keys: [Located<String>] = []
    var chain: Located<String>?
    var protocols: Located<Protocols>?
    var ciphers: Located<String>?
    var ciphers13: Located<String>?
    var honorsOrder: Bool?
    /// Of the main server; nil: none.
    var sessionCache: SessionCacheChoice?
    /// Seconds that a session can be resumed.
    var sessionTimeout = 300

    init() {}

    /// Inherits what is not said. Of the lists, as in httpd, each entry replaces the outer one at its
    /// position.
    func merged(over base: SSLServerConf, settings: [(inout SSLServerConf) -> Void]) -> SSLServerConf {
        var merged = base
        for setting in settings { setting(&merged) }
        merged.engine = engine ?? base.engine
        merged.certificates = certificates + base.certificates.dropFirst(certificates.count)
        merged.keys = keys + base.keys.dropFirst(keys.count)
        merged.chain = chain ?? base.chain
        merged.protocols = protocols ?? base.protocols
        merged.ciphers = ciphers ?? base.ciphers
        merged.ciphers13 = ciphers13 ?? base.ciphers13
        merged.honorsOrder = honorsOrder ?? base.honorsOrder
        return merged
    }
}
