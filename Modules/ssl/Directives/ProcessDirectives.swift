import COpenSSL
import ModuleKit

/// Settings of OpenSSL in the whole process.
let processDirectives: [Directive] = [
    Directive("SSLFIPS", .flag, in: .global, help: "on: only what the FIPS provider of OpenSSL offers") {
        let on = Located(try Bool(word: $1[0]), Location($0))
        if let other = $0.serverConfiguration(SSLServerConf.self).pointee.usesFIPS, other.value != on.value {
            throw DirectiveError("SSLFIPS says the opposite at \(other.location); it holds for the whole server")
        }
        $0.updateServer { (conf: inout SSLServerConf) in conf.usesFIPS = on }
    },
    Directive("SSLRandomSeed", .words(2...3), in: .global, help: "accepted without effect: randomness comes from the kernel", checkSeed),
    Directive("SSLCryptoDevice", .one, in: .global, help: "builtin, or pkcs11 for tokens: other engines have given way to providers") {
        // Which keys lie in tokens is said by their URIs.
        guard !$1[0].equalsIgnoringCase("builtin"), !$1[0].equalsIgnoringCase("pkcs11") else { return }
        throw DirectiveError(
            "SSLCryptoDevice \($1.string(0)): engines are not supported, OpenSSL has replaced them by providers; "
                + "load one in openssl.cnf and give keys as pkcs11: URIs")
    },
]

/// Randomness is the kernel's, which OpenSSL reseeds from by itself: the words are checked, and nothing is done.
private func checkSeed(_ command: Command, _ arguments: Arguments) throws {
    guard arguments[0].equalsIgnoringCase("startup") || arguments[0].equalsIgnoringCase("connect") else {
        throw DirectiveError("SSLRandomSeed: \"\(arguments.string(0))\" is neither startup nor connect")
    }
    let source = arguments[1]
    let isKnown =
        source.equalsIgnoringCase("builtin")
        || ["file:", "exec:", "egd:"].contains { source.string.lowercased().hasPrefix($0) }
        || source.hasPrefix("/")
    guard isKnown else {
        throw DirectiveError(
            "SSLRandomSeed: \"\(source.string)\" is none of builtin, file:/path, exec:/program and egd:/socket")
    }
    if arguments.count == 3 { _ = try number(command, arguments[2], in: 1...Int64(Int32.max), "bytes") }
    guard !source.equalsIgnoringCase("builtin") else { return }
    command.warn(
        "SSLRandomSeed \(source.string) has no effect: OpenSSL takes its randomness from the kernel, which knows "
            + "better; remove the line")
}
