import Glibc
import ModuleKit

/// A database file that keeps objects until they expire. What throws has changed nothing. For any thread.
protocol Engine: AnyObject {
    /// The longest data it takes.
    var longestData: Int { get }
    func store(_ id: Bytes, expires: Int64, _ data: Bytes) throws(EngineProblem)
    /// Calls `found` with the data of an object that has not expired; they live during the call.
    func retrieve(_ id: Bytes, now: Int64, _ found: (Bytes) -> Void) throws(EngineProblem)
    func remove(_ id: Bytes) throws(EngineProblem)
    /// Removes some of the objects that have expired, in little time.
    /// - Returns: how many; 0: there are none left.
    func sweep(now: Int64) throws(EngineProblem) -> Int
    /// Brings to disk what was written.
    func settle() throws(EngineProblem)
    /// Reads everything there is, to find damage.
    func examine() throws(EngineProblem)
    var entries: Int { get }
    var bytes: Int { get }
}

/// Why a database did not do what it should.
struct EngineProblem: Error {
    /// The file is damaged, or not of this kind: only another one helps.
    let isDamage: Bool
    /// The reason of the system; 0: it was another.
    let code: Int32
    let text: String

    static func system(_ code: Int32) -> EngineProblem {
        EngineProblem(isDamage: false, code: code, text: String(cString: strerror(code)))
    }
}

/// An object as it is kept: when it expires, its id if it is longer than a key may be, its data.
enum Entry {
    static let headLength = 12

    static func length(longID: Int, data: Int) -> Int { headLength + longID + data }

    static func write(_ place: UnsafeMutableRawPointer, expires: Int64, longID: Bytes, _ data: Bytes) {
        place.storeBytes(of: expires, as: Int64.self)
        place.storeBytes(of: UInt32(longID.count), toByteOffset: 8, as: UInt32.self)
        if let bytes = longID.ptr { memcpy(place + headLength, bytes, longID.count) }
        if let bytes = data.ptr { memcpy(place + headLength + longID.count, bytes, data.count) }
    }

    /// - Returns: nil when it cannot be one.
    static func read(_ bytes: Bytes) -> (expires: Int64, longID: Bytes, data: Bytes)? {
        guard bytes.count >= headLength else { return nil }
        let expires = bytes.buffer.loadUnaligned(as: Int64.self)
        let longID = Int(bytes.buffer.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
        guard longID <= bytes.count - headLength else { return nil }
        return (expires, bytes[headLength..<headLength + longID], bytes.from(headLength + longID))
    }
}
