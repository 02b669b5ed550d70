import ByteKit
import ModuleABI

/// What `Options` allows, with httpd's meaning of + and -.
struct OptionBits: OptionSet, BitwiseCopyable {
    let rawValue: UInt32

    static let indexes = OptionBits(rawValue: 1)
    static let includes = OptionBits(rawValue: 2)
    static let followSymLinks = OptionBits(rawValue: 4)
    static let symLinksIfOwnerMatch = OptionBits(rawValue: 8)
    static let execCGI = OptionBits(rawValue: 16)
    /// What Includes allows besides IncludesNOEXEC.
    static let includesExec = OptionBits(rawValue: 32)
    static let multiViews = OptionBits(rawValue: 64)
    static let all: OptionBits = [.indexes, .includes, .includesExec, .followSymLinks, .execCGI]
    static let any: OptionBits = [.all, .symLinksIfOwnerMatch, .multiViews]

    /// As modules see them: a bit says where programs are not to be run.
    var asAPUSOptions: Int64 {
        let isRestricted = contains(.includes) && !contains(.includesExec)
        let shown = subtracting(.includesExec).rawValue | (isRestricted ? UInt32(APUS_OPTION_INCLUDES_NO_EXEC) : 0)
        return Int64(shown)
    }
}

/// One ErrorDocument.
struct ErrorDocument: BitwiseCopyable {
    enum Kind: UInt8, BitwiseCopyable {
        case text, localPath, url, standard
    }

    var status: Int32
    var kind: Kind
    /// Text, path or URL, as a string with %{…} in it; nil for `standard`.
    var content: Expression.Ref?
}

/// The core's own configuration of a server. Unset values are nil until `ServerLimits` settles them.
struct CoreServerConf: BitwiseCopyable {
    var documentRoot = Bytes.none
    var timeout: Int64?
    var keepAlive: Bool?
    var keepAliveTimeout: Int64?
    var maxKeepAliveRequests: Int32?
    var limitRequestLine: Int32?
    var limitRequestFields: Int32?
    var limitRequestFieldSize: Int32?
    var errorLog = Bytes.none
    var errorLogFormats = ErrorLogFormats()
    var serverAdmin = Bytes.none
    var serverTokens: ServerTokens?
    /// ServerPath, without a slash at the end.
    var serverPath = Bytes.none
    var mergeTrailers: Bool?
    var traceEnable: TraceEnable?
    var encodedSlashes: EncodedSlashes?
    var mergeSlashes: Bool?
    var strictHostCheck: Bool?
    /// HttpProtocolOptions RegisteredMethods: methods that nobody has registered are refused.
    var registeredMethodsOnly: Bool?
    /// LimitInternalRecursion.
    var limitInternalRedirects: UInt8?
    var limitSubrequests: UInt8?
    /// DebugTraceSecret; none: nobody is traced.
    var traceSecret = Bytes.none
    var logLevels: UnsafePointer<LogLevels>?
    var accessFileNames: UnsafeBufferPointer<Bytes>?
    /// Protocols: names with a space in between, "http/1.1" among them.
    var protocols = Bytes.none
    var honorsProtocolOrder: Bool?

    /// What an encoded slash in a path is: no name of a file; a slash; or itself, still encoded.
    enum EncodedSlashes: UInt8, BitwiseCopyable { case refused, decoded, kept }
    enum ServerTokens: UInt8, BitwiseCopyable { case productOnly, major, minor, minimal, os, full }
    enum TraceEnable: UInt8, BitwiseCopyable { case off, on, extended }

    /// What holds in a virtual host whose own configuration is `self`, inside the main server's.
    func merged(over base: CoreServerConf) -> CoreServerConf {
        var merged = self
        if !documentRoot.isSet { merged.documentRoot = base.documentRoot }
        if !errorLog.isSet { merged.errorLog = base.errorLog }
        merged.errorLogFormats = errorLogFormats.merged(over: base.errorLogFormats)
        if !serverAdmin.isSet { merged.serverAdmin = base.serverAdmin }
        if !traceSecret.isSet { merged.traceSecret = base.traceSecret }
        merged.timeout = timeout ?? base.timeout
        merged.keepAlive = keepAlive ?? base.keepAlive
        merged.keepAliveTimeout = keepAliveTimeout ?? base.keepAliveTimeout
        merged.maxKeepAliveRequests = maxKeepAliveRequests ?? base.maxKeepAliveRequests
        merged.limitRequestLine = limitRequestLine ?? base.limitRequestLine
        merged.limitRequestFields = limitRequestFields ?? base.limitRequestFields
        merged.limitRequestFieldSize = limitRequestFieldSize ?? base.limitRequestFieldSize
        merged.serverTokens = serverTokens ?? base.serverTokens
        merged.mergeTrailers = mergeTrailers ?? base.mergeTrailers
        merged.traceEnable = traceEnable ?? base.traceEnable
        merged.encodedSlashes = encodedSlashes ?? base.encodedSlashes
        merged.mergeSlashes = mergeSlashes ?? base.mergeSlashes
        merged.strictHostCheck = strictHostCheck ?? base.strictHostCheck
        merged.registeredMethodsOnly = registeredMethodsOnly ?? base.registeredMethodsOnly
        merged.limitInternalRedirects = limitInternalRedirects ?? base.limitInternalRedirects
        merged.limitSubrequests = limitSubrequests ?? base.limitSubrequests
        merged.logLevels = logLevels ?? base.logLevels
        merged.accessFileNames = accessFileNames ?? base.accessFileNames
        if !protocols.isSet { merged.protocols = base.protocols }
        merged.honorsProtocolOrder = honorsProtocolOrder ?? base.honorsProtocolOrder
        return merged
    }
}

