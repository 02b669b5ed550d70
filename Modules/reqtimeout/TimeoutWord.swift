@_spi(Draft) import ModuleKit

/// One argument of RequestReadTimeout: PHASE=TIMEOUT[-MAXIMUM][,MinRate=RATE], times in seconds.
enum TimeoutWord {
    static func read(_ word: Bytes) throws -> (ClientPhase, Limit) {
        guard let equals = word.firstIndex(of: 0x3d) else {
            throw DirectiveError("\"\(word.string)\" is not of the form PHASE=TIMEOUT, such as header=20-40,MinRate=500")
        }
        let phase = try phase(word.upTo(equals))
        var time = word.from(equals + 1)
        var limit = Limit(initial: 0)
        if let comma = time.firstIndex(of: 0x2c) {
            limit.rate = try rate(time.from(comma + 1), in: word)
            time = time.upTo(comma)
        }
        if let dash = time.firstIndex(of: 0x2d) {
            limit.maximum = try seconds(time.from(dash + 1), in: word)
            time = time.upTo(dash)
        }
        limit.initial = try seconds(time, in: word)
        try check(limit, phase, word)
        return (phase, limit)
    }

    private static func phase(_ name: Bytes) throws -> ClientPhase {
        let phases: [(StaticString, ClientPhase)] = [
            ("handshake", .handshake), ("header", .header), ("body", .body), ("response", .response),
        ]
        guard let found = phases.first(where: { name.equalsIgnoringCase($0.0) }) else {
            throw DirectiveError("\"\(name.string)\" is not one of handshake, header, body, response")
        }
        return found.1
    }

    private static func rate(_ text: Bytes, in word: Bytes) throws -> Int64 {
        guard let equals = text.firstIndex(of: 0x3d), text.upTo(equals).equalsIgnoringCase("MinRate"),
            let value = text.from(equals + 1).decimal, value > 0, value <= Int64(Int32.max)
        else {
            throw DirectiveError("\"\(word.string)\": after the comma comes MinRate= and a number of bytes a second")
        }
        return value
    }

    private static func seconds(_ text: Bytes, in word: Bytes) throws -> Int64 {
        guard let value = text.decimal, value <= Int64(Int32.max) else {
            throw DirectiveError("\"\(word.string)\": \"\(text.string)\" is not a number of seconds")
        }
        return value * 1_000_000
    }

    private static func check(_ limit: Limit, _ phase: ClientPhase, _ word: Bytes) throws {
        if limit.maximum > 0, limit.maximum <= limit.initial {
            throw DirectiveError("\"\(word.string)\": the maximum must be larger than the time it extends")
        }
        if limit.maximum > 0, limit.rate == 0 {
            throw DirectiveError("\"\(word.string)\": nothing extends the time to its maximum without MinRate")
        }
        if phase.rawValue == ClientPhase.response.rawValue, limit.maximum > 0 {
            throw DirectiveError("\"\(word.string)\": an answer may take any time as long as its rate is kept, so there is no maximum")
        }
    }
}
