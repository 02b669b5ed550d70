import ModuleKit

/// Why a token is refused: for the log, and the word of RFC 6750 for the client.
struct TokenError: Error {
    let reason: String
    let word: StaticString

    init(_ reason: String, _ word: StaticString = "invalid_token") {
        self.reason = reason
        self.word = word
    }
}

/// A token in the field Authorization (RFC 7515, RFC 7519).
enum Token {
    struct Claims {
        var user = ""
        /// Those that are texts or whole numbers.
        var texts: [(name: String, value: String)] = []
    }

    static func claims(_ field: Bytes, _ conf: JWTModule.DirConf, now: Int64) throws(TokenError) -> Claims {
        guard field.count > 7, field.upTo(7).equalsIgnoringCase("Bearer ") else { throw TokenError("there is none", "invalid_request") }
        let token = Array(field.from(7).buffer)
        let parts = token.split(separator: 0x2e, omittingEmptySubsequences: false)
        guard parts.count == 3, token.count < 16_384, let head = Base64.decodeURL(parts[0]),
            let body = Base64.decodeURL(parts[1]), let signature = Base64.decodeURL(parts[2])
        else { throw TokenError("it is not three parts in base64url") }
        // The algorithm is the server's choice, never the token's: all others are refused, "none" before all.
        guard case .object(let header)? = JSON.parse(head), header["alg"]?.text == "HS256" else { throw TokenError("its algorithm is not HS256") }
        guard header["crit"] == nil else { throw TokenError("it wants extensions that are not known (crit)") }
        let signed = Array(token[..<(parts[0].count + 1 + parts[1].count)])
        guard isSame(signature, hmac(conf.secret, signed)) else { throw TokenError("its signature is wrong") }
        guard case .object(let claims)? = JSON.parse(body) else { throw TokenError("its claims are no JSON object") }
        try checkTimes(claims, Int64(conf.leeway), now)
        if let issuer = conf.issuer, claims["iss"]?.text != issuer { throw TokenError("its issuer is another") }
        guard let user = claims["sub"]?.text, !user.isEmpty else { throw TokenError("it has no subject") }
        var found = Claims(user: user)
        for (name, value) in claims {
            if let text = value.text ?? value.whole.map({ String($0) }), name.utf8.allSatisfy({ isWord($0) }) { found.texts.append((name, text)) }
        }
        return found
    }

    private static func checkTimes(_ claims: [String: JSON], _ leeway: Int64, _ now: Int64) throws(TokenError) {
        if let claim = claims["exp"] {
            guard let end = claim.whole, now < end.addingReportingOverflow(leeway).partialValue || end > Int64.max - leeway else { throw TokenError("it has expired") }
        }
        if let claim = claims["nbf"] {
            guard let begin = claim.whole, begin <= now + leeway else { throw TokenError("its time has not come") }
        }
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        (0x61...0x7a).contains(byte | 0x20) || (0x30...0x39).contains(byte) || byte == 0x5f
    }

    private static func isSame(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        a.withUnsafeBytes { a in b.withUnsafeBytes { b in Bytes(a).equalsInConstantTime(Bytes(b)) } }
    }

    /// HMAC with SHA-256 (RFC 2104).
    static func hmac(_ key: [UInt8], _ message: [UInt8]) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: 64)
        let short = key.count > 64 ? digest([key]) : key
        block.replaceSubrange(0..<short.count, with: short)
        return digest([block.map { $0 ^ 0x5c }, digest([block.map { $0 ^ 0x36 }, message])])
    }

    private static func digest(_ parts: [[UInt8]]) -> [UInt8] {
        let all = parts.flatMap { $0 }
        return all.withUnsafeBytes { SHA256.digest(Bytes($0)) { Array($0.buffer) } }
    }
}
