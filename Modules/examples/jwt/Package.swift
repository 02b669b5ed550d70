// swift-tools-version: 6.0
import PackageDescription

let package = Package(
    name: "jwt",
    products: [.library(name: "mod_jwt", type: .dynamic, targets: ["JWT"])],
    dependencies: [.package(name: "apus", path: Context.environment["APUS_SDK"] ?? "../../..")],
    targets: [
        .target(
            name: "JWT", dependencies: [.product(name: "ModuleKit", package: "apus")],
            linkerSettings: [
                .unsafeFlags(["-use-ld=lld", "-Xlinker", "--version-script=\(Context.packageDirectory)/module.map"])
            ])
    ],
    swiftLanguageModes: [.v6]
)
