// swift-tools-version: 6.0
import PackageDescription

let package = Package(
    name: "@NAME@",
    products: [.library(name: "mod_@NAME@", type: .dynamic, targets: ["@NAME@"])],
    // APUS_SDK, or the installation this was begun with; a package that is published names a git URL and a tag here.
    dependencies: [.package(name: "apus", path: Context.environment["APUS_SDK"] ?? "@APUS@/sdk/modulekit")],
    targets: [
        .target(
            name: "@NAME@", dependencies: [.product(name: "ModuleKit", package: "apus")],
            linkerSettings: [
                // One symbol out: whatever else is compiled in stays the module's own.
                .unsafeFlags(["-use-ld=lld", "-Xlinker", "--version-script=\(Context.packageDirectory)/module.map"])
            ])
    ],
    swiftLanguageModes: [.v6]
)
