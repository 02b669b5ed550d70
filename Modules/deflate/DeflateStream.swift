import CZlib
import Glibc
import ModuleKit

/// A zlib stream that compresses. Making one takes some 260 kilobytes of memory, so used ones are kept for the next.
struct DeflateStream {
    private let stream: UnsafeMutablePointer<z_stream>
    private let settings: DeflateServerConf.Settings
    private(set) var checksum = crc32(0, nil, 0)

    /// Used streams, of this process's loop alone.
    nonisolated(unsafe) private static var idle: [(stream: UnsafeMutablePointer<z_stream>, settings: DeflateServerConf.Settings)] = []
    private static let idleLimit = 16

    /// Nil: there is no memory.
    init?(_ settings: DeflateServerConf.Settings) {
        self.settings = settings
        if let index = Self.idle.lastIndex(where: { $0.settings == settings }) {
            stream = Self.idle.remove(at: index).stream
            return
        }
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        // A raw stream: the head and the end of gzip are written here.
        guard cz_deflate_init(stream, settings.level, -settings.windowSize, settings.memoryLevel) == Z_OK else {
            stream.deallocate()
            return nil
        }
    }

    func giveBack() {
        if Self.idle.count < Self.idleLimit, deflateReset(stream) == Z_OK { return Self.idle.append((stream, settings)) }
        deflateEnd(stream)
        stream.deallocate()
    }

    var totalIn: UInt { stream.pointee.total_in }
    var totalOut: UInt { stream.pointee.total_out }

    /// Compresses bytes onto the end of a chain. False: zlib failed.
    mutating func write(_ bytes: Bytes, _ flush: Int32, to chain: Chain) -> Bool {
        let start = UnsafeMutablePointer<UInt8>(
            mutating: bytes.buffer.baseAddress?.assumingMemoryBound(to: UInt8.self))
        if !bytes.isEmpty { checksum = crc32(checksum, start, uInt(bytes.count)) }
        stream.pointee.next_in = start
        stream.pointee.avail_in = uInt(bytes.count)
        while true {
            guard let room = malloc(settings.bufferSize) else { return false }
            stream.pointee.next_out = room.assumingMemoryBound(to: UInt8.self)
            stream.pointee.avail_out = uInt(settings.bufferSize)
            let status = deflate(stream, flush)
            let made = settings.bufferSize - Int(stream.pointee.avail_out)
            if made > 0 { chain.append(owned: room, count: made) } else { free(room) }
            if status == Z_STREAM_END { return true }
            // No progress is no error: there was nothing left to do.
            guard status == Z_OK || status == Z_BUF_ERROR else { return false }
            if stream.pointee.avail_out > 0 { return flush != Z_FINISH || status == Z_STREAM_END }
        }
    }
}
