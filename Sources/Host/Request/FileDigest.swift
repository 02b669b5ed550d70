import ByteKit
import CSystem
import Glibc
import ModuleABI

/// Entity tags by content (FileETag Digest): the SHA-1 of the file, in base64, as httpd composes them.
///
/// Computed once for each state of a file that is kept open. What is not at hand in memory is read by a thread of the pool.
enum FileDigest {
    /// Of base64.
    static let length = Base64.encodedLength(SHA1.length)

    /// Calls `next` once the file's digest is known: now, or when a thread has read the file.
    static func whenKnown(
        _ r: Request.Ref, _ file: CachedFile.Ref, _ next: @escaping (Request.Ref, CachedFile.Ref) -> apus_status
    ) -> apus_status {
        if file.pointee.digest.isSet { return next(r, file) }
        if file.pointee.content.isSet || file.pointee.info.size == 0 {
            let content = file.pointee.content.isSet ? file.pointee.content : Bytes("")
            SHA1.digest(content) { file.pointee.digest = encoded($0) }
            return next(r, file)
        }
        // The thread reads on when the request goes.
        file.pointee.holders += 1
        let id = Tasks.suspend(r, nil, nil)
        nonisolated(unsafe) let file = file
        nonisolated(unsafe) let next = next
        BlockingPool.shared.submit {
            nonisolated(unsafe) let digest = read(file.pointee.fd)
            theWorker.pointee.loop.call {
                if file.pointee.digest.isSet { free(digest) } else if let digest { file.pointee.digest = Bytes(digest, count: length) }
                Tasks.resume(id, { r in next(r, file) }, otherwise: {})
                CachedFile.release(file)
            }
        }
        return APUS_SUSPENDED
    }

    private static func encoded(_ digest: Bytes) -> Bytes {
        guard let place = malloc(length) else { outOfMemory(length) }
        var writer = ByteWriter(place, capacity: length)
        Base64.encode(digest, &writer)
        return writer.written
    }

    /// [pool thread] The digest of what a file holds; nil: it cannot be read. The caller frees it.
    private static func read(_ fd: Int32) -> UnsafeMutableRawPointer? {
        let size = 256 << 10
        let room = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
        defer { room.deallocate() }
        var hasher = BlockHasher<SHA1>()
        var offset: off_t = 0
        while true {
            let count = pread(fd, room, size, offset)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return nil }
            if count == 0 { break }
            hasher.update(Bytes(room, count: count))
            offset += off_t(count)
        }
        hasher.finish(into: room)
        return UnsafeMutableRawPointer(mutating: encoded(Bytes(room, count: SHA1.length)).ptr)
    }
}
