/// How loud a message is, as the ABI counts.
enum LogLevel: Int32 {
    case emerg = 0, alert, crit, error, warn, notice, info, debug
    case trace1, trace2, trace3, trace4, trace5, trace6, trace7, trace8

    static func name(_ level: Int32) -> StaticString {
        switch level {
        case 0: "emerg"
        case 1: "alert"
        case 2: "crit"
        case 3: "error"
        case 4: "warn"
        case 5: "notice"
        case 6: "info"
        case 7: "debug"
        case 8: "trace1"
        case 9: "trace2"
        case 10: "trace3"
        case 11: "trace4"
        case 12: "trace5"
        case 13: "trace6"
        case 14: "trace7"
        default: "trace8"
        }
    }
}
