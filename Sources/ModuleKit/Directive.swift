public import ByteKit
public import ModuleABI

/// Where directives may stand; see the APUS_IN_… constants.
public struct Scopes: OptionSet, Sendable {
    /// APUS_IN_…
    public let rawValue: UInt32
    /// From APUS_IN_….
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The server's configuration, virtual hosts included.
    public static let server = Scopes(rawValue: APUS_IN_SERVER)
    /// The main server's only.
    public static let global = Scopes(rawValue: APUS_IN_GLOBAL)
    /// <Directory> sections.
    public static let directory = Scopes(rawValue: APUS_IN_DIRECTORY)
    /// <Location> sections.
    public static let location = Scopes(rawValue: APUS_IN_LOCATION)
    /// <Files> sections.
    public static let files = Scopes(rawValue: APUS_IN_FILES)
    /// .htaccess files, where AllowOverride permits the directive's class.
    public static let htaccess = Scopes(rawValue: APUS_IN_HTACCESS)
    /// All sections of the configuration.
    public static let sections: Scopes = [.directory, .location, .files]
    /// Everywhere, .htaccess included.
    public static let any: Scopes = [.server, .directory, .location, .files, .htaccess]
}

/// The classes of AllowOverride that admit a directive in .htaccess; one of them is enough.
public struct Override: OptionSet, Sendable {
    /// APUS_OVERRIDE_…
    public let rawValue: UInt32
    /// From APUS_OVERRIDE_….
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// No class: not allowed in .htaccess by AllowOverride.
    public static let none: Override = []
    /// AuthConfig.
    public static let auth = Override(rawValue: APUS_OVERRIDE_AUTH)
    /// FileInfo.
    public static let fileInfo = Override(rawValue: APUS_OVERRIDE_FILEINFO)
    /// Indexes.
    public static let indexes = Override(rawValue: APUS_OVERRIDE_INDEXES)
    /// Limit.
    public static let limit = Override(rawValue: APUS_OVERRIDE_LIMIT)
    /// Options.
    public static let options = Override(rawValue: APUS_OVERRIDE_OPTIONS)
    /// Whatever class is allowed.
    public static let any: Override = [.auth, .fileInfo, .indexes, .limit, .options]
}

/// How many words a directive takes and how they are given to its handler.
public enum Shape: Sendable {
    /// So many words.
    case none, one, two, three
    /// As many as the range allows.
    case words(ClosedRange<UInt32>)
    /// At least so many.
    case many(UInt32)
    /// On or Off.
    case flag
    /// The rest of the line as it stands.
    case raw
    /// One call a word.
    case each
    /// One call for the first word with each of the others.
    case pairs
    /// A section of the module's own, `<Name word>`.
    case section

    var bounds: (min: UInt32, max: UInt32, shape: UInt32) {
        switch self {
        case .none: (0, 0, APUS_SHAPE_ARGS)
        case .one: (1, 1, APUS_SHAPE_ARGS)
        case .two: (2, 2, APUS_SHAPE_ARGS)
        case .three: (3, 3, APUS_SHAPE_ARGS)
        case .words(let range): (range.lowerBound, range.upperBound, APUS_SHAPE_ARGS)
        case .many(let least): (least, APUS_MANY, APUS_SHAPE_ARGS)
        case .flag: (1, 1, APUS_SHAPE_FLAG)
        case .raw: (0, 1, APUS_SHAPE_RAW)
        case .each: (1, APUS_MANY, APUS_SHAPE_EACH)
        case .pairs: (2, APUS_MANY, APUS_SHAPE_PAIRS)
        case .section: (0, 1, APUS_SHAPE_SECTION)
        }
    }
}

/// One directive of a module. An error its handler throws is shown with the directive's file and line.
public struct Directive: @unchecked Sendable {
    let name: String
    let shape: Shape
    let scopes: Scopes
    let override: Override
    let flags: UInt32
    let help: String
    let handle: (Command, Arguments) throws -> Void

    /// - Parameters:
    ///   - scopes: where it may stand, `override`: which class of AllowOverride it belongs to in .htaccess.
    ///   - flags: APUS_DIRECTIVE_….
    ///   - help: what follows the name, shown as the usage when it is given wrongly.
    public init(
        _ name: String, _ shape: Shape, in scopes: Scopes, override: Override = .none, flags: UInt32 = 0,
        help: String = "", _ handle: @escaping (Command, Arguments) throws -> Void
    ) {
        self.name = name
        self.shape = shape
        self.scopes = scopes
        self.override = override
        self.flags = flags
        self.help = help
        self.handle = handle
    }
}

/// What a handler says when an argument is wrong.
public struct DirectiveError: Error {
    /// What is wrong, for the line of the directive.
    public let message: String
    /// An error with that text.
    public init(_ message: String) { self.message = message }
}

/// The words of a directive; valid during the call.
public struct Arguments {
    let start: UnsafePointer<Bytes>?
    /// How many words there are.
    public let count: Int

    /// A word; it lives during the call.
    public subscript(index: Int) -> Bytes { UnsafeBufferPointer(start: start, count: count)[index] }

    /// The word as text.
    public func string(_ index: Int) -> String { self[index].string }
}

/// A value that a directive's word can be turned into.
public protocol DirectiveValue {
    /// Reads the word, or throws a `DirectiveError` that says what was expected.
    init(word: Bytes) throws
}

extension String: DirectiveValue {
    /// The word itself.
    public init(word: Bytes) { self = word.string }
}

