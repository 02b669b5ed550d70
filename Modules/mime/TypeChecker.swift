import ModuleKit

/// The type_checker hook: OK once the content type is known.
func checkType(of request: Request, types: UnsafePointer<ExtensionTable<Bytes>>) -> Status {
    if request.fileType == APUS_FILE_DIRECTORY {
        request.contentType = Bytes("httpd/unix-directory")
        return .ok
    }
    let conf = request.confPointer(MimeDirConf.self)
    if conf.pointee.knowsTypesAlone, let type = request.filename.type(in: types), !request.isSubrequest {
        request.contentType = type
        return .ok
    }
    return checkAll(request, conf, types)
}

/// Goes through all extensions and all that is said of them.
private func checkAll(
    _ request: Request, _ conf: UnsafePointer<MimeDirConf>, _ types: UnsafePointer<ExtensionTable<Bytes>>
) -> Status {
    let name = resourceName(of: request, conf)
    guard name.isSet else { return .declined }
    var findings = Findings(request)
    var extensions = Extensions(of: name)
    while let next = extensions.next() {
        let info = conf.pointee.mappings.find(next)
        if info == nil || info?.pointee.type.isSet == false, let type = types.pointee.find(next) {
            findings.type = type.pointee
        }
        if let info { findings.take(info) }
    }
    // Who looks for variants of a resource asks by sub-requests.
    if request.isSubrequest { noteExceptions(of: name, conf, types, on: request) }
    return findings.give(defaultLanguage: conf.pointee.defaultLanguage)
}

/// Leaves the base name with the extensions that say nothing about a variant in the note "mime-exceptions": a variant
/// is one of the resource whose name that is. MultiviewsMatch tells what counts as saying something.
private func noteExceptions(
    of path: Bytes, _ conf: UnsafePointer<MimeDirConf>, _ types: UnsafePointer<ExtensionTable<Bytes>>, on request: Request
) {
    let match = conf.pointee.multiviews ?? []
    let name = path.from(path.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0)
    var extensions = Extensions(of: name)
    var isVariant = false
    let exceptions = request.pool.compose(capacity: name.count + 1) { writer in
        writer.append(name.upTo(extensions.position))
        while let next = extensions.next() {
            if match == .any || says(next, conf.pointee.mappings.find(next), types, match) {
                isVariant = true
            } else {
                writer.append(UInt8(ascii: "."))
                writer.append(next)
            }
        }
    }
    if isVariant { request.notes["mime-exceptions"] = exceptions }
}

private func says(
    _ name: Bytes, _ info: UnsafeMutablePointer<ExtensionInfo>?, _ types: UnsafePointer<ExtensionTable<Bytes>>,
    _ match: MultiviewsMatch
) -> Bool {
    guard let info = info?.pointee else { return types.pointee.find(name) != nil }
    if info.type.isSet ? !info.type.isEmpty : types.pointee.find(name) != nil { return true }
    if info.charset.isSet || info.language.isSet || info.encoding.isSet { return true }
    if match.contains(.handlers), info.handler.isSet { return true }
    return match.contains(.filters) && (info.inputFilters.isSet || info.outputFilters.isSet)
}

extension Bytes {
    /// The type of a name by its last extension alone; nil: that says nothing, or the name is to be looked at more closely.
    @inline(__always)
    fileprivate func type(in types: UnsafePointer<ExtensionTable<Bytes>>) -> Bytes? {
        let bytes = buffer
        var dot = bytes.count &- 1
        while dot > 0, bytes[dot] != UInt8(ascii: ".") {
            if bytes[dot] == UInt8(ascii: "/") { return nil }
            dot &-= 1
        }
        // Dots at the beginning of a name make no extension.
        guard dot > 0, bytes[dot &- 1] != UInt8(ascii: "."), bytes[dot &- 1] != UInt8(ascii: "/") else { return nil }
        return types.pointee.find(unchecked(dot &+ 1, bytes.count))?.pointee
    }
}

/// The name whose extensions count: the file's, with the path information when ModMimeUsePathInfo says so.
func resourceName(of request: Request, _ conf: UnsafePointer<MimeDirConf>) -> Bytes {
    let file = request.filename
    guard conf.pointee.usePathInfo == .on, file.isSet else { return file }
    let rest = request.pathInfo
    return rest.isEmpty
        ? file
        : request.pool.compose(capacity: file.count + rest.count) {
            $0.append(file)
            $0.append(rest)
        }
}

/// The extensions of a path's last component, in order. Dots at its beginning belong to its base name.
struct Extensions {
    private let name: Bytes
    private var at: Int

    @inline(__always)
    init(of path: Bytes) {
        name = path
        at = path.lastIndex(of: UInt8(ascii: "/")).map { $0 &+ 1 } ?? 0
        while at < name.count, name[at] == UInt8(ascii: ".") { at &+= 1 }
        skipToDot()
    }

    /// Where the next extension begins, with its dot: at first the end of the base name.
    var position: Int { at }

    /// The next extension that is not empty.
    @inline(__always)
    mutating func next() -> Bytes? {
        while at < name.count {
            let start = at &+ 1
            at = start
            skipToDot()
            if at > start { return name[start..<at] }
        }
        return nil
    }

    @inline(__always)
    private mutating func skipToDot() { at = name.firstIndex(of: UInt8(ascii: "."), from: at) ?? name.count }
}

/// What the extensions of one name have said so far.
private struct Findings {
    private let request: Request
    var type = Bytes.none
    private var charset = Bytes.none
    private var handler = Bytes.none
    private var languages = Bytes.none
    private var encodings = Bytes.none

    @inline(__always)
    init(_ request: Request) { self.request = request }

    /// Takes over what one extension says: of types, character sets and handlers the last one counts;
    /// languages and encodings add up.
    mutating func take(_ info: UnsafePointer<ExtensionInfo>) {
        let info = info.pointee
        if !info.type.isEmpty { type = info.type }
        if info.charset.isSet { charset = info.charset }
        if info.handler.isSet { handler = info.handler }
        if info.language.isSet { languages = joined(languages, ",", info.language) }
        if info.encoding.isSet { encodings = joined(encodings, ", ", info.encoding) }
    }

    /// Tells the request. OK once its content type is known.
    @inline(__always)
    func give(defaultLanguage: Bytes) -> Status {
        if handler.isSet { request.handler = handler }
        if encodings.isSet {
            request.set(
                APUS_R_CONTENT_ENCODING, joined(request.get(APUS_R_CONTENT_ENCODING), ", ", encodings))
        }
        giveLanguages(defaultLanguage)
        let known = type.isSet ? type : request.contentType
        guard known.isSet else { return .declined }
        if charset.isSet {
            request.contentType = MediaType.with(charset: charset, known, in: request.pool)
        } else if type.isSet {
            request.contentType = type
        }
        return .ok
    }

    @inline(__always)
    private func giveLanguages(_ defaultLanguage: Bytes) {
        guard languages.isSet || defaultLanguage.isSet else { return }
        let earlier = request.get(APUS_R_CONTENT_LANGUAGE)
        if languages.isSet {
            request.set(APUS_R_CONTENT_LANGUAGE, joined(earlier, ",", languages))
        } else if !earlier.isSet {
            request.set(APUS_R_CONTENT_LANGUAGE, defaultLanguage)
        }
    }

    private func joined(_ first: Bytes, _ separator: StaticString, _ second: Bytes) -> Bytes {
        guard first.isSet else { return second }
        return request.pool.compose(capacity: first.count + separator.utf8CodeUnitCount + second.count) {
            $0.append(first)
            $0.append(separator)
            $0.append(second)
        }
    }
}
