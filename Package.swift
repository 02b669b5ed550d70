// swift-tools-version: 6.0
import PackageDescription

/// Leaves one exported symbol in a module, whatever its language pulls in.
let oneSymbol: [LinkerSetting] = [
    .unsafeFlags(["-use-ld=lld", "-Xlinker", "--version-script=\(Context.packageDirectory)/Modules/module.map"])
]

/// A first-party module: its folder in Modules/, built into mod_NAME.so on the public header alone.
func module(_ name: String, _ libraries: [Target.Dependency] = []) -> Target {
    .target(
        name: "mod_\(name)", dependencies: ["ModuleKit"] + libraries, path: "Modules/\(name)",
        linkerSettings: oneSymbol)
}

let modules: [Target] = [
    module("access_compat", ["AuthKit"]),
    module("alias"),
    module("allowmethods"),
    module("auth_basic", ["AuthKit"]),
    module("auth_digest", ["AuthKit"]),
    module("authn_anon"),
    module("authn_core"),
    module("authn_dbm", ["AuthKit", "DbmAuth", "DbmKit"]),
    module("authn_file", ["AuthKit"]),
    module("authn_socache", ["AuthKit"]),
    module("authz_core"),
    module("authz_dbm", ["AuthKit", "DbmAuth", "DbmKit"]),
    module("autoindex"),
    module("authz_groupfile", ["AuthKit"]),
    module("authz_host", ["AuthKit"]),
    module("authz_owner"),
    module("authz_user"),
    module("dir"),
    module("env"),
    module("expires"),
    module("headers"),
    module("log_config"),
    module("mime"),
    module("reqtimeout"),
    module("rewrite"),
    module("setenvif"),
    module("socache_dbm", ["CLMDB", "CGDBM", "CBerkeleyDB"]),
    module("socache_memcache", ["RemoteCache"]),
    module("socache_redis", ["RemoteCache", "COpenSSL"]),
    module("socache_shmcb"),
    module("ssl", ["AuthKit", "COpenSSL"]),
    module("welcome"),
]

/// What makes, changes and chooses answers.
let contentModules: [Target] = [
    module("actions"),
    module("asis", ["CGIScripts"]),
    module("auth_form", ["AuthKit"]),
    module("brotli", ["CBrotli"]),
    module("buffer"),
    module("cgi", ["CGIScripts"]),
    module("cgid", ["CGIScripts"]),
    module("data"),
    module("deflate", ["CZlib"]),
    module("dumpio"),
    module("echo"),
    module("ext_filter", ["CGIScripts"]),
    module("filter"),
    module("include", ["CGIScripts"]),
    module("info"),
    module("log_debug"),
    module("log_forensic"),
    module("logio"),
    module("negotiation"),
    module("ratelimit"),
    module("reflector"),
    module("remoteip", ["AuthKit", "ProxyProtocol"]),
    module("request"),
    module("sed"),
    module("session"),
    module("session_cookie"),
    module("session_crypto", ["COpenSSL"]),
    module("speling"),
    module("status"),
    module("substitute"),
    module("unique_id"),
    module("userdir"),
    module("usertrack"),
    module("vhost_alias"),
]

let package = Package(
    name: "apus",
    products: [
        .executable(name: "apus", targets: ["Host"]),
        .executable(name: "support-tools", targets: ["SupportTools"]),
        .executable(name: "apus-module", targets: ["ModuleTool"]),
        .library(name: "ModuleKit", targets: ["ModuleKit"]),
        .library(name: "AsyncKit", targets: ["AsyncKit"]),
    ] + (modules + contentModules).map { .library(name: $0.name, type: .dynamic, targets: [$0.name]) },
    targets: [
        // The contract between host and modules, and its Swift face for module authors.
        .target(name: "ModuleABI"),
        .target(name: "ByteKit", dependencies: ["ModuleABI"]),
        .target(name: "ModuleKit", dependencies: ["ModuleABI", "ByteKit", "CSystem"]),
        // Hooks as async functions, for modules that link Swift's concurrency.
        .target(name: "AsyncKit", dependencies: ["ModuleKit"]),
        // What the modules for caches in other servers share.
        .target(name: "RemoteCache", dependencies: ["ModuleKit"]),
        // What several modules about access have in common: hashes of passwords, files of users, addresses.
        .target(name: "PasswordKit", dependencies: ["ByteKit", "CArgon2", "CCrypt"]),
        .target(name: "ProxyProtocol", dependencies: ["ByteKit"]),
        .target(name: "AuthKit", dependencies: ["ModuleKit", "PasswordKit"]),
        // Database files of users, and how modules use them.
        .target(name: "DbmKit", dependencies: ["ByteKit", "CBerkeleyDB", "CGDBM"]),
        .target(name: "DbmAuth", dependencies: ["AuthKit", "DbmKit"]),
        // What Swift cannot see of the system and of C libraries.
        .target(name: "CSystem"),
        .systemLibrary(name: "CArgon2", providers: [.apt(["libargon2-dev"])]),
        .systemLibrary(name: "CCrypt", providers: [.apt(["libcrypt-dev"])]),
        .systemLibrary(name: "CFFI", pkgConfig: "libffi", providers: [.apt(["libffi-dev"])]),
        .systemLibrary(name: "CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
        .systemLibrary(name: "CBerkeleyDB", providers: [.apt(["libdb-dev"])]),
        .systemLibrary(name: "CGDBM", providers: [.apt(["libgdbm-dev"])]),
        .systemLibrary(name: "CLMDB", pkgConfig: "lmdb", providers: [.apt(["liblmdb-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CBrotli", pkgConfig: "libbrotlienc", providers: [.apt(["libbrotli-dev"])]),
        // What the modules for programs share.
        .target(name: "CGIScripts", dependencies: ["ModuleKit", "CSystem"]),
        // The server.
        .executableTarget(
            name: "Host", dependencies: ["ModuleABI", "ByteKit", "CSystem", "CFFI", "CPCRE2", "ElfKit"]),
        // What can be read of a shared object without running it.
        .target(name: "ElfKit", dependencies: ["CSystem"]),
        // `apus module` and apxs: what authors of modules and those who install them use.
        .executableTarget(
            name: "ModuleTool", dependencies: ["ModuleABI", "ByteKit", "CSystem", "CModuleTool", "ElfKit"]),
        .target(name: "CModuleTool"),
        // htpasswd, htdigest, htdbm and httxt2dbm.
        .executableTarget(name: "SupportTools", dependencies: ["ByteKit", "CCrypt", "DbmKit", "PasswordKit"]),
        .testTarget(name: "HostTests", dependencies: ["Host"]),
    ] + modules + contentModules,
    swiftLanguageModes: [.v6]
)
