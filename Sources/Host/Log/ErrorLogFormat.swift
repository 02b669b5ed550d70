import ByteKit
import ModuleABI

/// A format of ErrorLogFormat, compiled: text of items, or fields of a JSON object. Frozen raw memory.
struct ErrorLogFormat: BitwiseCopyable {
    var items = UnsafeBufferPointer<ErrorLogItem>(start: nil, count: 0)
    /// Not empty: the line is an object of these, each made of its share of `items`.
    var fields = UnsafeBufferPointer<Field>(start: nil, count: 0)

    /// A field of a JSON object: what its items write.
    struct Field: BitwiseCopyable {
        /// The name as it is written: in quotes, with its colon.
        var name: Bytes
        var items: UnsafeBufferPointer<ErrorLogItem>
        var isNumber = false
    }

    var isJSON: Bool { !fields.isEmpty }
    var isEmpty: Bool { items.isEmpty && fields.isEmpty }
    var hasMessage: Bool { items.contains { $0.kind.isMessage } }

    /// What holds without the directive.
    nonisolated(unsafe) static let standard = builtIn(
        "[%{u}t] [%m:%l] [pid %P] [client\\ %a] %M% ,\\ referer:\\ %{Referer}i")
    /// The same for logs of the system, which know the time.
    nonisolated(unsafe) static let standardOfSystem = builtIn("[%m:%l] [pid %P] [client\\ %a] %M% ,\\ referer:\\ %{Referer}i")
    /// What the word `json` stands for.
    static let jsonFields =
        "time=%{rfc3339}t level=%l module=%m pid=%P thread=%{g}T server=%v client=%a request=%L connection=%{c}L code=%{code}M "
        + "message=%{text}M error=%E file=%F referer=%{Referer}i"

    private static func builtIn(_ text: String) -> ErrorLogFormat {
        (try? ErrorLogFormatReader.read(Array(text.utf8), in: Arena.make(nil))) ?? ErrorLogFormat()
    }
}

/// One piece of a format.
struct ErrorLogItem: BitwiseCopyable {
    enum Kind: UInt8, BitwiseCopyable {
        case literal
        case clientAddress, peerAddress, localAddress
        case header, variable, note
        case level, module, place, systemError, keepAlives, process, thread, systemThread
        /// %L; %{c}L; and %{C}L, which is about messages of connections alone.
        case requestID, connectionID, connectionIDAlone
        case message, messageCode, messageText
        case time, timeByFormat, timeOfRFC3339
        case serverName, canonicalName

        var isMessage: Bool { self == .message || self == .messageCode || self == .messageText }
        /// Always written as a number, or not at all.
        var isNumber: Bool { self == .keepAlives || self == .process || self == .thread || self == .systemThread }
    }

    /// How %t is written.
    struct TimeStyle: OptionSet, BitwiseCopyable {
        let rawValue: UInt8
        static let microseconds = TimeStyle(rawValue: 1)
        static let milliseconds = TimeStyle(rawValue: 2)
        /// Year, month and day as numbers.
        static let compact = TimeStyle(rawValue: 4)
        static let zone = TimeStyle(rawValue: 8)
    }

    var kind = Kind.literal
    /// What stands before it belongs to another field, which stays when this one says nothing.
    var beginsField = false
    /// Without it there is no line.
    var isRequired = false
    var isDashWhenEmpty = false
    /// Written only for messages at least as detailed.
    var leastLevel: Int32 = 0
    var timeStyle: TimeStyle = []
    /// The literal, or a name.
    var text = Bytes.none
}

/// The formats of a server; nil: those of the server around it hold.
struct ErrorLogFormats: BitwiseCopyable {
    var main: UnsafePointer<ErrorLogFormat>?
    /// Lines before the first message about a connection, and about a request.
    var connection: UnsafeBufferPointer<ErrorLogFormat>?
    var request: UnsafeBufferPointer<ErrorLogFormat>?

    func merged(over base: ErrorLogFormats) -> ErrorLogFormats {
        ErrorLogFormats(
            main: main ?? base.main, connection: connection ?? base.connection, request: request ?? base.request)
    }
}