/// The core's own configuration of a directory, location or file.
struct CoreDirConf: BitwiseCopyable {
    /// Options as they hold here, when `optionsAreSet`; else what + and - change.
    var options: OptionBits = []
    var optionsAreSet = false
    var optionsAdded: OptionBits = []
    var optionsRemoved: OptionBits = []
    var errorDocuments = UnsafeBufferPointer<ErrorDocument>(start: nil, count: 0)
    var limitRequestBody: Int64?
    var acceptPathInfo: AcceptPathInfo?
    var handler = Bytes.none
    /// SetHandler with an expression, which then takes the place of `handler`.
    var handlerExpression: Expression.Ref?
    var forcedType = Bytes.none
    /// SetOutputFilter and SetInputFilter: names separated by semicolons; empty: none.
    var outputFilters = Bytes.none
    var inputFilters = Bytes.none
    var defaultCharset = Bytes.none
    var enableSendfile: Bool?
    var contentDigest: Bool?
    /// FileETag's plain words, and what + and - change.
    var etag: ETagParts?
    var etagAdded: ETagParts = []
    var etagRemoved: ETagParts = []
    var logLevels: UnsafePointer<LogLevels>?
    var allowOverride: AllowOverride?
    var allowOverrideList: UnsafeBufferPointer<Bytes>?
    /// MaxRanges, MaxRangeOverlaps, MaxRangeReversals: 0 none, -1 any number.
    var maxRanges: Int32?
    var maxRangeOverlaps: Int32?
    var maxRangeReversals: Int32?
    var serverSignature: ServerSignature?
    var useCanonicalName: CanonicalName?
    var useCanonicalPhysicalPort: Bool?
    var hostnameLookups: HostnameLookups?
    var qualifyRedirectURL: Bool?
    var cgi = CGISettings()

    enum ServerSignature: UInt8, BitwiseCopyable { case off, on, email }
    /// Where the name in the server's own URLs comes from: the client, ServerName, or a look-up of the address.
    enum CanonicalName: UInt8, BitwiseCopyable { case off, on, dns }
    enum HostnameLookups: UInt8, BitwiseCopyable { case off, on, double }
    enum AcceptPathInfo: UInt8, BitwiseCopyable { case standard, on, off }

    struct ETagParts: OptionSet, BitwiseCopyable {
        let rawValue: UInt8
        static let inode = ETagParts(rawValue: 1)
        static let mtime = ETagParts(rawValue: 2)
        static let size = ETagParts(rawValue: 4)
        static let digest = ETagParts(rawValue: 8)
        static let usual: ETagParts = [.mtime, .size]
    }

    /// The options in force.
    var effectiveOptions: OptionBits { optionsAreSet ? options : .followSymLinks.union(optionsAdded).subtracting(optionsRemoved) }

    /// Whether it takes the right away that is there without it: to follow symbolic links.
    var restrictsLinks: Bool { optionsAreSet ? !options.contains(.followSymLinks) : optionsRemoved.contains(.followSymLinks) }

    func merged(over base: CoreDirConf, _ arena: Arena.Ref) -> CoreDirConf {
        var merged = self
        mergeOptions(base, into: &merged)
        merged.errorDocuments = mergedErrorDocuments(base, arena)
        merged.limitRequestBody = limitRequestBody ?? base.limitRequestBody
        merged.acceptPathInfo = acceptPathInfo ?? base.acceptPathInfo
        if !handler.isSet, handlerExpression == nil {
            merged.handler = base.handler
            merged.handlerExpression = base.handlerExpression
        }
        if !forcedType.isSet { merged.forcedType = base.forcedType }
        if !outputFilters.isSet { merged.outputFilters = base.outputFilters }
        if !inputFilters.isSet { merged.inputFilters = base.inputFilters }
        if !defaultCharset.isSet { merged.defaultCharset = base.defaultCharset }
        merged.enableSendfile = enableSendfile ?? base.enableSendfile
        merged.contentDigest = contentDigest ?? base.contentDigest
        mergeETag(base, into: &merged)
        merged.logLevels = logLevels ?? base.logLevels
        merged.allowOverride = allowOverride ?? base.allowOverride
        merged.allowOverrideList = allowOverrideList ?? base.allowOverrideList
        merged.maxRanges = maxRanges ?? base.maxRanges
        merged.maxRangeOverlaps = maxRangeOverlaps ?? base.maxRangeOverlaps
        merged.maxRangeReversals = maxRangeReversals ?? base.maxRangeReversals
        merged.serverSignature = serverSignature ?? base.serverSignature
        merged.useCanonicalName = useCanonicalName ?? base.useCanonicalName
        merged.useCanonicalPhysicalPort = useCanonicalPhysicalPort ?? base.useCanonicalPhysicalPort
        merged.hostnameLookups = hostnameLookups ?? base.hostnameLookups
        merged.qualifyRedirectURL = qualifyRedirectURL ?? base.qualifyRedirectURL
        merged.cgi = cgi.merged(over: base.cgi)
        return merged
    }

