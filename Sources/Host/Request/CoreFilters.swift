import ByteKit
import ModuleABI

/// The core's insert_filter: what SetOutputFilter and SetInputFilter put on a request.
enum CoreFilters {
    static func insert(_ r: Request.Ref) {
        let conf = r.core
        if !conf.outputFilters.isEmpty { insert(conf.outputFilters, APUS_OUTPUT, r) }
        if !conf.inputFilters.isEmpty { insert(conf.inputFilters, APUS_INPUT, r) }
    }

    private static func insert(_ list: Bytes, _ direction: UInt32, _ r: Request.Ref) {
        for name in list.string.split(separator: ";") {
            guard let kind = Runtime.current?.filters.find(String(name), direction)?.kind else {
                ErrorLog.write(.error, code: "AH00082", request: r, "the filter \(name) is not known: left out")
                continue
            }
            _ = Filters.insert(r, kind)
        }
    }
}
