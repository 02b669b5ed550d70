import ByteKit
import ModuleABI

/// What -v and -V print.
enum About {
    static var version: String {
        "Server version: \(Version.product)/\(Version.number) (Unix)\n"
            + "Server built:   with Swift \(SwiftRelease.current)\n"
            + "Reads the configuration of: Apache httpd \(Version.httpd)\n"
    }

    static func build(_ installation: Installation) -> String {
        """
        \(version)Module ABI: \(APUS_ABI_MAJOR).\(APUS_ABI_MINOR)
        Swift: \(SwiftRelease.current)
        Architecture: 64-bit
        Server MPM: event loop in forked workers
          threaded: no
          forked: yes
        Extensions offered to modules: \(Extensions.ids.joined(separator: " "))
        Server compiled with....
         -D HTTPD_ROOT="\(installation.root)"
         -D SERVER_CONFIG_FILE="conf/httpd.conf"
         -D DEFAULT_PIDLOG="logs/apus.pid"
         -D DEFAULT_ERRORLOG="logs/error_log"

        """
    }
}
