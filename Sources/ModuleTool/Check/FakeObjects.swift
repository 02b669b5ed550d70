import ByteKit
import CSystem
import Glibc
import ModuleABI
import ModuleABI.Draft

/// A pool of the fake host: every allocation is a mapping of its own.
final class FakePool {
    let label: String
    private(set) var handle: OpaquePointer
    private var blocks: [GuardedBlock] = []
    private var plain: [UnsafeMutableRawPointer] = []
    private var destroyers: [(fn: @convention(c) (UnsafeMutableRawPointer?) -> Void, ctx: UnsafeMutableRawPointer?)] = []
    private var children: [FakePool] = []

    init(_ label: String) {
        self.label = label
        handle = OpaquePointer(bitPattern: 1)!
        handle = theFake.handle(for: self, label)
    }

    /// Memory as the module gets it. Nil when it is the one to be refused.
    func allocate(_ count: Int, cleared: Bool) -> UnsafeMutableRawPointer? {
        guard !theFake.refusesAllocation() else { return nil }
        return room(count, fill: cleared ? 0 : 0xa5, alignment: 16, "memory of \(label)")
    }

    private func room(_ count: Int, fill: UInt8, alignment: Int, _ what: String) -> UnsafeMutableRawPointer {
        if theFake.isLight {
            let place = malloc(max(count, 1))!
            memset(place, Int32(fill), count)
            plain.append(place)
            return place
        }
        let block = GuardedBlock(count, alignment: alignment, fill: fill, label: what, theFake.record)
        blocks.append(block)
        return block.start
    }

    /// A string that ends where its page ends.
    func text(_ bytes: [UInt8], _ what: String) -> Bytes {
        let place = room(bytes.count, fill: 0, alignment: 1, what)
        bytes.withUnsafeBytes { if let base = $0.baseAddress { memcpy(place, base, bytes.count) } }
        return Bytes(UnsafeRawPointer(place), count: bytes.count)
    }

    func text(_ string: String, _ what: String) -> Bytes { text(Array(string.utf8), what) }

    private var constants: [String: Bytes] = [:]

    /// A string that stays the same: made once.
    func constant(_ string: String, _ what: String) -> Bytes {
        if let known = constants[string] { return known }
        let made = text(string, what)
        constants[string] = made
        return made
    }

    func onDestroy(_ fn: @escaping @convention(c) (UnsafeMutableRawPointer?) -> Void, _ ctx: UnsafeMutableRawPointer?) {
        destroyers.append((fn, ctx))
    }

    func makeChild() -> FakePool {
        let child = FakePool("a pool inside \(label)")
        children.append(child)
        return child
    }

    func setReadOnly(_ isReadOnly: Bool) { for block in blocks { block.setReadOnly(isReadOnly, theFake.record) } }

    func destroy() {
        for child in children.reversed() { child.destroy() }
        children = []
        let last = destroyers.reversed()
        destroyers = []
        for entry in last { entry.fn(entry.ctx) }
        for block in blocks {
            if !block.isWhole { theFake.report(.error, "overrun", "wrote behind the end of \(block.count) bytes of \(label)") }
            block.close(theFake.record)
        }
        blocks = []
        plain.forEach { free($0) }
        plain = []
        constants = [:]
        theFake.drop(handle, label)
    }
}

final class FakeServer {
    let pool: FakePool
    let index: Int
    var serverConf: UnsafeMutableRawPointer?
    var dirConf: UnsafeMutableRawPointer?
    private(set) var handle: OpaquePointer

    init(_ index: Int, _ pool: FakePool) {
        self.index = index
        self.pool = pool
        handle = OpaquePointer(bitPattern: 1)!
        handle = theFake.handle(for: self, "a server")
    }
}

final class FakeConnection {
    let pool: FakePool
    var slot: UnsafeMutableRawPointer?
    var owner: (table: UnsafePointer<apus_protocol_v0>, state: UnsafeMutableRawPointer?)?
    private(set) var handle: OpaquePointer
    let number: Int
    let token: apus_token
    /// What comes from the client, for a transport.
    var wire: [UInt8] = []

    nonisolated(unsafe) private static var lastToken: apus_token = 0x7_0000_0000

    init(_ number: Int) {
        self.number = number
        FakeConnection.lastToken += 1
        token = FakeConnection.lastToken
        pool = FakePool("a connection")
        handle = OpaquePointer(bitPattern: 1)!
        handle = theFake.handle(for: self, "a connection")
    }

    func end() {
        pool.destroy()
        theFake.drop(handle, "a connection")
    }
}

/// A scope or a directive being handled.
final class FakeScope {
    let kind: UInt32
    private(set) var handle: OpaquePointer

    init(_ kind: UInt32) {
        self.kind = kind
        handle = OpaquePointer(bitPattern: 1)!
        handle = theFake.handle(for: self, "a scope")
    }
}

final class FakeCommand {
    let directive: apus_directive
    let scope: FakeScope
    let serverConf, dirConf: UnsafeMutableRawPointer?
    var failures: [String] = []
    private(set) var handle: OpaquePointer

    init(_ directive: apus_directive, _ scope: FakeScope, _ serverConf: UnsafeMutableRawPointer? = nil, _ dirConf: UnsafeMutableRawPointer? = nil) {
        self.directive = directive
        self.scope = scope
        self.serverConf = serverConf
        self.dirConf = dirConf
        handle = OpaquePointer(bitPattern: 1)!
        handle = theFake.handle(for: self, "a directive")
    }

