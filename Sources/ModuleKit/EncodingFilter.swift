public import ByteKit
import ModuleABI

/// What the filters for content codings are told by their directives alike. Raw memory of a configuration.
public struct EncodingSettings: BitwiseCopyable {
    /// What becomes of the entity tag; nil: nothing is said.
    public var etag: ETagChange?
    /// Names of notes for the counts of bytes; unset: nothing is said.
    private var inputNote = Bytes.none
    private var outputNote = Bytes.none
    private var ratioNote = Bytes.none

    /// The defaults of the directives.
    public init() {}

    /// What holds inside `base`.
    public func merged(over base: EncodingSettings) -> EncodingSettings {
        var merged = self
        merged.etag = etag ?? base.etag
        if !inputNote.isSet { merged.inputNote = base.inputNote }
        if !outputNote.isSet { merged.outputNote = base.outputNote }
        if !ratioNote.isSet { merged.ratioNote = base.ratioNote }
        return merged
    }

    /// DeflateFilterNote or BrotliFilterNote.
    public mutating func setNote(_ words: Arguments, in pool: Pool) throws {
        let note = pool.copy(words[words.count - 1])
        switch words.count == 1 ? "ratio" : words.string(0).lowercased() {
        case "ratio": ratioNote = note
        case "input": inputNote = note
        case "output": outputNote = note
        default: throw DirectiveError("\"\(words.string(0))\" is none of Input, Output and Ratio")
        }
    }

    fileprivate func note(_ request: Request, input: Int64, output: Int64) {
        func decimal(_ value: Int64) -> Bytes { request.pool.compose(capacity: 20) { $0.append(decimal: value) } }
        if inputNote.isSet { request.notes[inputNote] = decimal(input) }
        if outputNote.isSet { request.notes[outputNote] = decimal(output) }
        if ratioNote.isSet { request.notes[ratioNote] = input > 0 ? decimal(output * 100 / input) : Bytes("-") }
    }
}

/// One body on its way into a content coding (RFC 9110, 8.4.1). Made with the body's first byte; a method that answers false has
/// failed, and so has the answer.
public protocol ContentEncoder: AnyObject {
    /// As Content-Encoding names it.
    static var coding: StaticString { get }
    /// What the directives say for a request.
    static func settings(for request: Request) -> EncodingSettings
    /// Whether anything of the encoder's own speaks for this answer to be encoded.
    static func isWanted(for request: Request) -> Bool
    /// Whether the client takes the coding.
    static func isAccepted(by request: Request) -> Bool

    /// May begin the encoded body. Nil: there is no memory.
    init?(_ request: Request, to out: Chain)
    /// Encodes more.
    func write(_ bytes: Bytes, to out: Chain) -> Bool
    /// Writes all that has come so far.
    func flush(to out: Chain) -> Bool
    /// Writes the end of the encoded body.
    func finish(to out: Chain) -> Bool
    /// Bytes so far.
    var counts: (input: Int64, output: Int64) { get }
    /// The request ends.
    func giveBack()
}

/// The output filter for a content coding: encodes answers that no other filter has encoded, for clients that take the coding.
public final class EncodingFilter<Encoder: ContentEncoder>: OutputFilter {
    private let settings: EncodingSettings
    private var encoder: Encoder?
    private var out: Chain?

    /// Nil: there is nothing to encode for this request.
    public init?(_ filter: Filter) { settings = Encoder.settings(for: filter.request) }

    /// Decides by the answer's head whether to encode.
    public func prepare(_ filter: Filter) -> Bool {
        let request = filter.request
        guard request.main == nil, request.status != 204, request.headersOut["Content-Range"] == nil, !request.isEncoded,
            Encoder.isWanted(for: request)
        else { return false }
        request.addVary("Accept-Encoding")
        return Encoder.isAccepted(by: request)
    }

    /// Encodes what came and passes it on.
    public func process(_ chain: Chain, _ filter: Filter) -> Status {
        let request = filter.request
        // Another filter before this one may have encoded it meanwhile.
        if encoder == nil, request.isEncoded {
            filter.remove()
            return filter.pass(chain)
        }
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
        case .data(let bytes): return begin(request, out)?.write(bytes, to: out) == true
        case .flush:
            guard encoder?.flush(to: out) != false else { return false }
            out.appendFlush()
        case .end:
            // What the client has already is the encoded representation. Any other body without a byte stays one.
            if request.status == 304 { changeETag(request) }
            guard encoder?.finish(to: out) != false else { return false }
            out.appendEnd()
            if let (input, output) = encoder?.counts { settings.note(request, input: input, output: output) }
        case .unreadable: return false
        }
        return true
    }

    private func begin(_ request: Request, _ out: Chain) -> Encoder? {
        if encoder == nil {
            encoder = Encoder(request, to: out)
            request.setEncoding(Encoder.coding)
            changeETag(request)
        }
        return encoder
    }

    private func changeETag(_ request: Request) {
        let coding = Encoder.coding
        request.changeETag(settings.etag ?? .addSuffix, suffix: coding)
    }

    /// Frees the encoder.
    public func end(_ filter: Filter) {
        encoder?.giveBack()
        encoder = nil
    }
}
