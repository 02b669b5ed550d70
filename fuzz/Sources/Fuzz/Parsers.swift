import ByteKit
import ModuleABI

@testable import Host

/// The end of a head must be found at the same place however its bytes arrive, and what is found must be readable.
enum HeadTarget {
    static func run(_ bytes: Bytes) -> Int32 {
        let whole = end(of: bytes, step: bytes.count)
        for step in [1, 7] where bytes.count < 4096 {
            let pieces = end(of: bytes, step: step)
            demand(whole == pieces, "the end of a head depends on how it arrives: \(whole) at once, \(pieces) by \(step)")
        }
        guard case .found(let length) = whole else { return 0 }
        demand(length <= bytes.count, "a head is longer than its bytes")
        parse(bytes.upTo(length))
        return 0
    }

    private enum Outcome: Equatable {
        case found(Int), refused, more
    }

    private static func end(of bytes: Bytes, step: Int) -> Outcome {
        var scan = HeadScan()
        var available = 0
        do throws(HeadProblem) {
            repeat {
                available = min(bytes.count, available + max(step, 1))
                if let length = try RequestHead.end(of: bytes.upTo(available), &scan, ServerLimits()) { return .found(length) }
            } while available < bytes.count
            return .more
        } catch {
            demand((400...599).contains(error.status), "a head is refused with status \(error.status)")
            return .refused
        }
    }

    private static func parse(_ head: Bytes) {
        InProcessServer.withRequest { r in
            do throws(HeadProblem) {
                try RequestHead.parse(r.pointee.arena.copy(head), into: r)
            } catch { return }
            demand(Token.isToken(r.pointee.method), "a method is no token")
            demand(Token.isTarget(r.pointee.target) && !r.pointee.target.isEmpty, "a target is none")
            for field in r.pointee.headersIn.fields {
                demand(!field.name.isEmpty && Token.isToken(field.name), "a field's name is no token")
                demand(Token.isFieldValue(field.value), "a field's value holds a control byte")
            }
        }
    }
}

/// A chunked body must come out the same however it is cut.
enum ChunkedTarget {
    static func run(_ bytes: Bytes) -> Int32 {
        let whole = read(bytes, step: bytes.count)
        for step in [1, 3] where bytes.count < 4096 {
            let pieces = read(bytes, step: step)
            demand(whole == pieces, "a chunked body depends on how it arrives: \(whole), by \(step): \(pieces)")
        }
        return 0
    }

    private struct Outcome: Equatable {
        var body: [UInt8] = []
        var isRefused = false
        /// Bytes that belong to the body, when it is complete.
        var used: Int?
    }

    private static func read(_ bytes: Bytes, step: Int) -> Outcome {
        var reader = BodyReader()
        reader.startChunked()
        var outcome = Outcome()
        var at = 0
        var available = 0
        var trailers = 0
        repeat {
            available = min(bytes.count, available + max(step, 1))
            steps: while true {
                let piece = reader.next(bytes[at..<available]) { name, value in
                    trailers += 1
                    demand(Token.isToken(name) && Token.isFieldValue(value), "a trailer field is none")
                }
                switch piece {
                case .data(let count):
                    demand(count > 0 && count <= available - at, "a piece of \(count) bytes where \(available - at) are")
                    outcome.body += bytes[at..<at + count].buffer
                    at += count
                    reader.took(count)
                case .skip(let count):
                    demand(count > 0 && count <= available - at, "framing of \(count) bytes where \(available - at) are")
                    at += count
                case .end(let count):
                    outcome.used = at + count
                    demand(at + count <= available, "the end lies beyond the bytes")
                    return outcome
                case .invalid:
                    outcome.isRefused = true
                    // What was taken before the fault depends on where the cut is.
                    outcome.body = []
                    return outcome
                case .more: break steps
                }
            }
        } while available < bytes.count
        return outcome
    }
}

/// A path that is accepted is plain: absolute, without dots and doubled slashes, and without NUL.
enum TargetTarget {
    static func run(_ bytes: Bytes) -> Int32 {
        guard let first = bytes.isEmpty ? nil : bytes[0] else { return -1 }
        let target = bytes.from(1)
        guard !target.isEmpty, Token.isTarget(target) else { return -1 }
        var limits = ServerLimits()
        limits.mergeSlashes = first & 1 == 0
        limits.encodedSlashes = [.refused, .decoded, .kept][Int(first >> 1) % 3]
        let arena = Arena.make(nil)
        defer { Arena.destroy(arena) }
        do throws(HeadProblem) {
            let parts = try RequestTarget.split(target, first & 0x80 == 0 ? .get : .options)
            let path = try RequestTarget.normalize(arena.copy(parts.path), in: arena, limits)
            if path != "*" { check(path, limits) }
        } catch {
            demand((400...499).contains(error.status), "a target is refused with status \(error.status)")
        }
        return 0
    }

    private static func check(_ path: Bytes, _ limits: ServerLimits) {
        let text = Array(path.buffer)
        demand(text.first == UInt8(ascii: "/"), "a path does not begin with a slash")
        demand(!text.contains(0), "a path holds NUL")
        for segment in text.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: true) {
            demand(Array(segment) != Array(".".utf8) && Array(segment) != Array("..".utf8), "a path holds a segment of dots")
        }
        guard limits.mergeSlashes else { return }
        for index in text.indices.dropFirst() {
            demand(text[index - 1] != UInt8(ascii: "/") || text[index] != UInt8(ascii: "/"), "a path holds two slashes together")
        }
    }
}

/// A date that is read is written as one that means the same.
enum DateTarget {
    static func run(_ bytes: Bytes) -> Int32 {
        guard let seconds = HTTPDate.parse(bytes) else { return 0 }
        // A day that a month does not have counts into the next, and a leap second into the next minute.
        demand(seconds >= 0 && seconds < 253_402_300_800 + 86_400 * 4, "a date lies outside its calendar: \(seconds)")
        guard seconds < 253_402_300_800 else { return 0 }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 64) { buffer in
            var writer = ByteWriter(buffer.baseAddress.unsafelyUnwrapped, capacity: 64)
            HTTPDate.write(seconds, &writer)
            demand(writer.count == HTTPDate.length, "a date is written in \(writer.count) bytes")
            demand(HTTPDate.parse(writer.written) == seconds, "a date is not read as it was written")
        }
        return 0
    }
}
