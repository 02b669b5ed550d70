import ModuleKit

/// What a login form says; in the request's memory.
struct LoginForm {
    var user = Bytes.none
    var password = Bytes.none
    var location = Bytes.none
    /// The request to make when the user is known.
    var method = Bytes.none
    var mediaType = Bytes.none
    var body = Bytes.none

    /// Of several fields of a name the first counts; malformed ones are left out.
    init(_ text: Bytes, _ conf: UnsafePointer<FormConf>, _ pool: Pool) {
        FormText.eachPair(text) { name, value in
            guard let name = Self.decoded(name, pool), let value = Self.decoded(value, pool) else { return }
            let fields: [(Bytes, WritableKeyPath<LoginForm, Bytes>)] = [
                (conf.pointee.user, \.user), (conf.pointee.password, \.password), (conf.pointee.location, \.location),
                (conf.pointee.method, \.method), (conf.pointee.mediaType, \.mediaType), (conf.pointee.body, \.body),
            ]
            for (field, path) in fields where name == field && !self[keyPath: path].isSet {
                self[keyPath: path] = value
            }
        }
    }

    private static func decoded(_ text: Bytes, _ pool: Pool) -> Bytes? {
        var isWell = true
        let result = pool.compose(capacity: text.count) { isWell = FormText.decode(text, &$0) }
        return isWell ? result : nil
    }

    /// Whether both are there.
    var hasCredentials: Bool { !user.isEmpty && !password.isEmpty }
}

extension Request {
    /// Whether its body is one that a form makes.
    var hasForm: Bool {
        guard let type = headersIn["Content-Type"] else { return false }
        let end = type.firstIndex(of: UInt8(ascii: ";")) ?? type.count
        return type.upTo(end).trimmed.equalsIgnoringCase("application/x-www-form-urlencoded")
    }
}
