import Glibc

/// A symbol's name as people write it, when it is one of Swift's; any other as it is.
public func demangled(_ name: String) -> String {
    guard name.hasPrefix("$s") else { return name }
    return name.withCString { mangled in
        guard let text = swiftDemangle(mangled, strlen(mangled), nil, nil, 0) else { return name }
        defer { free(text) }
        return String(cString: text)
    }
}

@_silgen_name("swift_demangle")
private func swiftDemangle(
    _ mangled: UnsafePointer<CChar>, _ length: Int, _ output: UnsafeMutablePointer<CChar>?, _ size: UnsafeMutablePointer<Int>?,
    _ flags: UInt32
) -> UnsafeMutablePointer<CChar>?
