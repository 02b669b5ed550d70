public import ByteKit
import Glibc
public import ModuleABI

/// One thing that a filter finds in a chain.
public enum BodyPiece {
    /// Bytes that live during the call.
    case data(Bytes)
    /// What came before is to be sent now.
    case flush
    /// The body is at its end.
    case end
    /// Part of a file that cannot be read.
    case unreadable
}

extension Chain {
    private static let readSize = 32 << 10

    /// Takes the chain apart from its front, until it is empty or `body` answers false. Files are read piece by piece.
    public func takePieces(_ body: (BodyPiece) -> Bool) {
        while let segment = first {
            switch segment.kind {
            case APUS_SEG_DATA:
                let goesOn = segment.data.isEmpty || body(.data(segment.data))
                dropFirst()
                if !goesOn { return }
            case APUS_SEG_FILE: if !takeFile(segment, body) { return }
            default:
                let piece = segment.kind == APUS_SEG_END ? BodyPiece.end : .flush
                dropFirst()
                if !body(piece) { return }
            }
        }
    }

    private func takeFile(_ segment: apus_segment, _ body: (BodyPiece) -> Bool) -> Bool {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.readSize) { room in
            var (offset, left) = (segment.offset, segment.length)
            while left > 0 {
                let got = pread(segment.fd, room.baseAddress, min(room.count, Int(left)), off_t(offset))
                guard got > 0 else {
                    if got < 0, errno == EINTR { continue }
                    dropFirst()
                    return body(.unreadable)
                }
                let goesOn = body(.data(Bytes(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(room)[..<got]))))
                offset += Int64(got)
                left -= Int64(got)
                if !goesOn {
                    drop(got == Int(segment.length) ? .max : Int(segment.length - left))
                    return false
                }
            }
            dropFirst()
            return true
        }
    }

    /// Moves up to so many bytes from the front of `other`, with the marks between and behind them, to the end.
    public func take(_ other: Chain, atMost count: Int) { bodyTable.pointee.move(raw, other.raw, count) }

    /// Drops so many bytes of the first segment.
    public func drop(_ count: Int) { bodyTable.pointee.drop(raw, count) }

    /// Appends bytes that malloc gave, which the chain frees.
    public func append(owned start: UnsafeMutableRawPointer, count: Int) {
        _ = bodyTable.pointee.append_borrowed(raw, Bytes(start, count: count), { free($0) }, start)
    }

    /// Appends bytes that live as long as the request.
    public func append(lasting bytes: Bytes) { _ = bodyTable.pointee.append_borrowed(raw, bytes, nil, nil) }

    /// Appends part of an open file; with `owned` the chain closes it.
    public func append(file fd: Int32, offset: Int64, length: Int64, owned: Bool) {
        _ = bodyTable.pointee.append_file(raw, fd, offset, length, owned ? 1 : 0)
    }
}
