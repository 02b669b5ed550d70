import CBrotli
import ModuleKit

/// The output filter BROTLI_COMPRESS.
final class BrotliFilter: OutputFilter {
    private let conf: UnsafePointer<BrotliConf>
    private var state: OpaquePointer?
    private var out: Chain?
    private var totalIn: Int64 = 0
    private var totalOut: Int64 = 0

    init?(_ filter: Filter) { conf = UnsafePointer(filter.request.serverConf(BrotliConf.self)) }

    func prepare(_ filter: Filter) -> Bool {
        let request = filter.request
        guard request.main == nil, request.status != 204, request.environment["no-brotli"] == nil,
            request.headersOut["Content-Range"] == nil, !request.isEncoded
        else { return false }
        request.addVary("Accept-Encoding")
        return request.accepts(coding: "br")
    }

    func process(_ chain: Chain, _ filter: Filter) -> Status {
        let request = filter.request
        let out = out ?? Chain(in: request.pool)
        self.out = out
        var isSound = true
        chain.takePieces { piece in
            isSound = take(piece, request, out)
            return isSound
        }
        guard isSound else {
            Log(host: filter.host).error("the body cannot be compressed", request: request)
            return .failed
        }
        return filter.pass(out)
    }

    private func take(_ piece: BodyPiece, _ request: Request, _ out: Chain) -> Bool {
        switch piece {
        case .data(let bytes):
            if state == nil { announce(request) }
            totalIn += Int64(bytes.count)
            return write(bytes, BROTLI_OPERATION_PROCESS, to: out)
        case .flush:
            guard state == nil || write(.none, BROTLI_OPERATION_FLUSH, to: out) else { return false }
            out.appendFlush()
        case .end:
            // What the client has already is the compressed representation. Any other body without a byte stays one.
            if request.status == 304 { request.changeETag(conf.pointee.etag ?? .addSuffix, suffix: "br") }
            guard state == nil || write(.none, BROTLI_OPERATION_FINISH, to: out) else { return false }
            out.appendEnd()
            if state != nil { note(request) }
        case .unreadable: return false
        }
        return true
    }

    private func announce(_ request: Request) {
        request.setEncoding("br")
        request.changeETag(conf.pointee.etag ?? .addSuffix, suffix: "br")
    }

    private func begin() -> OpaquePointer? {
        if let state { return state }
        state = BrotliEncoderCreateInstance(nil, nil, nil)
        guard let state else { return nil }
        let quality = conf.pointee.quality < 0 ? 5 : conf.pointee.quality
        let window = conf.pointee.window < 0 ? 18 : conf.pointee.window
        BrotliEncoderSetParameter(state, BROTLI_PARAM_QUALITY, UInt32(quality))
        BrotliEncoderSetParameter(state, BROTLI_PARAM_LGWIN, UInt32(window))
        if conf.pointee.block >= 0 { BrotliEncoderSetParameter(state, BROTLI_PARAM_LGBLOCK, UInt32(conf.pointee.block)) }
        return state
    }

    /// False: the encoder failed.
    private func write(_ bytes: Bytes, _ operation: BrotliEncoderOperation, to out: Chain) -> Bool {
        guard let state = begin() else { return false }
        var left = bytes.count
        var next = bytes.buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
        while true {
            var room = 0
            guard BrotliEncoderCompressStream(state, operation, &left, &next, &room, nil, nil) != 0 else { return false }
            while BrotliEncoderHasMoreOutput(state) != 0 {
                var count = 0
                guard let made = BrotliEncoderTakeOutput(state, &count), count > 0 else { break }
                totalOut += Int64(count)
                out.append(Bytes(UnsafeRawPointer(made), count: count))
            }
            let isDone = operation != BROTLI_OPERATION_FINISH || BrotliEncoderIsFinished(state) != 0
            if left == 0, isDone { return true }
        }
    }

    private func note(_ request: Request) {
        func decimal(_ value: Int64) -> Bytes { request.pool.compose(capacity: 20) { $0.append(decimal: value) } }
        if conf.pointee.inputNote.isSet { request.notes[conf.pointee.inputNote] = decimal(totalIn) }
        if conf.pointee.outputNote.isSet { request.notes[conf.pointee.outputNote] = decimal(totalOut) }
        if conf.pointee.ratioNote.isSet {
            request.notes[conf.pointee.ratioNote] = totalIn > 0 ? decimal(totalOut * 100 / totalIn) : Bytes("-")
        }
    }

    func end(_ filter: Filter) {
        if let state { BrotliEncoderDestroyInstance(state) }
        state = nil
    }
}
