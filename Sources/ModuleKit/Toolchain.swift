import ByteKit
import CSystem
import Glibc

/// How this image was built, as the descriptor tells the host: the compiler's release, and whether the Swift runtime is
/// the process's shared one or the image's own.
enum Toolchain {
    /// The host refuses a module on the shared runtime whose compiler differs from its own.
    static var description: String { "swift-\(SwiftRelease.current) \(usesSharedRuntime ? "shared" : "static")" }

    private static var usesSharedRuntime: Bool {
        let metadata = unsafeBitCast(Int.self, to: UnsafeRawPointer.self)
        guard let image = cs_image_of(metadata) else { return true }
        return strstr(image, "libswiftCore") != nil
    }
}
