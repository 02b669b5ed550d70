// swift-tools-version: 6.0
import PackageDescription

let package = Package(
    name: "errand",
    products: [.library(name: "mod_errand", type: .dynamic, targets: ["Errand"])],
    dependencies: [.package(name: "apus", path: Context.environment["APUS_SDK"] ?? "../../..")],
    targets: [
        .target(
            name: "Errand", dependencies: [.product(name: "AsyncKit", package: "apus")],
            linkerSettings: [
                .unsafeFlags(["-use-ld=lld", "-Xlinker", "--version-script=\(Context.packageDirectory)/module.map"])
            ])
    ],
    swiftLanguageModes: [.v6]
)
