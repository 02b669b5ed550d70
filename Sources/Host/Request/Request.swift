import ByteKit
import Glibc
import ModuleABI

/// One request: what a module knows as apus_req. Lies in its own arena; its strings live as long as it does.
struct Request {
    typealias Ref = UnsafeMutablePointer<Request>

    var conn: Connection.Ref
    var server: Server.Ref
    var arena: Arena.Ref
    /// The request it is a sub-request of.
    var main: Ref?
    /// The request that was internally redirected to it.
    var previous: Ref?
    /// The sub-request that runs for it, and where a running sub-request's answer goes.
    var running: Ref?
    var sink: SubrequestSink?
    /// Who frees a looked-up request.
    var owner: UnsafeMutablePointer<Lookup.Owner>?

    // The head
    var method = Bytes.none
    var methodKind = Method.unknown
    var isHead = false
    var isHTTP11 = true
    var target = Bytes.none
    var path = Bytes.none
    var query = Bytes.none
    var requestLine = Bytes.none
    var protocolName = Bytes.none
    var host = Bytes.none
    var port: Int32 = 0
    var framing = Framing()
    var headersIn = FieldTable()
    var trailersIn = FieldTable()

    // What the phases find out
    var filename = Bytes.none
    var pathInfo = Bytes.none
    var handler = Bytes.none
    var contentType = Bytes.none
    var contentEncoding = Bytes.none
    var contentLanguage = Bytes.none
    var user = Bytes.none
    var authType = Bytes.none
    var localRoot = Bytes.none
    var contextPrefix = Bytes.none
    /// Who the client is, when a module knows better than the connection.
    var peerAddress = Bytes.none
    var peerPort: UInt16 = 0
    /// What HostnameLookups found out; the address, when there is no name.
    var peerName = Bytes.none
    /// What UseCanonicalName DNS found out.
    var localName = Bytes.none
    var file = FileInfo()
    /// The file named by `filename`, when it is open; held until the request's memory goes.
    var openFile: CachedFile.Ref?
    var conf: UnsafePointer<MergedConf>
    var notes = FieldTable()
    /// See LogID; of the request that the client sent.
    var logID = Bytes.none
    var environment = FieldTable(isCaseSensitive: true)
    var slots: UnsafeMutablePointer<UnsafeMutableRawPointer?>?

    // Where it is on its way
    var step = Step.postReadRequest
    /// The next link of the step's hook.
    var link = 0
    var suspension = Suspension()
    var telling = Telling.silent
    /// Inlined: a call would be given a copy of the request.
    var isExplain: Bool { @inline(__always) get { telling == .explained || telling == .rehearsed } }
    /// Internal redirects before it, and sub-requests around it.
    var redirects: UInt8 = 0
    var nesting: UInt8 = 0
    /// The expression that asks for a sub-request of it.
    var asking: Expression.Ref?
    var isInErrorPage = false
    /// See Epochs: the one it began in.
    var epoch: UInt8 = 0

    // The body that comes
    var body = BodyReader()
    /// What a module gave in the place of what came; see BodyInput.replace.
    var givenBody = Bytes.none
    /// Since when it is waited for; 0: it never was.
    var bodySince: Int64 = 0
    var isWaitingForBody = false
    var hasBodyTimedOut = false
    var inputFilters: UnsafeMutablePointer<FilterInstance>?

    // The answer
    var status: Int32 = 200
    /// The status that `reason` is said with; 0: none.
    var reasonStatus: Int32 = 0
    var reason = Bytes.none
    var headersOut = FieldTable()
    var errorHeadersOut = FieldTable()
    var trailersOut = FieldTable()
    var response = ResponseState()
    var outputFilters: UnsafeMutablePointer<FilterInstance>?
    /// The output filters have been told that the head is complete.
    var filtersArePrepared = false
    /// One of its filters has failed, and that is counted.
    var filterHasFailed = false
    /// What waits to go through them.
    var feed = OutputFeed()
    var noCache = false

    /// What the connection had been read before it.
    var consumedBefore: Int64
    /// When its first byte came, microseconds since 1970.
    var startTime: Int64

    init(conn: Connection.Ref, server: Server.Ref, arena: Arena.Ref, startTime: Int64) {
        self.conn = conn
        self.server = server
        self.arena = arena
        self.startTime = startTime
        consumedBefore = conn.pointee.input.consumed
        conf = UnsafePointer(server.pointee.dirConf)
    }
}

