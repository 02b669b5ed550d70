import CZlib
import Glibc
import ModuleKit

/// A zlib stream that takes gzip's compression off: one member or several (RFC 1952, 2.2).
final class InflateStream {
    enum Outcome {
        case goesOn
        /// The data is over; what follows is no gzip.
        case ended
        case broken
        /// The bytes so far are refused by `mayGoOn`.
        case refused
    }

    private enum Position: Equatable {
        case inMember
        /// A member has ended, and so many of the bytes that begin a further one have come.
        case behindMember(Int)
        case atEnd
    }

    private static let firstBytes: [UInt8] = [0x1f, 0x8b]

    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    private var position = Position.inMember
    private(set) var totalIn: UInt64 = 0
    private(set) var totalOut: UInt64 = 0
    private static let bufferSize = 16 << 10

    /// Nothing is lacking, should no more bytes come.
    var isAtEnd: Bool { position != .inMember }

    init?() {
        stream.initialize(to: z_stream())
        guard cz_inflate_init(stream, 15 + 16) == Z_OK else {
            stream.deallocate()
            return nil
        }
    }

    deinit {
        // After a failed initialisation there is no state, which zlib notices.
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Inflates bytes onto the end of a chain. `mayGoOn` is asked after each buffer.
    func write(_ bytes: Bytes, to chain: Chain, mayGoOn: (InflateStream) -> Bool = { _ in true }) -> Outcome {
        if position == .atEnd { return .ended }
        stream.pointee.next_in = UnsafeMutablePointer<UInt8>(
            mutating: bytes.buffer.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = uInt(bytes.count)
        while true {
            if position != .inMember, !beginNextMember() { return position == .atEnd ? .ended : .goesOn }
            let before = stream.pointee.avail_in
            guard let room = malloc(Self.bufferSize) else { return .broken }
            stream.pointee.next_out = room.assumingMemoryBound(to: UInt8.self)
            stream.pointee.avail_out = uInt(Self.bufferSize)
            let status = inflate(stream, Z_SYNC_FLUSH)
            let made = Self.bufferSize - Int(stream.pointee.avail_out)
            if made > 0 { chain.append(owned: room, count: made) } else { free(room) }
            totalIn += UInt64(before - stream.pointee.avail_in)
            totalOut += UInt64(made)
            switch status {
            case Z_STREAM_END: position = .behindMember(0)
            case Z_OK: break
            // Nothing left to read or to write.
            case Z_BUF_ERROR: return .goesOn
            default: return .broken
            }
            guard mayGoOn(self) else { return .refused }
            if stream.pointee.avail_in == 0, stream.pointee.avail_out > 0 { return .goesOn }
        }
    }

    /// Takes the bytes that another member begins with, which may come apart. False: they have not all come, or something else
    /// follows, which is passed over.
    private func beginNextMember() -> Bool {
        while case .behindMember(let count) = position, stream.pointee.avail_in > 0, let next = stream.pointee.next_in {
            guard next.pointee == Self.firstBytes[count] else {
                position = .atEnd
                return false
            }
            stream.pointee.next_in = next + 1
            stream.pointee.avail_in -= 1
            totalIn += 1
            position = .behindMember(count + 1)
            if count + 1 == Self.firstBytes.count { return beginMember() }
        }
        return false
    }

    /// A new member, whose first bytes have been taken off the input.
    private func beginMember() -> Bool {
        let (next, count) = (stream.pointee.next_in, stream.pointee.avail_in)
        defer { (stream.pointee.next_in, stream.pointee.avail_in) = (next, count) }
        let isBegun = Self.firstBytes.withUnsafeBufferPointer { bytes -> Bool in
            stream.pointee.next_in = UnsafeMutablePointer(mutating: bytes.baseAddress)
            stream.pointee.avail_in = uInt(bytes.count)
            // The bytes make no output, whose place is the last buffer's.
            stream.pointee.avail_out = 0
            return inflateReset(stream) == Z_OK && inflate(stream, Z_SYNC_FLUSH) == Z_OK
        }
        position = isBegun ? .inMember : .atEnd
        return isBegun
    }
}

extension Request {
    /// Takes gzip off the end of a list of codings. False: it is not the last of them.
    func removeGzip(from fields: HeaderFields) -> Bool {
        guard let value = fields["Content-Encoding"] else { return false }
        guard let rest = value.withoutLastGzip else { return false }
        fields["Content-Encoding"] = rest.isEmpty ? nil : rest
        return true
    }
}

extension apus_str {
    /// A list of codings without gzip at its end; nil: it does not end so.
    var withoutLastGzip: Bytes? {
        let comma = lastIndex(of: UInt8(ascii: ","))
        let last = from(comma.map { $0 + 1 } ?? 0).trimmed
        guard last.equalsIgnoringCase("gzip") || last.equalsIgnoringCase("x-gzip") else { return nil }
        return comma.map { upTo($0).trimmed } ?? Bytes("")
    }
}