    func end() { theFake.drop(handle, "a directive") }
}

/// Body segments.
final class FakeChain {
    enum Segment {
        case data(Bytes, release: (fn: @convention(c) (UnsafeMutableRawPointer?) -> Void, ctx: UnsafeMutableRawPointer?)?)
        case file(fd: Int32, offset: Int64, length: Int64, owned: Bool)
        case flush
        case end

        var length: Int64 {
            switch self {
            case .data(let bytes, _): Int64(bytes.count)
            case .file(_, _, let length, _): length
            case .flush, .end: 0
            }
        }

        /// The bytes are no longer needed.
        func release() {
            switch self {
            case .data(_, let release): release?.fn(release?.ctx)
            case .file(let fd, _, _, let owned): if owned { close(fd) }
            case .flush, .end: break
            }
        }
    }

    var segments: [Segment] = []
    let pool: FakePool
    private(set) var handle: OpaquePointer

    init(_ pool: FakePool) {
        self.pool = pool
        handle = OpaquePointer(bitPattern: 1)!
        handle = theFake.handle(for: self, "a chain")
    }

    var length: Int64 { segments.reduce(0) { $0 + $1.length } }

    func clear() {
        for segment in segments { segment.release() }
        segments = []
    }

    /// Drops `count` bytes of the first segment.
    func drop(_ count: Int) {
        guard let first = segments.first else { return }
        if case .data(let bytes, let release) = first, count >= 0, count < bytes.count {
            segments[0] = .data(bytes.from(count), release: release)
        } else if case .file(let fd, let offset, let length, let owned) = first, count >= 0, Int64(count) < length {
            segments[0] = .file(fd: fd, offset: offset + Int64(count), length: length - Int64(count), owned: owned)
        } else {
            segments.removeFirst().release()
        }
    }

    /// Moves up to `count` bytes; below zero: all.
    func move(to other: FakeChain, _ count: Int) {
        var left = count < 0 ? Int.max : count
        while let first = segments.first {
            let length = Int(first.length)
            if length <= left {
                other.segments.append(segments.removeFirst())
                left -= length
                if left == 0, count >= 0 { return }
            } else {
                guard left > 0 else { return }
                if case .data(let bytes, _) = first {
                    other.segments.append(.data(pool.text(Array(bytes.buffer[..<left]), "part of a body"), release: nil))
                } else if case .file(let fd, let offset, _, _) = first {
                    other.segments.append(.file(fd: fd, offset: offset, length: Int64(left), owned: false))
                }
                drop(left)
                return
            }
        }
    }
}

/// One request of the fake host.
final class FakeRequest {
    let pool: FakePool
    let connection: FakeConnection
    let server: FakeServer
    var texts: [UInt32: Bytes] = [:]
    var numbers: [UInt32: Int64] = [:]
    var fields: [UInt32: [(name: Bytes, value: Bytes)]] = [:]
    var versions: [UInt32: UInt64] = [:]
    var slot: UnsafeMutableRawPointer?
    var dirConf: UnsafeMutableRawPointer?
    var main: FakeRequest?
    /// What the client has still to send, in pieces; an empty one: nothing is there yet.
    var input: [[UInt8]] = []
    var inputEnded = false
    var sent = 0
    var hasAnswered = false
    var hasEnded = false
    /// Whether the answer's end was written.
    var children: [FakeRequest] = []
    private(set) var handle: OpaquePointer

    init(_ connection: FakeConnection, _ server: FakeServer) {
        self.connection = connection
        self.server = server
        pool = FakePool("a request")
        handle = OpaquePointer(bitPattern: 1)!
        handle = theFake.handle(for: self, "a request")
    }

    func set(_ field: UInt32, _ bytes: [UInt8]) { texts[field] = pool.text(bytes, "a string of a request") }
    func set(_ field: Int32, _ text: String) { set(UInt32(field), Array(text.utf8)) }

    func addField(_ table: UInt32, _ name: [UInt8], _ value: [UInt8]) {
        fields[table, default: []].append(
            (pool.text(name, "the name of a field"), pool.text(value, "the value of a field")))
        versions[table, default: 0] += 1
    }

    func end() {
        children.forEach { $0.end() }
        children = []
        theFake.tasks.cancel(self)
        if theFake.isLight { theFake.tasks.forget(self) }
        pool.destroy()
        theFake.drop(handle, "a request")
    }
}

/// A filter on a request, driven by a trial.
final class FakeFilter {
    let request: FakeRequest
    let registration: apus_filter_reg
    var state: UnsafeMutableRawPointer?
    var passed: [FakeChain.Segment] = []
    var isRemoved = false
    private(set) var handle: OpaquePointer

    init(_ request: FakeRequest, _ registration: apus_filter_reg) {
        self.request = request
        self.registration = registration
        handle = OpaquePointer(bitPattern: 1)!
        handle = theFake.handle(for: self, "a filter")
    }

    func end() { theFake.drop(handle, "a filter") }
}

/// Something that only has a handle.
final class FakeThing {
    let label: String
    var memory: UnsafeMutableRawPointer?
    var count = 0
    var pattern = regex_t()
    private(set) var handle: OpaquePointer

    init(_ label: String) {
        self.label = label
        handle = OpaquePointer(bitPattern: 1)!
        handle = theFake.handle(for: self, label)
    }
}
