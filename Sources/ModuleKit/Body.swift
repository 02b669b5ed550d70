public import ByteKit
public import ModuleABI

/// A body, or part of one, as a chain of segments.
public struct Chain {
    public let raw: OpaquePointer

    public init(_ raw: OpaquePointer) { self.raw = raw }

    public init(in pool: Pool) { raw = bodyTable.pointee.chain(pool.raw).unsafelyUnwrapped }

    public var isEmpty: Bool { first == nil }
    public var length: Int64 { bodyTable.pointee.length(raw) }

    /// The first segment; valid until the chain changes.
    public var first: apus_segment? {
        var segment = apus_segment()
        segment.size = UInt32(MemoryLayout<apus_segment>.size)
        return bodyTable.pointee.peek(raw, &segment) == APUS_OK ? segment : nil
    }

    public func append(_ bytes: Bytes) { _ = bodyTable.pointee.append_copy(raw, bytes) }

    public func append(_ text: String) {
        var text = text
        text.withUTF8 { append(Bytes(UnsafeRawBufferPointer($0))) }
    }

    public func appendFlush() { _ = bodyTable.pointee.append_mark(raw, APUS_SEG_FLUSH) }
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

    /// Calls `body` once on the connection's loop when reading or writing can go on.
    public func when(_ want: UInt32, _ body: @escaping (Request) -> Void) {
        let box = HookBox(host: host, body)
        _ = bodyTable.pointee.when(
            raw, want,
            { ctx, r in
                let box = Unmanaged<HookBox<(Request) -> Void>>.fromOpaque(ctx.unsafelyUnwrapped).takeRetainedValue()
                box.body(Request(r.unsafelyUnwrapped, host: box.host))
            }, Unmanaged.passRetained(box).toOpaque())
    }
}
