import ModuleKit

/// SSLOptions.
struct SSLOptions: OptionSet, BitwiseCopyable {
    let rawValue: UInt8

    static let stdEnvVars = SSLOptions(rawValue: 1)
    static let exportCertData = SSLOptions(rawValue: 2)
    static let fakeBasicAuth = SSLOptions(rawValue: 4)
    static let strictRequire = SSLOptions(rawValue: 8)
    /// A certificate that was shown before is never asked for again here, so nothing remains to be done for it.
    static let optRenegotiate = SSLOptions(rawValue: 16)
    static let legacyNames = SSLOptions(rawValue: 32)

    private static let names: [(String, SSLOptions)] = [
        ("StdEnvVars", .stdEnvVars), ("ExportCertData", .exportCertData), ("FakeBasicAuth", .fakeBasicAuth),
        ("StrictRequire", .strictRequire), ("OptRenegotiate", .optRenegotiate),
        ("LegacyDNStringFormat", .legacyNames),
    ]

    init(rawValue: UInt8) { self.rawValue = rawValue }

    init(named word: String) throws {
        guard let found = SSLOptions.names.first(where: { $0.0.lowercased() == word.lowercased() }) else {
            let known = SSLOptions.names.map(\.0).joined(separator: ", ")
            throw DirectiveError("SSLOptions: \"\(word)\" is no option; known are \(known)")
        }
        self = found.1
    }
}

/// Which hooks have something to do in a directory.
struct Duties: OptionSet, BitwiseCopyable {
    let rawValue: UInt8

    static let access = Duties(rawValue: 1)
    static let fixups = Duties(rawValue: 2)
}

/// What the directives say about a directory, location or file.
struct SSLDirConf: Configuration {
    static let standardBuffer = 128 * 1024

    var duties: Duties = []
    var options: SSLOptions = []
    var requiresTLS = false
    var verification: ClientVerification?
    var depth: Int32?
    var renegotiationBuffer = SSLDirConf.standardBuffer
    var ciphers: DirectoryCiphers?
    /// The variable of SSLUserName, in the configuration's memory.
    var userName: Bytes?
    var requirements: [SSLRequirement] = []

    init() {}
}
