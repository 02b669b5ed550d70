// swift-tools-version: 6.0
import PackageDescription

/// The server's sources as a library, instrumented, and a program that feeds them what a fuzzer makes up.
///
/// `Sources/Host` and its like are links to the server's own; only its main is left out.
let instrumented: [SwiftSetting] = [
    .unsafeFlags(["-sanitize=fuzzer,address", "-enable-testing", "-assert-config", "Debug"])
]
let instrumentedC: [CSetting] = [.unsafeFlags(["-fsanitize=fuzzer-no-link,address"])]

/// The module under test keeps its symbols to itself, but finds what the fuzzer counts with in the program.
let moduleLinkage: [LinkerSetting] = [
    .unsafeFlags([
        "-use-ld=lld", "-sanitize=address", "-Xlinker", "--version-script=\(Context.packageDirectory)/../Modules/module.map",
    ])
]

/// Modules whose work cannot be had without a server: the program loads them.
let modules = ["mod_negotiation", "mod_rewrite"].map {
    Target.target(name: $0, dependencies: ["ModuleKit"], swiftSettings: instrumented, linkerSettings: moduleLinkage)
}

let package = Package(
    name: "apus-fuzz",
    products: modules.map { .library(name: $0.name, type: .dynamic, targets: [$0.name]) },
    targets: [
        .target(name: "ModuleABI"),
        .target(name: "ByteKit", dependencies: ["ModuleABI"], swiftSettings: instrumented),
        .target(name: "ProxyProtocol", dependencies: ["ByteKit"], swiftSettings: instrumented),
        .target(name: "CSystem", cSettings: instrumentedC),
        .target(name: "ElfKit", dependencies: ["CSystem"], swiftSettings: instrumented),
        .systemLibrary(name: "CFFI", pkgConfig: "libffi"),
        .systemLibrary(name: "CPCRE2", pkgConfig: "libpcre2-8"),
        .target(
            name: "Host", dependencies: ["ModuleABI", "ByteKit", "CSystem", "CFFI", "CPCRE2", "ElfKit"], exclude: ["main.swift"],
            swiftSettings: instrumented),
        .target(name: "ModuleKit", dependencies: ["ModuleABI", "ByteKit", "CSystem"], swiftSettings: instrumented),
        // Of modules, what reads the bytes of others and needs no server.
        .target(name: "CGIScripts", dependencies: ["ModuleKit"], sources: ["ScriptHead.swift"], swiftSettings: instrumented),
        .target(
            name: "Include", dependencies: ["ModuleKit"], sources: ["ElementReader.swift", "Coding.swift"],
            swiftSettings: instrumented),
        .target(name: "CFuzzer"),
        .executableTarget(
            name: "Fuzz", dependencies: ["Host", "ByteKit", "ModuleABI", "CFuzzer", "CGIScripts", "Include", "ProxyProtocol"],
            swiftSettings: instrumented,
            linkerSettings: [
                .unsafeFlags([
                    "-sanitize=fuzzer,address", "-use-ld=lld", "-Xlinker", "--export-dynamic-symbol=__sanitizer_cov*",
                    "-Xlinker", "--export-dynamic-symbol=__sancov*",
                ])
            ]),
    ] + modules,
    swiftLanguageModes: [.v6]
)
