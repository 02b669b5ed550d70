import ModuleKit

/// What the letters of a format mean.
struct ItemLetters {
    let host: Host

    /// The letters that ask the original request unless '>' says otherwise.
    static func asksOriginal(_ letter: Bytes) -> Bool {
        letter.count == 1 && Bytes("rDTUsRL").contains(letter[0])
    }

    /// Fills in what a letter and its argument mean.
    func fill(_ item: inout LogItem, _ letter: Bytes, _ argument: Bytes) throws {
        item.text = argument
        if let kind = Self.plain(letter) {
            item.kind = kind
        } else if !Self.fillByArgument(&item, letter, argument) {
            try fillProvided(&item, letter)
        }
    }

    /// The letters whose argument, if they take one, is just a name.
    private static func plain(_ letter: Bytes) -> ItemKind? {
        switch letter.string {
        case "A": .localAddress
        case "B": .bytes
        case "b": .bytesOrDash
        case "C": .cookie
        case "D": .microseconds
        case "e": .variable
        case "f": .file
        case "H": .protocolName
        case "i": .header
        case "I": .bytesReceived
        case "k": .keepAlives
        case "l": .unknown
        case "m": .method
        case "n": .note
        case "O": .bytesSent
        case "q": .query
        case "r": .requestLine
        case "R": .handler
        case "s": .status
        case "S": .bytesMoved
        case "u": .user
        case "U": .path
        case "v": .serverName
        case "V": .canonicalName
        case "X": .connectionState
        case "^ti": .trailer
        case "^to": .responseTrailer
        default: nil
        }
    }

    /// The letters whose argument chooses what is written.
    private static func fillByArgument(_ item: inout LogItem, _ letter: Bytes, _ argument: Bytes) -> Bool {
        switch letter.string {
        case "a": item.kind = argument == "c" ? .peerAddress : .clientAddress
        case "L": item.kind = argument == "c" ? .connectionID : .requestID
        case "h": item.kind = argument == "c" ? .peerAddress : .remoteName
        case "o": item.kind = argument.equalsIgnoringCase("content-type") ? .contentType : .responseHeader
        case "p":
            item.choose(
                argument,
                [
                    "": .canonicalPort, "canonical": .canonicalPort, "local": .localPort,
                    "remote": .remotePort,
                ])
        case "P": item.choose(argument, ["": .pid, "pid": .pid, "tid": .tid, "hextid": .hexTid])
        case "T":
            item.choose(argument, ["": .seconds, "s": .seconds, "ms": .milliseconds, "us": .microseconds])
        case "t": fillTime(&item, argument)
        default: return false
        }
        return true
    }

    /// `begin:` or `end:` and a format of strftime(3), or a word for a number.
    private static func fillTime(_ item: inout LogItem, _ argument: Bytes) {
        var format = argument
        if format.hasPrefix("begin:") {
            format = format.from(6)
        } else if format.hasPrefix("end:") {
            format = format.from(4)
            item.isAtEnd = true
        }
        item.text = format
        switch format.string {
        case "": item.kind = .time
        case "rfc3339": item.kind = .timeOfRFC3339
        case "sec": item.kind = .timeSeconds
        case "msec": item.kind = .timeMilliseconds
        case "usec": item.kind = .timeMicroseconds
        case "msec_frac": item.kind = .timeMillisecondFraction
        case "usec_frac": item.kind = .timeMicrosecondFraction
        default: item.kind = .timeFormat
        }
    }

    /// A letter that another module brings.
    private func fillProvided(_ item: inout LogItem, _ letter: Bytes) throws {
        guard let (table, context) = host.provider(APUS_GROUP_LOG_ITEM, letter, as: apus_log_item_v1.self)
        else {
            let hint = letter == "x" || letter == "c" ? "; ssl_module brings it" : ""
            throw FormatError(message: "%\(letter.string) is no item of a log format\(hint)")
        }
        item.kind = .provided
        item.provider = table
        item.context = context
    }
}

extension LogItem {
    /// Takes the kind that an argument stands for, in any case.
    fileprivate mutating func choose(_ argument: Bytes, _ kinds: [String: ItemKind]) {
        kind = kinds[argument.string.lowercased()] ?? .oddArgument
    }
}
