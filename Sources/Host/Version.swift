/// What this server is.
enum Version {
    static let number = "0.1.0"
    static let product = "Apus"
    /// The release of httpd whose configuration it reads.
    static let httpd = "2.4.71"

    /// The compiler release, as modules on the shared Swift runtime must have it.
    static var compiler: String {
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
        #else
            "6.2"
        #endif
    }
}
