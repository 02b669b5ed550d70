public import ByteKit
public import ModuleABI

/// A body, or part of one, as a chain of segments.
public struct Chain {
    /// The handle, for functions of apus/body.h that have no face here.
    public let raw: OpaquePointer

    /// A chain of the host's.
    public init(_ raw: OpaquePointer) { self.raw = raw }

    /// A new, empty chain that lives as long as the pool.
    public init(in pool: Pool) { raw = bodyTable.pointee.chain(pool.raw).unsafelyUnwrapped }

    /// Whether it holds no segment, not even a mark.
    public var isEmpty: Bool { first == nil }
    /// The bytes it holds.
    public var length: Int64 { bodyTable.pointee.length(raw) }

    /// The first segment; valid until the chain changes.
    public var first: apus_segment? {
        var segment = apus_segment()
        segment.size = UInt32(MemoryLayout<apus_segment>.size)
        return bodyTable.pointee.peek(raw, &segment) == APUS_OK ? segment : nil
    }

    /// Appends a copy of the bytes.
    public func append(_ bytes: Bytes) { _ = bodyTable.pointee.append_copy(raw, bytes) }

    /// Appends a copy of the text as UTF-8.
    public func append(_ text: String) {
        var text = text
        text.withUTF8 { append(Bytes(UnsafeRawBufferPointer($0))) }
    }

    /// Appends the mark that has all before it sent at once.
    public func appendFlush() { _ = bodyTable.pointee.append_mark(raw, APUS_SEG_FLUSH) }
    /// Appends the mark that ends a body.
    public func appendEnd() { _ = bodyTable.pointee.append_mark(raw, APUS_SEG_END) }

    /// Drops the first segment.
    public func dropFirst() { bodyTable.pointee.drop(raw, Int.max) }

    /// Moves everything that `other` holds to the end of this chain.
    public func take(_ other: Chain) { bodyTable.pointee.move(raw, other.raw, Int.max) }
}

extension Request {
    /// Reads more of the request body onto the end of the chain.
    public func read(_ max: Int = 65536, into chain: Chain) -> Status {
        Status(rawValue: bodyTable.pointee.read(raw, max, chain.raw))
    }

    /// Sends a chain through the output filters; it is empty afterwards.
    public func write(_ chain: Chain) -> Status { Status(rawValue: bodyTable.pointee.write(raw, chain.raw)) }

    /// Gives the request, whose body has been read, another one.
    public func replaceBody(_ bytes: Bytes) throws {
        try check(bodyTable.pointee.replace(raw, bytes), "cannot give the request another body")
    }

    /// Calls `body` once on the connection's loop when reading or writing can go on, unless the request ends before. On the
    /// loop; of each kind the last call counts.
    public func when(_ want: UInt32, _ body: @escaping (Request) -> Void) {
        let waits = Waits.of(self)
        let context = Unmanaged.passUnretained(waits).toOpaque()
        if want == APUS_WANT_READ {
            waits.forReading = body
            _ = bodyTable.pointee.when(raw, want, { ctx, r in Waits.goOn(ctx, r, \.forReading) }, context)
        } else {
            waits.forWriting = body
            _ = bodyTable.pointee.when(raw, want, { ctx, r in Waits.goOn(ctx, r, \.forWriting) }, context)
        }
    }
}

/// What waits for a request's body or for its client. The host forgets it when the request ends, so the request's pool owns it.
private final class Waits {
    private let host: UnsafePointer<apus_host>
    var forReading: ((Request) -> Void)?
    var forWriting: ((Request) -> Void)?

    private init(host: UnsafePointer<apus_host>) { self.host = host }

    /// By request, on the loop.
    nonisolated(unsafe) private static var all: [OpaquePointer: Waits] = [:]

    static func of(_ request: Request) -> Waits {
        if let waits = all[request.raw] { return waits }
        let waits = Waits(host: request.host)
        all[request.raw] = waits
        request.pool.onDestroy { all[request.raw] = nil }
        return waits
    }

    static func goOn(_ ctx: UnsafeMutableRawPointer?, _ r: OpaquePointer?, _ which: ReferenceWritableKeyPath<Waits, ((Request) -> Void)?>) {
        let waits = Unmanaged<Waits>.fromOpaque(ctx.unsafelyUnwrapped).takeUnretainedValue()
        guard let body = waits[keyPath: which] else { return }
        waits[keyPath: which] = nil
        body(Request(r.unsafelyUnwrapped, host: waits.host))
    }
}

extension Request {
    /// Sends an interim answer with the headers set so far; see apus/body.h.
    public func interim(_ status: Int32) -> Status { Status(rawValue: bodyTable.pointee.interim(raw, status)) }
}
