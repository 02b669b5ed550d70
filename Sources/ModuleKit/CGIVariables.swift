public import ByteKit
import Glibc
import ModuleABI

extension Request {
    /// Calls `body` for each variable of the environment that a program gets for this request (RFC 3875, 4.1), as httpd
    /// composes it. What the server says goes before what other modules or the client say, and each name comes once.
    public func eachCGIVariable(_ body: (_ name: Bytes, _ value: Bytes) -> Void) {
        var composer = CGIVariables(self)
        composer.compose(passesAuthorization: number(APUS_R_CGI_PASS_AUTH) == 1)
        composer.variables.forEach { body($0.name, $0.value) }
    }

    /// Where what followed the file begins in the path, and so where the name of the program ends.
    public var scriptName: Bytes {
        let (path, info) = (self.path, pathInfo)
        guard !info.isEmpty, path.hasSuffix(info) else { return path }
        return path.upTo(path.count - info.count)
    }
}

private struct CGIVariables {
    private let request: Request
    private let pool: Pool
    private(set) var variables: [(name: Bytes, value: Bytes)] = []
    private var places: [UInt64: Int] = [:]
    /// Those that fields of the request have become.
    private var placesOfFields: Set<Int> = []

    init(_ request: Request) {
        self.request = request
        pool = request.pool
    }

    mutating func compose(passesAuthorization: Bool) {
        addEnvironment()
        addFields(passesAuthorization)
        addProcess()
        addServer()
        addRequest()
        addRedirect()
    }

    /// A later one of a name replaces the earlier.
    private mutating func set(_ name: Bytes, _ value: Bytes) {
        guard !name.isEmpty, !value.contains(0) else { return }
        let key = name.hashed
        if let place = places[key], variables[place].name == name {
            variables[place].value = value
        } else {
            places[key] = variables.count
            variables.append((name, value))
        }
    }

    private mutating func set(_ name: StaticString, _ value: Bytes) { set(Bytes(name), value) }

    private mutating func set(_ name: StaticString, _ number: Int64) {
        set(name, pool.compose(capacity: 20) { $0.append(decimal: number) })
    }

    // MARK: What modules set

    private mutating func addEnvironment() {
        let environment = request.environment
        for index in 0..<environment.count {
            guard let (name, value) = environment.at(index) else { continue }
            set(pool.compose(capacity: name.count) { writer in
                for (place, byte) in name.buffer.enumerated() {
                    let isPlain = byte.isDigit && place > 0 || byte.asciiLowercased &- 0x61 < 26
                    writer.append(isPlain ? byte : UInt8(ascii: "_"))
                }
            }, value)
        }
    }

    // MARK: What the client says

    /// HTTP_NAME for each field. `Proxy` is none: programs take HTTP_PROXY for something else.
    private mutating func addFields(_ passesAuthorization: Bool) {
        let fields = request.headersIn
        for index in 0..<fields.count {
            guard let (name, value) = fields.at(index) else { continue }
            if name.equalsIgnoringCase("Content-Type") {
                set("CONTENT_TYPE", value)
            } else if name.equalsIgnoringCase("Content-Length") {
                set("CONTENT_LENGTH", value)
            } else if name.equalsIgnoringCase("Proxy") {
                continue
            } else if name.equalsIgnoringCase("Authorization") || name.equalsIgnoringCase("Proxy-Authorization") {
                if passesAuthorization { add(field: name, value) }
            } else {
                add(field: name, value)
            }
        }
    }

    /// A name that is not made of letters, digits and dashes could be taken for another.
    private mutating func add(field name: Bytes, _ value: Bytes) {
        guard name.buffer.allSatisfy({ $0.isDigit || $0.asciiLowercased &- 0x61 < 26 || $0 == 0x2d }) else { return }
        let variable = pool.compose(capacity: name.count + 5) { writer in
            writer.append("HTTP_")
            for byte in name.buffer {
                writer.append(byte == 0x2d ? 0x5f : byte &- 0x61 < 26 ? byte & 0xdf : byte)
            }
        }
        guard let place = places[variable.hashed], variables[place].name == variable, placesOfFields.contains(place) else {
            set(variable, value)
            placesOfFields.insert(places[variable.hashed] ?? -1)
            return
        }
        // Lines of one field are one list; of cookies the list has another separator (RFC 6265, 5.4).
        let before = variables[place].value
        let separator: StaticString = name.equalsIgnoringCase("Cookie") ? "; " : ", "
        variables[place].value = pool.compose(capacity: before.count + value.count + 2) {
            $0.append(before)
            $0.append(separator)
            $0.append(value)
        }
    }

