// swift-tools-version: 6.0
import PackageDescription

/// ModuleKit for modules outside the server's own tree. It is compiled into each of them.
let package = Package(
    name: "apus",
    products: [
        .library(name: "ModuleKit", targets: ["ModuleKit"]),
        .library(name: "AsyncKit", targets: ["AsyncKit"]),
    ],
    targets: [
        .target(name: "ModuleABI"),
        .target(name: "CSystem"),
        .target(name: "ByteKit", dependencies: ["ModuleABI"]),
        .target(name: "ModuleKit", dependencies: ["ModuleABI", "ByteKit", "CSystem"]),
        // Hooks as async functions.
        .target(name: "AsyncKit", dependencies: ["ModuleKit"]),
    ],
    swiftLanguageModes: [.v6]
)
