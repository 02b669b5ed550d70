/// Which release of the Swift compiler builds the code that asks.
public enum SwiftRelease {
    /// As the server and the modules on the shared runtime must agree on it: "6.3.1".
    public static var current: String {
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
}
