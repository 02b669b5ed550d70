import COpenSSL
import Glibc

/// OpenSSL's memory. A handshake takes and returns some four hundred blocks of always the same sizes, more than the C library
/// keeps at hand of each; here those that come back to the worker's loop wait for the next connection. They are blocks of malloc
/// all the same, and may be given back to it anywhere.
enum LibraryMemory {
    /// In a process with one thread, before OpenSSL has been used. Without effect when it has: then its memory is as ever.
    static func install() {
        guard CRYPTO_set_mem_functions(takeBlock, resizeBlock, returnBlock) == 1 else { return }
        classes = makeClasses()
        owner = pthread_self()
    }

    /// Sizes up to here come in steps of 16 bytes, those up to the largest in steps of 1024: a record's buffers are among them.
    private static let smallLimit = 1024
    private static let largeLimit = 32 * 1024
    private static let firstLarge = smallLimit / 16 + 1
    fileprivate static let classCount = firstLarge + largeLimit / 1024 + 1
    /// What may wait in each class: enough for a few handshakes.
    fileprivate static let smallRoom = 16 * 1024
    fileprivate static let largeRoom = 64 * 1024

    /// The class whose blocks hold so many bytes, and their size; nil: such blocks are not kept.
    @inline(__always)
    fileprivate static func fitting(_ size: Int) -> (index: Int, size: Int)? {
        if size <= smallLimit { return ((size + 15) >> 4, (size + 15) & ~15) }
        guard size <= largeLimit else { return nil }
        return (firstLarge + (size + 1023) >> 10, (size + 1023) & ~1023)
    }

    /// The class that a block of so many bytes can serve; nil: none. Below 16, which the C library's own blocks never are and
    /// those of an allocator in its place may be, there is not even room for the place of the next.
    @inline(__always)
    fileprivate static func served(by size: Int) -> (index: Int, size: Int)? {
        guard size >= 16 else { return nil }
        if size < smallLimit + 16 { return (size >> 4, size & ~15) }
        guard size >= 2048, size < largeLimit + 1024 else { return nil }
        return (firstLarge + size >> 10, size & ~1023)
    }

    fileprivate static func makeClasses() -> UnsafeMutablePointer<BlockClass> {
        let classes = UnsafeMutablePointer<BlockClass>.allocate(capacity: classCount)
        for index in 0..<classCount {
            (classes + index).initialize(to: BlockClass(room: index < firstLarge ? smallRoom : largeRoom))
        }
        return classes
    }
}

/// Blocks of one size that wait.
private struct BlockClass {
    /// Each holds the place of the next.
    var first: UnsafeMutableRawPointer?
    /// How many more bytes may wait.
    var room: Int
}

/// The thread whose blocks wait: the main one, which is every worker's loop after the fork.
nonisolated(unsafe) private var owner: pthread_t = 0
nonisolated(unsafe) private var classes: UnsafeMutablePointer<BlockClass>?

private func takeBlock(_ size: Int, _ file: UnsafePointer<CChar>?, _ line: Int32) -> UnsafeMutableRawPointer? {
    guard size > 0 else { return nil }
    guard pthread_self() == owner, let (index, rounded) = LibraryMemory.fitting(size) else { return malloc(size) }
    let place = classes.unsafelyUnwrapped + index
    guard let block = place.pointee.first else { return malloc(rounded) }
    place.pointee.first = block.load(as: UnsafeMutableRawPointer?.self)
    place.pointee.room &+= rounded
    return block
}

private func returnBlock(_ block: UnsafeMutableRawPointer?, _ file: UnsafePointer<CChar>?, _ line: Int32) {
    guard let block else { return }
    guard pthread_self() == owner, let (index, size) = LibraryMemory.served(by: malloc_usable_size(block)) else {
        return free(block)
    }
    let place = classes.unsafelyUnwrapped + index
    guard place.pointee.room >= size else { return free(block) }
    block.storeBytes(of: place.pointee.first, as: UnsafeMutableRawPointer?.self)
    place.pointee.first = block
    place.pointee.room &-= size
}

private func resizeBlock(
    _ block: UnsafeMutableRawPointer?, _ size: Int, _ file: UnsafePointer<CChar>?, _ line: Int32
) -> UnsafeMutableRawPointer? {
    guard size > 0 else {
        returnBlock(block, file, line)
        return nil
    }
    return realloc(block, size)
}
