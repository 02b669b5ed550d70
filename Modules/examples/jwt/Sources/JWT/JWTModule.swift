import Glibc
import ModuleKit

/// jwt_module: JSON web tokens (RFC 7519) as credentials, signed with a shared secret (HS256).
///
///     <Location "/api">
///         AuthType Bearer
///         AuthName api
///         JWTSecretFile conf/jwt.key
///         JWTIssuer https://login.example
///         Require valid-user
///     </Location>
///
/// The user is the claim `sub`; `exp` and `nbf` are obeyed, and `iss` when JWTIssuer is given. All claims that are texts or
/// numbers are found in the environment as JWT_name.
final class JWTModule: Module {
    struct DirConf: Configuration {
        var secret: [UInt8] = []
        var issuer: String?
        /// Seconds that clocks may differ by.
        var leeway = 30
    }

    static let info = ModuleInfo("jwt_module", version: "1.0", requires: [APUS_EXT_FUNCTIONS])

    static let directives = [
        Directive("JWTSecretFile", .one, in: [.server, .sections], help: "a file whose bytes are the secret") {
            let path = $0.resolve($1[0]).string
            let secret = try contents(path)
            guard secret.count >= 32 else {
                throw DirectiveError("\(path) holds \(secret.count) bytes; HS256 wants 32 at least (RFC 7518, section 3.2)")
            }
            $0.update { (conf: inout DirConf) in conf.secret = secret }
        },
        Directive("JWTIssuer", .one, in: .any, override: .auth, help: "who must have issued the token") {
            let issuer = $1.string(0)
            $0.update { (conf: inout DirConf) in conf.issuer = issuer }
        },
        Directive("JWTLeeway", .one, in: .any, override: .auth, help: "seconds that clocks may differ by") {
            let seconds = try Int(word: $1[0])
            guard 0...3600 ~= seconds else { throw DirectiveError("\(seconds) is not from 0 to 3600 seconds") }
            $0.update { (conf: inout DirConf) in conf.leeway = seconds }
        },
    ]

    init(_ host: Host) throws {
        let settings = AuthSettings()
        try host.hooks.optionalFunctions { settings.find(host) }
        try host.hooks.checkUserID(.middle) { request in
            guard settings.type(of: request).equalsIgnoringCase("Bearer") else { return .declined }
            let conf = request.conf(DirConf.self)
            guard !conf.secret.isEmpty else { throw ModuleError("AuthType Bearer without JWTSecretFile") }
            do throws(TokenError) {
                let claims = try Token.claims(request.headersIn["Authorization"] ?? Bytes.none, conf, now: host.now / 1_000_000)
                request.user = request.pool.copy(claims.user)
                for (name, value) in claims.texts { request.environment[request.pool.copy("JWT_\(name)")] = request.pool.copy(value) }
                return .ok
            } catch {
                host.log.write(.info, request: request, "token refused: \(error.reason)")
                request.notes["jwt-error"] = Bytes(error.word)
                JWTModule.challenge(request, settings.realm(of: request))
                return .status(401)
            }
        }
        try host.hooks.noteAuthFailure(.middle) { request, type in
            guard type.equalsIgnoringCase("Bearer") else { return .declined }
            JWTModule.challenge(request, settings.realm(of: request))
            return .ok
        }
    }

    /// WWW-Authenticate, once (RFC 6750, section 3).
    private static func challenge(_ request: Request, _ realm: Bytes) {
        let error = request.notes["jwt-error"].map { ", error=\"\($0.string)\"" } ?? ""
        request.errorHeadersOut["WWW-Authenticate"] = request.pool.copy("Bearer realm=\"\(realm.string)\"\(error)")
    }

    private static func contents(_ path: String) throws -> [UInt8] {
        guard let file = fopen(path, "r") else { throw DirectiveError("\(path): \(String(cString: strerror(errno)))") }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = fread(&bytes, 1, bytes.count, file)
        return Array(bytes[..<count])
    }
}

@c(apus_module_entry)
public func entry(_ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>) -> UnsafePointer<apus_module>? {
    JWTModule.descriptor(for: host, named: name)
}
