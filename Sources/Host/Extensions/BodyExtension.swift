import ByteKit
import Glibc
import ModuleABI

/// apus/body.h
enum BodyExtension {
    static let table = apus_body_v1(
        size: Extensions.size(apus_body_v1.self), reserved: 0,
        chain: { pool in Chain.make(PoolExtension.arena(pool)).handle },
        append_copy: { chain, data in Chain.Ref.of(chain).pointee.append(copy: data) ? APUS_OK : APUS_E_NOMEM },
        append_borrowed: { chain, data, release, ctx in
            Chain.Ref.of(chain).pointee.append(borrowed: data, release: release, context: ctx)
            return APUS_OK
        },
        append_file: { chain, fd, offset, length, owned in
            guard fd >= 0, offset >= 0, length >= 0 else { return APUS_E_INVALID }
            Chain.Ref.of(chain).pointee.append(file: fd, offset: offset, length: length, isOwned: owned != 0)
            return APUS_OK
        },
        append_mark: { chain, kind in
            switch kind {
            case APUS_SEG_FLUSH: Chain.Ref.of(chain).pointee.append(mark: .flush)
            case APUS_SEG_END: Chain.Ref.of(chain).pointee.append(mark: .end)
            default: return APUS_E_INVALID
            }
            return APUS_OK
        },
        peek: { chain, out in peek(.of(chain), out) },
        drop: { chain, n in
            let chain = Chain.Ref.of(chain)
            guard let first = chain.pointee.queue.first else { return }
            let n = Extensions.count(n)
            if n >= Int(first.pointee.length) {
                chain.pointee.queue.removeFirst()
            } else if n > 0 {
                chain.pointee.queue.drop(Int64(n))
            }
        },
        move: { to, from, n in Chain.Ref.of(from).pointee.move(to: .of(to), Int64(Extensions.count(n))) },
        length: { chain in Chain.Ref.of(chain).pointee.queue.length },
        read: { r, max, chain in
            let r = Request.Ref.of(r)
            return Filters.pull(r.pointee.inputFilters, r, min(Extensions.count(max), 1 << 30), .of(chain))
        },
        write: { r, chain in
            let r = Request.Ref.of(r)
            let status = OutputFeed.write(r, .of(chain))
            Chain.Ref.of(chain).pointee.queue.removeAll()
            return status
        },
        when: { r, want, fn, ctx in when(.of(r), want, fn, ctx) },
        reply: { r, status, type, body in reply(.of(r), status, type, body) },
        interim: { r, status in InterimResponse.send(.of(r), status) },
        replace: { r, data in BodyInput.replace(.of(r), data) })

    private static func peek(_ chain: Chain.Ref, _ out: UnsafeMutablePointer<apus_segment>?) -> apus_status {
        guard let out, out.pointee.size >= FirstRevision.segment else { return APUS_E_INVALID }
        guard let segment = chain.pointee.queue.first?.pointee else { return APUS_E_NOT_FOUND }
        out.pointee.kind = switch segment.kind {
        case .memory: APUS_SEG_DATA
        case .file: APUS_SEG_FILE
        case .flush: APUS_SEG_FLUSH
        case .end: APUS_SEG_END
        }
        out.pointee.data = segment.bytes
        out.pointee.offset = segment.offset
        out.pointee.length = segment.length
        out.pointee.fd = segment.fd
        return APUS_OK
    }

    private static func when(
        _ r: Request.Ref, _ want: UInt32, _ fn: (@convention(c) (UnsafeMutableRawPointer?, OpaquePointer?) -> Void)?,
        _ ctx: UnsafeMutableRawPointer?
    ) -> apus_status {
        guard let fn else { return APUS_E_INVALID }
        let callback = ResponseState.Callback(fn: fn, ctx: ctx, callback: Activity.later(.body))
        switch want {
        case APUS_WANT_READ: r.pointee.response.whenReadable = callback
        case APUS_WANT_WRITE:
            r.pointee.response.whenWritable = callback
            // The socket may have room already, and then no edge will come.
            if r.pointee.conn.pointee.mayWrite { theWorker.pointee.loop.revisit(r.pointee.conn) }
        default: return APUS_E_INVALID
        }
        return APUS_OK
    }

    private static func reply(_ r: Request.Ref, _ status: Int32, _ type: Bytes, _ body: Bytes) -> apus_status {
        guard (200...599).contains(status) else { return APUS_E_INVALID }
        guard Token.isFieldValue(type) else { return APUS_E_INVALID }
        r.pointee.status = status
        if !type.isEmpty { r.pointee.contentType = r.copy(type) }
        let chain = Chain.make(r.pointee.arena)
        if !body.isEmpty { chain.pointee.append(borrowed: r.copy(body), release: nil, context: nil) }
        chain.pointee.append(mark: .end)
        let outcome = OutputFeed.write(r, chain)
        return outcome < 0 ? outcome : APUS_OK
    }
}
