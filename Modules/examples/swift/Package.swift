// swift-tools-version: 6.0
import PackageDescription

let package = Package(
    name: "examples",
    products: [.library(name: "mod_later", type: .dynamic, targets: ["Later"])],
    dependencies: [.package(name: "apus", path: Context.environment["APUS_SDK"] ?? "../../..")],
    targets: [
        .target(
            name: "Later", dependencies: [.product(name: "ModuleKit", package: "apus")],
            linkerSettings: [
                .unsafeFlags(["-use-ld=lld", "-Xlinker", "--version-script=\(Context.packageDirectory)/module.map"])
            ])
    ],
    swiftLanguageModes: [.v6]
)