    /// What entity tags are made of. As in httpd + and - change what FileETag said, not what holds without it.
    var effectiveETag: ETagParts {
        if let etag { return etag.union(etagAdded).subtracting(etagRemoved) }
        let changed = etagAdded.subtracting(etagRemoved)
        return changed.isEmpty ? .usual : changed
    }

    /// The same as with Options.
    private func mergeETag(_ base: CoreDirConf, into merged: inout CoreDirConf) {
        guard etag == nil else { return }
        merged.etag = base.etag
        merged.etagAdded = base.etagAdded.subtracting(etagRemoved).union(etagAdded)
        merged.etagRemoved = base.etagRemoved.subtracting(etagAdded).union(etagRemoved)
    }

    /// Plain words replace what the outer section says; + and - change it.
    private func mergeOptions(_ base: CoreDirConf, into merged: inout CoreDirConf) {
        guard !optionsAreSet else { return }
        merged.optionsAreSet = base.optionsAreSet
        merged.options = base.options.union(optionsAdded).subtracting(optionsRemoved)
        merged.optionsAdded = base.optionsAdded.subtracting(optionsRemoved).union(optionsAdded)
        merged.optionsRemoved = base.optionsRemoved.subtracting(optionsAdded).union(optionsRemoved)
    }

    private func mergedErrorDocuments(_ base: CoreDirConf, _ arena: Arena.Ref) -> UnsafeBufferPointer<ErrorDocument> {
        guard !errorDocuments.isEmpty else { return base.errorDocuments }
        guard !base.errorDocuments.isEmpty else { return errorDocuments }
        let own = Array(errorDocuments)
        let kept = base.errorDocuments.filter { old in !own.contains { $0.status == old.status } }
        return UnsafeBufferPointer(arena.copy(kept + own))
    }
}

/// Log levels of one scope: a default, and one for each module that was named.
struct LogLevels: BitwiseCopyable {
    var standard: Int32
    /// By module index; -1: the default.
    var modules: UnsafePointer<Int8>?
    var moduleCount: Int32

    @inline(__always)
    func level(of module: Int) -> Int32 {
        guard let modules, module < Int(moduleCount), modules[module] >= 0 else { return standard }
        return Int32(modules[module])
    }
}

/// What the request path reads of a server's limits: everything settled, times in microseconds.
struct ServerLimits: BitwiseCopyable {
    var timeout: Int64 = 60_000_000
    var keepAliveTimeout: Int64 = 5_000_000
    var maxKeepAliveRequests: Int32 = 100
    var keepAlive = true
    var traceEnable = CoreServerConf.TraceEnable.on
    var requestLine: Int32 = 8190
    var requestFields: Int32 = 100
    var requestFieldSize: Int32 = 8190
    var encodedSlashes = CoreServerConf.EncodedSlashes.refused
    var mergeSlashes = true
    var strictHostCheck = false
    var registeredMethodsOnly = false
    var internalRedirects: UInt8 = 10
    var subrequests: UInt8 = 10
    /// Whether requests may ask to be traced.
    var traces = false

    init() {}

    init(_ conf: CoreServerConf) {
        timeout = conf.timeout ?? timeout
        keepAliveTimeout = conf.keepAliveTimeout ?? keepAliveTimeout
        maxKeepAliveRequests = conf.maxKeepAliveRequests ?? maxKeepAliveRequests
        // Who may not wait for a request need not be kept.
        keepAlive = (conf.keepAlive ?? keepAlive) && keepAliveTimeout > 0
        traceEnable = conf.traceEnable ?? traceEnable
        requestLine = conf.limitRequestLine ?? requestLine
        requestFields = conf.limitRequestFields ?? requestFields
        requestFieldSize = conf.limitRequestFieldSize ?? requestFieldSize
        encodedSlashes = conf.encodedSlashes ?? encodedSlashes
        mergeSlashes = conf.mergeSlashes ?? mergeSlashes
        strictHostCheck = conf.strictHostCheck ?? strictHostCheck
        registeredMethodsOnly = conf.registeredMethodsOnly ?? registeredMethodsOnly
        internalRedirects = conf.limitInternalRedirects ?? internalRedirects
        subrequests = conf.limitSubrequests ?? subrequests
        traces = conf.traceSecret.isSet
    }
}