    // MARK: What the server knows

    private mutating func addProcess() {
        set("PATH", getenv("PATH").map { pool.copy(Bytes(cString: $0)) } ?? Bytes("/usr/local/bin:/usr/bin:/bin"))
        if let path = getenv("LD_LIBRARY_PATH") { set("LD_LIBRARY_PATH", pool.copy(Bytes(cString: path))) }
    }

    private mutating func addServer() {
        let server = request.server
        let connection = request.connection
        set("SERVER_SIGNATURE", request.signature)
        set("SERVER_SOFTWARE", request.get(APUS_R_SERVER_SOFTWARE))
        set("SERVER_NAME", request.hostName.isEmpty ? server.name : request.hostName)
        set("SERVER_ADDR", connection.localAddress)
        set("SERVER_PORT", request.number(APUS_R_SERVER_PORT))
        set("REMOTE_ADDR", request.peerAddress)
        let localRoot = request.get(APUS_R_LOCAL_ROOT)
        set("DOCUMENT_ROOT", server.documentRoot)
        set("REQUEST_SCHEME", request.scheme)
        set("CONTEXT_PREFIX", localRoot.isSet ? request.get(APUS_R_CONTEXT_PREFIX) : Bytes(""))
        set("CONTEXT_DOCUMENT_ROOT", localRoot.isSet ? localRoot : server.documentRoot)
        let admin = server.admin
        set("SERVER_ADMIN", admin.isSet ? admin : Bytes("[no address given]"))
        set("SCRIPT_FILENAME", request.filename)
        set("REMOTE_PORT", Int64(connection.peerPort))
    }

    private mutating func addRequest() {
        if request.user.isSet {
            set("REMOTE_USER", request.user)
        } else if let user = request.previous?.user, user.isSet {
            set("REDIRECT_REMOTE_USER", user)
        }
        let kind = request.get(APUS_R_AUTH_TYPE)
        if kind.isSet { set("AUTH_TYPE", kind) }
        set("GATEWAY_INTERFACE", Bytes("CGI/1.1"))
        set("SERVER_PROTOCOL", request.main == nil ? request.protocolName : Bytes("INCLUDED"))
        set("REQUEST_METHOD", request.method)
        set("QUERY_STRING", request.query.isSet ? request.query : Bytes(""))
        let isOriginal = request.number(APUS_R_CGI_ORIGINAL_URI) != 0
        set("REQUEST_URI", isOriginal ? originalTarget : request.target)
        set("SCRIPT_NAME", request.scriptName)
        let info = request.pathInfo
        guard !info.isEmpty else { return }
        set("PATH_INFO", info)
        if let translated { set("PATH_TRANSLATED", translated) }
    }

    /// What the client asked for, whatever has become of it since.
    private var originalTarget: Bytes {
        var first = request
        while let before = first.previous ?? first.main { first = before }
        let target = first.target
        guard !target.hasPrefix("/"), let scheme = target.firstIndex(of: 0x3a),
            let slash = target.firstIndex(of: 0x2f, from: min(scheme + 3, target.count))
        else { return target }
        return target.from(slash)
    }

    private var translated: Bytes? {
        let escaped = pool.compose(capacity: request.pathInfo.count * 3) { $0.append(escapingPath: request.pathInfo) }
        guard let found = try? request.lookup(escaped) else { return nil }
        defer { found.destroy() }
        guard found.filename.isSet else { return nil }
        return pool.compose(capacity: found.filename.count + found.pathInfo.count) {
            $0.append(found.filename)
            $0.append(found.pathInfo)
        }
    }

    /// A request in place of another, an error page above all, hears of that one.
    private mutating func addRedirect() {
        guard let previous = request.previous else { return }
        set("REDIRECT_URL", previous.path)
        if previous.query.isSet { set("REDIRECT_QUERY_STRING", previous.query) }
    }
}

extension Pool {
    /// The bytes that percent-encoded text stands for; nil: an escape is none, or stands for NUL.
    public func percentDecoded(_ text: Bytes) -> Bytes? {
        let room = allocate(UInt8.self, count: text.count + 1)
        var (count, index) = (0, 0)
        while index < text.count {
            var byte = text[index]
            if byte == 0x25 {
                guard index + 2 < text.count, let high = text[index + 1].hexValue, let low = text[index + 2].hexValue
                else { return nil }
                byte = high << 4 | low
                index += 2
            }
            guard byte != 0 else { return nil }
            room[count] = byte
            count += 1
            index += 1
        }
        room[count] = 0
        return Bytes(UnsafeRawPointer(room), count: count)
    }
}
