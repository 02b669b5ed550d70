import ByteKit
import Glibc

/// What the lines of the error log have in common that are about one connection or request: %L. Given with the first line.
enum LogID {
    static let length = 11

    static func of(_ conn: Connection.Ref) -> UInt64 {
        if conn.pointee.logID == 0 { conn.pointee.logID = make(conn.pointee.id, Clock.now()) }
        return conn.pointee.logID
    }

    /// That of the request which the client sent; UNIQUE_ID where it is known.
    static func of(_ r: Request.Ref) -> Bytes {
        let first = original(r)
        if !first.pointee.logID.isSet {
            let id = make(first.pointee.conn.pointee.id, first.pointee.startTime &+ Int64(first.pointee.conn.pointee.requests) << 44)
            first.pointee.logID = first.pointee.environment.first("UNIQUE_ID") ?? text(id, first.pointee.arena)
        }
        return first.pointee.logID
    }

    static func original(_ r: Request.Ref) -> Request.Ref {
        var first = r
        while let outer = first.pointee.main ?? first.pointee.previous { first = outer }
        return first
    }

    /// Two of one process differ by connection or time, those of two processes by the process; never 0.
    private static func make(_ connection: UInt64, _ time: Int64) -> UInt64 {
        var mixed = UInt64(bitPattern: time) ^ connection << 20 ^ UInt64(UInt32(bitPattern: getpid())) << 40
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return max(mixed ^ mixed >> 31, 1)
    }

    /// The identity of a connection as text, if it has one.
    static func text(of conn: Connection.Ref) -> Bytes { conn.pointee.logID == 0 ? .none : text(conn.pointee.logID, conn.pool) }

    private static func text(_ id: UInt64, _ arena: Arena.Ref) -> Bytes {
        var writer = ByteWriter(arena.pointee.allocate(16), capacity: 16)
        write(id, &writer)
        return writer.written
    }

    /// Eleven characters; the padding says nothing.
    static func write(_ id: UInt64, _ writer: inout ByteWriter) {
        let end = writer.count + length
        withUnsafeBytes(of: id) { Base64.encode(Bytes($0), &writer) }
        writer.shorten(to: end)
    }
}
