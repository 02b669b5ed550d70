import ByteKit
import CSystem
import Glibc
import ModuleABI

/// Digests of files, in base64: the SHA-1 for entity tags by content (FileETag Digest), as httpd composes them, and the MD5 for
/// ContentDigest.
///
/// Computed once for each state of a file that is kept open. What is not at hand in memory is read by a thread of the pool.
enum FileDigest {
    /// Calls `next` once a digest of the file is known: now, or when a thread has read the file.
    static func whenKnown<Function: BlockHash>(
        _ function: Function.Type, _ place: WritableKeyPath<CachedFile, Bytes>, _ r: Request.Ref, _ file: CachedFile.Ref,
        _ next: @escaping (Request.Ref, CachedFile.Ref) -> apus_status
    ) -> apus_status {
        if file.pointee[keyPath: place].isSet { return next(r, file) }
        if file.pointee.content.isSet || file.pointee.info.size == 0 {
            let content = file.pointee.content.isSet ? file.pointee.content : Bytes("")
            Function.digest(content) { file.pointee[keyPath: place] = encoded($0) }
            return next(r, file)
        }
        // The thread reads on when the request goes.
        file.pointee.holders += 1
        let id = Tasks.suspend(r, nil, nil)
        nonisolated(unsafe) let file = file
        nonisolated(unsafe) let next = next
        nonisolated(unsafe) let place = place
        BlockingPool.shared.submit {
            let digest = read(Function.self, file.pointee.fd)
            theWorker.pointee.loop.call {
                if file.pointee[keyPath: place].isSet {
                    free(UnsafeMutableRawPointer(mutating: digest.ptr))
                } else {
                    file.pointee[keyPath: place] = digest
                }
                Tasks.resume(id, { r in next(r, file) }, otherwise: {})
                CachedFile.release(file)
            }
        }
        return APUS_SUSPENDED
    }

    private static func encoded(_ digest: Bytes) -> Bytes {
        let length = Base64.encodedLength(digest.count)
        guard let place = malloc(length) else { outOfMemory(length) }
        var writer = ByteWriter(place, capacity: length)
        Base64.encode(digest, &writer)
        return writer.written
    }

    /// [pool thread] The digest of what a file holds; none: it cannot be read. The caller frees it.
    private static func read<Function: BlockHash>(_ function: Function.Type, _ fd: Int32) -> Bytes {
        let size = 256 << 10
        let room = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
        defer { room.deallocate() }
        var hasher = BlockHasher<Function>()
        var offset: off_t = 0
        while true {
            let count = pread(fd, room, size, offset)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return .none }
            if count == 0 { break }
            hasher.update(Bytes(room, count: count))
            offset += off_t(count)
        }
        hasher.finish(into: room)
        return encoded(Bytes(room, count: Function.length))
    }
}
