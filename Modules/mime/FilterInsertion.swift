import ModuleKit

/// The insert_filter hook: puts the filters that a file's extensions bring on the request.
func insertFilters(by request: Request, log: Log) {
    let conf = request.confPointer(MimeDirConf.self)
    guard conf.pointee.hasFilters, request.fileType != APUS_FILE_DIRECTORY else { return }
    let name = resourceName(of: request, conf)
    guard name.isSet else { return }
    var extensions = Extensions(of: name)
    while let next = extensions.next() {
        guard let info = conf.pointee.mappings.find(next) else { continue }
        insert(info.pointee.inputFilters, APUS_INPUT, request, log)
        insert(info.pointee.outputFilters, APUS_OUTPUT, request, log)
    }
}

/// Inserts a list of filters separated by semicolons.
private func insert(_ list: Bytes, _ direction: UInt32, _ request: Request, _ log: Log) {
    var rest = list
    while !rest.isEmpty {
        let end = rest.firstIndex(of: UInt8(ascii: ";")) ?? rest.count
        let name = rest.upTo(end).trimmed
        rest = rest.from(min(end + 1, rest.count))
        guard !name.isEmpty else { continue }
        do {
            try request.insertFilter(name, direction: direction)
        } catch {
            log.write(
                .error, code: "AH00082", request: request, "the filter \(name.string) is not known: left out")
        }
    }
}
