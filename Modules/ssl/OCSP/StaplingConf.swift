import ModuleKit

/// What the SSLStapling directives of a server say.
struct StaplingConf {
    var isOn: Located<Bool>?
    /// Of the main server.
    var cache: Located<ObjectCache>?
    var forcedURL: Located<String>?
    /// Seconds.
    var responderTimeout: Int32 = 10
    var maxAge = -1
    var skew = 300
    var standardTimeout = 3600
    var errorTimeout = 600
    var returnsErrors = true
    var fakesTryLater = true
}

let staplingDirectives: [Directive] = [
    Directive("SSLUseStapling", .flag, in: .server, help: "on: the certificate's OCSP status is sent in handshakes") {
        let isOn = Located(try Bool(word: $1[0]), Location($0))
        $0.updateServer { (conf: inout SSLServerConf) in conf.stapling.isOn = isOn }
    },
    Directive("SSLStaplingCache", .one, in: .global, help: "a shared cache such as shmcb:logs/stapling(32768)") {
        if $1[0].equalsIgnoringCase("none") || $1[0].equalsIgnoringCase("nonenotnull") {
            throw DirectiveError(
                "SSLStaplingCache: \"\($1.string(0))\" keeps nothing; name a cache such as shmcb:logs/stapling(32768)")
        }
        let cache = Located(try ObjectCache($1[0], for: $0), Location($0))
        $0.serverConfiguration(SSLServerConf.self).pointee.stapling.cache?.value.close()
        $0.updateServer { (conf: inout SSLServerConf) in conf.stapling.cache = cache }
    },
    Directive("SSLStaplingForceURL", .one, in: .server, help: "the responder, whatever the certificate says") {
        let url = Located(try responderURL($0, $1[0]), Location($0))
        $0.updateServer { (conf: inout SSLServerConf) in conf.stapling.forcedURL = url }
    },
    seconds("SSLStaplingResponderTimeout", 1, "seconds that the responder may take") {
        $0.stapling.responderTimeout = Int32($1)
    },
    seconds("SSLStaplingResponseMaxAge", -1, "seconds that an answer may be old; -1: as its dates say") {
        $0.stapling.maxAge = $1
    },
    seconds("SSLStaplingResponseTimeSkew", 0, "seconds that clocks may differ") { $0.stapling.skew = $1 },
    seconds("SSLStaplingStandardCacheTimeout", 1, "seconds until an answer is fetched again") {
        $0.stapling.standardTimeout = $1
    },
    seconds("SSLStaplingErrorCacheTimeout", 1, "seconds until a fetch that failed is tried again") {
        $0.stapling.errorTimeout = $1
    },
    flagDirective(
        "SSLStaplingReturnResponderErrors", \.stapling.returnsErrors,
        "on: what the responder says is sent whatever it is"),
    flagDirective(
        "SSLStaplingFakeTryLater", \.stapling.fakesTryLater, "on: \"try later\" is sent where there is no answer"),
]

/// A directive with a number of seconds.
func seconds(
    _ name: String, _ least: Int64, _ help: String, _ set: @escaping (inout SSLServerConf, Int) -> Void
) -> Directive {
    Directive(name, .one, in: .server, help: help) { command, arguments in
        let value = Int(try number(command, arguments[0], in: least...Int64(Int32.max), "seconds"))
        command.updateServer { (conf: inout SSLServerConf) in set(&conf, value) }
    }
}

/// A responder's address: plain http, for its answers are signed.
func responderURL(_ command: Command, _ word: Bytes) throws -> String {
    let text = word.string
    guard word.hasPrefixIgnoringCase("http://"), ResponderAddress(text, timeout: 1) != nil else {
        throw DirectiveError(
            "\(command.name.string): \"\(text)\" is no URL of a responder, such as http://ocsp.example.com/")
    }
    return text
}
