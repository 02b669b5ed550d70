import ByteKit
import CBerkeleyDB
import Glibc

/// What a database holds for a key, and the first of its values.
public struct DbmEntry: Sendable {
    /// Nil: there is no such key.
    public var value: [UInt8]?
    public var sample: [[UInt8]] = []

    public init() {}

    /// Bytes of the longest value that is taken.
    private static let longest = Int(CDB_LONGEST_VALUE)

    /// Reads them. [any thread]
    /// - Parameters:
    ///   - samples: how many values at most.
    ///   - waits: while somebody writes the file, or the machine is busy, longer than a second.
    public static func read(
        _ type: DbmType, _ path: String, _ key: [UInt8], samples: Int, waits: Bool
    ) throws(DbmProblem) -> DbmEntry {
        if type == .berkeley { return try readApart(path, key, samples, patience: waits ? 10_000 : 1000) }
        var entry = DbmEntry()
        let file = try openDbm(type, path, waits: waits)
        entry.value = try file.value(of: key)
        if let value = entry.value, value.count > longest { throw tooLong(value.count) }
        if samples > 0 {
            try file.forEach { _, value in
                entry.sample.append(value.count > longest ? [] : Array(value.buffer))
                return entry.sample.count < samples
            }
        }
        return entry
    }

    private static func tooLong(_ length: Int) -> DbmProblem {
        DbmProblem(description: "an entry has \(length) bytes, more than \(longest)")
    }

    /// Berkeley DB reads in a process of its own.
    private static func readApart(
        _ path: String, _ key: [UInt8], _ samples: Int, patience: Int64
    ) throws(DbmProblem) -> DbmEntry {
        var reply: UnsafeMutablePointer<UInt8>?
        var length = 0
        let status = cdb_read_apart(path, key, key.count, Int32(samples), patience, &reply, &length)
        defer { free(reply) }
        guard status >= 0 else {
            throw DbmProblem(description: "it is damaged: its reader ended by signal \(-status)")
        }
        guard status == 0 else {
            throw DbmProblem(description: "it cannot be read to its end: \(String(cString: strerror(status)))")
        }
        return try parse(UnsafeRawBufferPointer(start: reply, count: length))
    }

    /// Takes apart what the reader said.
    private static func parse(_ reply: UnsafeRawBufferPointer) throws(DbmProblem) -> DbmEntry {
        var place = 0
        func takeNumber() -> Int32? {
            guard place + 4 <= reply.count else { return nil }
            defer { place += 4 }
            return reply.loadUnaligned(fromByteOffset: place, as: Int32.self)
        }
        /// Nil: there is no further one. Empty, too, when it was too long to be said.
        func takeValue() -> (length: Int, bytes: [UInt8])? {
            guard let number = takeNumber() else { return nil }
            let count = Int(UInt32(bitPattern: number))
            guard count <= longest else { return (count, []) }
            guard place + count <= reply.count else { return nil }
            defer { place += count }
            return (count, Array(reply[place..<place + count]))
        }
        let damaged = DbmProblem(description: "it is damaged: its reader said nothing of use")
        guard let status = takeNumber() else { throw damaged }
        guard status == 0 || status == CDB_NOTFOUND else {
            throw DbmProblem(description: String(cString: db_strerror(status)))
        }
        var entry = DbmEntry()
        if status == 0 {
            guard let value = takeValue() else { throw damaged }
            guard value.length <= longest else { throw tooLong(value.length) }
            entry.value = value.bytes
        }
        while let value = takeValue() { entry.sample.append(value.bytes) }
        return entry
    }
}
