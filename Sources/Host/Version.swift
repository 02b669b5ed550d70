/// What this server is.
enum Version {
    static let number = "0.1.0"
    static let product = "Apus"
    /// The release of httpd whose configuration it reads.
    static let httpd = "2.4.71"
}
