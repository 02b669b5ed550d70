import CFFI
import ModuleABI

/// Calls functions by their signature text through libffi, for callers that have no typed pointer.
///
/// Made once for a signature and never freed: preparing costs about a microsecond, a call 50 nanoseconds.
final class Invocation {
    private let cif: UnsafeMutablePointer<ffi_cif>
    private let argumentCount: Int
    private let returnsString: Bool

    /// apus_str by value: two words.
    nonisolated(unsafe) private static let stringType: UnsafeMutablePointer<ffi_type> = {
        let members = UnsafeMutablePointer<UnsafeMutablePointer<ffi_type>?>.allocate(capacity: 3)
        members.initialize(to: cffi_pointer())
        (members + 1).initialize(to: cffi_uint64())
        (members + 2).initialize(to: nil)
        let type = UnsafeMutablePointer<ffi_type>.allocate(capacity: 1)
        type.initialize(to: ffi_type(size: 0, alignment: 0, type: UInt16(FFI_TYPE_STRUCT), elements: members))
        return type
    }()

    init?(_ signature: Signature) {
        argumentCount = signature.arguments.count
        returnsString = signature.result == .string
        cif = .allocate(capacity: 1)
        let types = UnsafeMutablePointer<UnsafeMutablePointer<ffi_type>?>.allocate(capacity: max(argumentCount, 1))
        for (index, kind) in signature.arguments.enumerated() { (types + index).initialize(to: Invocation.type(kind)) }
        let status = ffi_prep_cif(
            cif, cffi_default_abi(), UInt32(argumentCount), Invocation.type(signature.result), types)
        guard status == FFI_OK else { return nil }
    }

    private static func type(_ kind: Signature.Kind) -> UnsafeMutablePointer<ffi_type>? {
        switch kind {
        case .void: cffi_void()
        case .int32: cffi_sint32()
        case .uint32: cffi_uint32()
        case .int64: cffi_sint64()
        case .uint64: cffi_uint64()
        case .double: cffi_double()
        case .pointer: cffi_pointer()
        case .string: stringType
        }
    }

    /// The widest result: an apus_str. Narrower ones lie at its start, integers widened to 64 bits.
    typealias Result = (Int64, Int64)

    /// Calls `link` with its ctx and `arguments`, pointers to the values after ctx.
    func call(_ link: apus_link, _ arguments: UnsafePointer<UnsafeMutableRawPointer?>?) -> Result {
        var ctx = link.ctx
        var result: Result = (0, 0)
        withUnsafeMutablePointer(to: &ctx) { ctxPlace in
            withUnsafeTemporaryAllocation(of: UnsafeMutableRawPointer?.self, capacity: max(argumentCount, 1)) { all in
                all.initializeElement(at: 0, to: UnsafeMutableRawPointer(ctxPlace))
                for index in 1..<max(argumentCount, 1) {
                    all.initializeElement(at: index, to: arguments?[index - 1])
                }
                ffi_call(cif, link.fn, &result, all.baseAddress)
            }
        }
        return result
    }

    /// Stores a result where the caller wants it: 16 bytes of a string, 8 of anything else.
    func store(_ result: Result, _ place: UnsafeMutableRawPointer?) {
        place?.storeBytes(of: result.0, as: Int64.self)
        if returnsString { place?.storeBytes(of: result.1, toByteOffset: 8, as: Int64.self) }
    }
}
