import CSystem
import Glibc

/// How this image was built, as the descriptor tells the host: the compiler's release, and whether the Swift runtime is
/// the process's shared one or the image's own.
enum Toolchain {
    /// The host refuses a module on the shared runtime whose compiler differs from its own.
    static var description: String { "swift-\(release) \(usesSharedRuntime ? "shared" : "static")" }

    static var release: String {
        #if compiler(>=6.4)
            "6.4"
        #elseif compiler(>=6.3.4)
            "6.3.4"
        #elseif compiler(>=6.3.3)
            "6.3.3"
        #elseif compiler(>=6.3.2)
            "6.3.2"
        #elseif compiler(>=6.3.1)
            "6.3.1"
        #elseif compiler(>=6.3)
            "6.3"
        #elseif compiler(>=6.2.4)
            "6.2.4"
        #elseif compiler(>=6.2.3)
            "6.2.3"
        #elseif compiler(>=6.2.2)
            "6.2.2"
        #elseif compiler(>=6.2.1)
            "6.2.1"
        #else
            "6.2"
        #endif
    }

    private static var usesSharedRuntime: Bool {
        let metadata = unsafeBitCast(Int.self, to: UnsafeRawPointer.self)
        guard let image = cs_image_of(metadata) else { return true }
        return strstr(image, "libswiftCore") != nil
    }
}
