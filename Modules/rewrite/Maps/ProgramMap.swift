import Glibc
@_spi(Draft) import ModuleKit

/// A map whose values a program tells: a line with the key, a line with the value. One program serves all workers, one
/// look-up at a time.
struct ProgramMap: @unchecked Sendable {
    typealias Ref = UnsafeMutablePointer<ProgramMap>

    /// What the workers share.
    private struct Shared {
        /// Answers that nobody has read: their askers died, or lost patience. They are read, and forgotten, before the
        /// next question.
        var owed: Int64 = 0
    }

    let words: [Bytes]
    let user: Bytes
    let group: Bytes
    private var program: HelperProgram?
    private var lock: SharedMutex?
    private var shared: UnsafeMutablePointer<Shared>?

    /// How long the program may take for an answer, in milliseconds.
    private static let patience: Int32 = 30_000
    private static let longestAnswer = 64 << 10

    private init(words: [Bytes], user: Bytes, group: Bytes) {
        self.words = words
        self.user = user
        self.group = group
    }

    /// - Parameters:
    ///   - line: the program and its arguments.
    ///   - identity: "user:group", or empty.
    static func make(_ line: Bytes, as identity: Bytes, in pool: Pool, _ command: Command) throws -> Ref {
        var words: [Bytes] = []
        var rest = line.skippingSpace
        while !rest.isEmpty {
            let word = takeWord(&rest)
            words.append(pool.copy(word))
        }
        guard !words.isEmpty else { throw DirectiveError("RewriteMap: bad path to prg map: no program is named") }
        words[0] = command.resolve(words[0])
        let colon = identity.firstIndex(of: UInt8(ascii: ":")) ?? identity.count
        guard identity.isEmpty || colon > 0 && colon + 1 < identity.count else {
            throw DirectiveError("RewriteMap: \"\(identity.string)\" is no user:group")
        }
        let place = Ref.allocate(capacity: 1)
        place.initialize(
            to: ProgramMap(
                words: words, user: pool.copy(identity.upTo(colon)),
                group: pool.copy(identity.from(min(colon + 1, identity.count)))))
        return place
    }

    /// A word up to white space, or in quotes.
    private static func takeWord(_ rest: inout Bytes) -> Bytes {
        let quote = rest[0]
        let isQuoted = quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'")
        if isQuoted { rest = rest.from(1) }
        var end = 0
        while end < rest.count, isQuoted ? rest[end] != quote : !rest[end].isSpace { end += 1 }
        let word = rest.upTo(end)
        rest = rest.from(min(end + 1, rest.count)).skippingSpace
        return word
    }

    /// Starts the program, once a generation.
    mutating func start(_ host: Host, number: Int) throws {
        guard program == nil else { return }
        let memory = try host.sharedMemory("map-\(number)", bytes: SharedMutex.bytes + MemoryLayout<Shared>.stride)
        guard let base = memory.baseAddress else { throw ModuleError("no shared memory for a map") }
        shared = base.bindMemory(to: Shared.self, capacity: 1)
        lock = try SharedMutex(at: base + MemoryLayout<Shared>.stride)
        program = try host.startProgram(words, user: user, group: group)
    }

    enum Answer: Equatable {
        case value([UInt8])
        /// The program knows nothing of the key.
        case none
        /// It has ended, does not answer, or the key cannot be asked for.
        case failed(String)
    }

    /// Asks the program. Waits; any thread.
    func ask(_ key: [UInt8]) -> Answer {
        guard let program, let lock, let shared else {
            return .failed("it has not been started: RewriteEngine is off where the map is defined")
        }
        guard !key.contains(0x0a), !key.contains(0) else { return .failed("the key holds a line end") }
        return lock.withLock { _ in
            let deadline = Deadline(milliseconds: ProgramMap.patience)
            while shared.pointee.owed > 0 {
                guard case .line = readLine(program, deadline) else { return .failed("it owes earlier answers") }
                shared.pointee.owed -= 1
            }
            shared.pointee.owed += 1
            guard write(key + [0x0a], to: program) else {
                shared.pointee.owed -= 1
                return .failed("it has ended")
            }
            switch readLine(program, deadline) {
            case .line(let line):
                shared.pointee.owed -= 1
                let isNothing = line.count == 4 && line.map { $0 & 0xdf } == Array("NULL".utf8)
                return isNothing ? .none : .value(line)
            case .late: return .failed("it has not answered for \(ProgramMap.patience / 1000) seconds")
            case .ended: return .failed("it has ended")
            }
        }
    }

    private func write(_ bytes: [UInt8], to program: HelperProgram) -> Bool {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(program.input, $0.baseAddress! + written, bytes.count - written) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            written += count
        }
        return true
    }

    private enum Reading {
        case line([UInt8]), late, ended
    }

    private func readLine(_ program: HelperProgram, _ deadline: Deadline) -> Reading {
        var line: [UInt8] = []
        while line.count < ProgramMap.longestAnswer {
            var ready = pollfd(fd: program.output, events: Int16(POLLIN), revents: 0)
            let count = poll(&ready, 1, deadline.milliseconds)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return .late }
            // A byte at a time: what follows the line end belongs to whoever asks next.
            var byte: UInt8 = 0
            let taken = read(program.output, &byte, 1)
            if taken < 0, errno == EINTR { continue }
            guard taken == 1 else { return .ended }
            if byte == 0x0a { return .line(line) }
            line.append(byte)
        }
        return .ended
    }
}

/// A point in time to wait for.
private struct Deadline {
    private let end: Int64

    init(milliseconds: Int32) { end = Deadline.now + Int64(milliseconds) }

    /// What is left; 0: nothing.
    var milliseconds: Int32 { Int32(max(0, end - Deadline.now)) }

    private static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}