/// What is known of the file a request names.
struct FileInfo: BitwiseCopyable {
    enum Kind: UInt8, BitwiseCopyable {
        case none, regular, directory, other
    }

    var kind = Kind.none
    var size: Int64 = 0
    /// Nanoseconds since 1970.
    var modified: Int64 = 0
    var changed: Int64 = 0
    var inode: UInt64 = 0
    var device: UInt64 = 0
    /// How the file may be opened, when links were looked at; see LinkRules.
    var links = Links.any

    enum Links: UInt8, BitwiseCopyable {
        /// Options allows them everywhere.
        case any
        /// The path was seen to lead through none, and must not when it is opened.
        case none
        /// It leads through some that are allowed, which must still be so when it is open.
        case allowed
    }

    init() {}

    init(_ info: stat) {
        kind = switch info.st_mode & S_IFMT {
        case S_IFREG: .regular
        case S_IFDIR: .directory
        default: .other
        }
        size = Int64(info.st_size)
        modified = FileInfo.nanoseconds(info.st_mtim)
        changed = FileInfo.nanoseconds(info.st_ctim)
        inode = UInt64(info.st_ino)
        device = UInt64(info.st_dev)
    }

    /// Since 1970. Files may be dated beyond what that can say, 1677 to 2262: then it is the nearest.
    @inline(__always)
    private static func nanoseconds(_ time: timespec) -> Int64 {
        let (whole, isBeyond) = Int64(time.tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
        return isBeyond ? (time.tv_sec < 0 ? .min : .max) : whole &+ Int64(time.tv_nsec)
    }

    /// Whether nothing tells that the file has been changed between two looks.
    func isSame(as other: FileInfo) -> Bool {
        inode == other.inode && size == other.size && modified == other.modified && changed == other.changed
            && device == other.device
    }
}

/// How far an answer has come.
struct ResponseState {
    enum Framing: UInt8 {
        /// No body follows the head: HEAD, 204, 304.
        case none
        case length, chunked
        /// The body ends with the connection.
        case close
    }

    var headIsSent = false
    var isEnded = false
    /// It is the server's own page for a status, or the text of an ErrorDocument.
    var isOwnPage = false
    var framing = Framing.none
    var keepsAlive = false
    /// Body bytes announced by Content-Length and not handed out yet.
    var lengthLeft: Int64 = 0
    var bodySent: Int64 = 0
    var wireSent: Int64 = 0
    /// The version of the header fields at which they were the strong validators of a file and nothing else; 0: they never were.
    var plainVersion: UInt32 = 0
    var continueIsSent = false
    /// The client's taking of it is looked at; what it had taken when it was last looked at.
    var isWatched = false
    var takenBefore: Int64 = 0
    var whenWritable: Callback?
    var whenReadable: Callback?

    struct Callback {
        var fn: @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?) -> Void
        var ctx: UnsafeMutableRawPointer?
        /// Whose it is, when it is a module's.
        var callback = Activity.Callback(word: 0)

        func run(_ r: Request.Ref) { Activity.during(callback) { fn(ctx, r.handle) } }
    }
}

/// A hook that waits.
struct Suspension {
    var isActive = false
    /// The suspension was made but the hook has not returned yet.
    var isPending = false
    /// A resume that came before the hook returned.
    var early: apus_status?
    /// The name a module was given; 0: none.
    var id: UInt64 = 0
    /// Raised with each suspension, so that old names are stale.
    var generation: UInt32 = 0
    var moduleIndex: UInt32 = 0
    var onCancel: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?
    var cancelContext: UnsafeMutableRawPointer?
    /// While lent to a thread of the pool.
    var isLent = false
    /// While on_cancel runs.
    var ending = Ending.none
    /// It waited too long; its answer waits for those that hold it.
    var isTimedOut = false
    var lentStore: UnsafeMutablePointer<ChunkStore>?

    /// Whether on_cancel may hold the request: not when its memory goes whatever it says.
    enum Ending { case none, holdable, final }
}

extension UnsafeMutablePointer where Pointee == Request {
    var handle: OpaquePointer { OpaquePointer(self) }

    @inline(__always)
    static func of(_ handle: OpaquePointer?) -> Request.Ref { Request.Ref(handle.unsafelyUnwrapped) }

    var core: CoreDirConf { pointee.conf.pointee.core.pointee }

    /// Copies text into the request's arena.
    func copy(_ bytes: Bytes) -> Bytes { bytes.isSet ? (bytes.isEmpty ? Bytes("") : pointee.arena.copy(bytes)) : .none }
}
