import ModuleKit

/// Whether a file may be run as a program for a request.
enum ScriptRules {
    static func check(_ request: Request, _ log: ScriptLog) -> Status? {
        guard request.allows(APUS_OPTION_EXEC_CGI) || isAliased(request) else {
            return log.refuse(403, "AH02809", "Options does not allow ExecCGI in this directory")
        }
        if isRaw(request), request.main != nil {
            return log.refuse(403, "AH02810", "a program that answers the client by itself (nph-) cannot be included")
        }
        switch request.fileType {
        case APUS_FILE_NONE: return log.refuse(404, "AH02811", "the program is not there")
        case APUS_FILE_DIRECTORY: return log.refuse(403, "AH02812", "a directory cannot be run")
        case APUS_FILE_REGULAR: return nil
        default: return log.refuse(403, "AH02812", "this is neither a file nor a directory")
        }
    }

    /// ScriptAlias made it a program.
    private static func isAliased(_ request: Request) -> Bool {
        request.notes["alias-forced-type"].map { $0 == "cgi-script" } == true
    }

    /// Whether it writes the whole answer, with its status line, by itself.
    static func isRaw(_ request: Request) -> Bool { request.filename.lastComponent.hasPrefix("nph-") }
}

extension apus_str {
    var lastComponent: Bytes { from((lastIndex(of: UInt8(ascii: "/")) ?? -1) + 1) }
}