extension Bool: DirectiveValue {
    /// On or Off, or an error that says so.
    public init(word: Bytes) throws {
        if word.equalsIgnoringCase("on") {
            self = true
        } else if word.equalsIgnoringCase("off") {
            self = false
        } else {
            throw DirectiveError("\"\(word.string)\" is neither On nor Off")
        }
    }
}

extension Int: DirectiveValue {
    /// On or Off, or an error that says so.
    public init(word: Bytes) throws {
        guard let value = Int(word.string) else { throw DirectiveError("\"\(word.string)\" is not a whole number") }
        self = value
    }
}

/// The directive being handled.
public struct Command {
    /// The handle, for functions of apus/config.h that have no face here.
    public let raw: OpaquePointer
    /// The module's own handle of the host.
    public let host: UnsafePointer<apus_host>

    /// A directive of the host's.
    public init(raw: OpaquePointer, host: UnsafePointer<apus_host>) {
        self.raw = raw
        self.host = host
    }

    /// The directive's name as it stands in the file.
    public var name: Bytes { configTable.pointee.name(raw) }
    /// Memory that lives as long as the configuration.
    public var pool: Pool { Pool(configTable.pointee.pool(raw).unsafelyUnwrapped) }
    /// The server it stands in.
    public var server: Server { Server(configTable.pointee.server(raw).unsafelyUnwrapped, host: host) }

    /// The file and line the directive stands at.
    public var location: (file: Bytes, line: Int) {
        var line: UInt32 = 0
        let file = configTable.pointee.location(raw, &line)
        return (file, Int(line))
    }

    /// Where it stands: one of APUS_IN_….
    public var scopeKind: UInt32 { configTable.pointee.scope_kind(configTable.pointee.scope(raw)) }

    /// The path or pattern of the section at hand; empty in a server.
    public var scopePath: Bytes { configTable.pointee.scope_path(configTable.pointee.scope(raw)) }

    /// The place of the directive as messages show it: "file:line".
    public var place: String { "\(location.file.string):\(location.line)" }

    /// `path` made absolute against ServerRoot; lives as long as the configuration.
    public func resolve(_ path: Bytes) -> Bytes { configTable.pointee.resolve(raw, path) }

    /// The methods that a <Limit> around the directive restricts it to; nil: it holds for all.
    public var limit: MethodLimit? { configTable.pointee.limit(raw).map { MethodLimit(raw: $0) } }

    /// Reports at its place what is not quite right.
    public func warn(_ message: String) {
        var message = message
        message.withUTF8 { configTable.pointee.warn(raw, Bytes(UnsafeRawBufferPointer($0))) }
    }

    /// Handles the directives inside the section at hand.
    public func walk() throws {
        guard configTable.pointee.walk(raw) >= 0 else { throw AlreadyReported() }
    }

    /// Sets a property of the server configuration from the directive's only word.
    public func set<C: Configuration, V: DirectiveValue>(server path: WritableKeyPath<C, V>, _ arguments: Arguments) throws {
        let value = try V(word: arguments[0])
        updateServer { (conf: inout C) in conf[keyPath: path] = value }
    }

    /// Sets a property of the directory configuration from the directive's only word.
    public func set<C: Configuration, V: DirectiveValue>(_ path: WritableKeyPath<C, V>, _ arguments: Arguments) throws {
        let value = try V(word: arguments[0])
        update { (conf: inout C) in conf[keyPath: path] = value }
    }

    /// Changes the directory configuration of the scope at hand, now and again wherever it is merged over another.
    public func update<C: Configuration>(_ setting: @escaping (inout C) -> Void) {
        apply(setting, to: configTable.pointee.dir_conf(raw))
    }

    /// The same for the server configuration.
    public func updateServer<C: Configuration>(_ setting: @escaping (inout C) -> Void) {
        apply(setting, to: configTable.pointee.server_conf(raw))
    }

    /// The directory configuration of the scope at hand, to be changed in place. For types that merge themselves: what
    /// is changed this way is not repeated when the scope is merged over another.
    public func configuration<C: Configuration>(_ type: C.Type = C.self) -> UnsafeMutablePointer<C> {
        Stored<C>.value(configTable.pointee.dir_conf(raw))
    }

    /// The same for the server configuration.
    public func serverConfiguration<C: Configuration>(_ type: C.Type = C.self) -> UnsafeMutablePointer<C> {
        Stored<C>.value(configTable.pointee.server_conf(raw))
    }

    private func apply<C: Configuration>(_ setting: @escaping (inout C) -> Void, to raw: UnsafeMutableRawPointer?) {
        let stored = Stored<C>.stored(raw)
        setting(&stored.pointee.value)
        stored.pointee.settings.append(setting)
    }

    /// Shows an error at the directive. For C callbacks that get a command; a directive's handler throws instead.
    /// - Returns: what the callback should return.
    public func report(_ error: DirectiveError) -> apus_status { fail(error) }

    func fail(_ error: any Error) -> apus_status {
        if error is AlreadyReported { return APUS_E_FAIL }
        var message = (error as? DirectiveError)?.message ?? String(describing: error)
        return message.withUTF8 { configTable.pointee.fail(raw, Bytes(UnsafeRawBufferPointer($0))) }
    }
}

/// The methods that a <Limit> or <LimitExcept> names. Raw memory of the configuration.
public struct MethodLimit: BitwiseCopyable {
    let raw: OpaquePointer

    /// Whether what stands inside holds for the request.
    public func holds(for request: OpaquePointer) -> Bool { configTable.pointee.limit_holds(raw, request) != 0 }
}

/// What to throw when an error has been shown already: by a directive inside a section, or by a provider.
public struct AlreadyReported: Error {
    /// An error that has been reported already.
    public init() {}
}
