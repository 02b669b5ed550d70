// swift-tools-version: 6.0
import PackageDescription

/// The test modules in Swift, one dynamic library an area, built as a package outside the server's would be.
let areas = [
    "reply", "directives", "hooks", "request", "body", "filters", "providers", "modhooks", "tasks",
    "subrequest",
    "conn", "logging", "pool", "shared", "transport", "regex", "server", "leader", "faults", "upgrade", "access",
    "expr", "program",
]

let oneSymbol: [LinkerSetting] = [
    .unsafeFlags(["-use-ld=lld", "-Xlinker", "--version-script=\(Context.packageDirectory)/module.map"])
]

let moduleKit = Target.Dependency.product(name: "ModuleKit", package: "apus")

let package = Package(
    name: "abi-modules",
    products: areas.map { .library(name: "abi_\($0)", type: .dynamic, targets: ["abi_\($0)"]) },
    dependencies: [.package(name: "apus", path: "../../..")],
    targets: [.target(name: "Support", dependencies: [moduleKit])]
        + areas.map {
            .target(
                name: "abi_\($0)", dependencies: [moduleKit, "Support"], path: "Sources/\($0)",
                linkerSettings: oneSymbol)
        },
    swiftLanguageModes: [.v6]
)
