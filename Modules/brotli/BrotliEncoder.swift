import CBrotli
import ModuleKit

/// A body on its way into brotli.
final class BrotliEncoder: ContentEncoder {
    static let coding: StaticString = "br"

    private let state: OpaquePointer
    private(set) var counts: (input: Int64, output: Int64) = (0, 0)

    static func settings(for request: Request) -> EncodingSettings {
        request.serverConf(BrotliConf.self).pointee.encoding
    }

    static func isWanted(for request: Request) -> Bool { request.environment["no-brotli"] == nil }

    static func isAccepted(by request: Request) -> Bool { request.accepts(coding: coding) }

    init?(_ request: Request, to out: Chain) {
        guard let state = BrotliEncoderCreateInstance(nil, nil, nil) else { return nil }
        self.state = state
        let conf = request.serverConf(BrotliConf.self)
        let quality = conf.pointee.quality < 0 ? 5 : conf.pointee.quality
        let window = conf.pointee.window < 0 ? 18 : conf.pointee.window
        BrotliEncoderSetParameter(state, BROTLI_PARAM_QUALITY, UInt32(quality))
        BrotliEncoderSetParameter(state, BROTLI_PARAM_LGWIN, UInt32(window))
        if conf.pointee.block >= 0 { BrotliEncoderSetParameter(state, BROTLI_PARAM_LGBLOCK, UInt32(conf.pointee.block)) }
    }

    func write(_ bytes: Bytes, to out: Chain) -> Bool {
        counts.input += Int64(bytes.count)
        return write(bytes, BROTLI_OPERATION_PROCESS, to: out)
    }

    func flush(to out: Chain) -> Bool { write(.none, BROTLI_OPERATION_FLUSH, to: out) }

    func finish(to out: Chain) -> Bool { write(.none, BROTLI_OPERATION_FINISH, to: out) }

    private func write(_ bytes: Bytes, _ operation: BrotliEncoderOperation, to out: Chain) -> Bool {
        var left = bytes.count
        var next = bytes.buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
        while true {
            var room = 0
            guard BrotliEncoderCompressStream(state, operation, &left, &next, &room, nil, nil) != 0 else { return false }
            while BrotliEncoderHasMoreOutput(state) != 0 {
                var count = 0
                guard let made = BrotliEncoderTakeOutput(state, &count), count > 0 else { break }
                counts.output += Int64(count)
                out.append(Bytes(UnsafeRawPointer(made), count: count))
            }
            let isDone = operation != BROTLI_OPERATION_FINISH || BrotliEncoderIsFinished(state) != 0
            if left == 0, isDone { return true }
        }
    }

    func giveBack() { BrotliEncoderDestroyInstance(state) }
}
