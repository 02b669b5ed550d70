import ModuleABI
import ModuleABI.Draft

/// How long the structures that modules hand over were in ABI 1.0: those of the oldest modules are no longer, and what came later
/// is to be asked for. These numbers never change; a structure that grows leaves its own as it is.
enum FirstRevision {
    static let module: UInt32 = 104
    static let directive: UInt32 = 56
    static let confOps: UInt32 = 24
    static let hookRegistration: UInt32 = 64
    static let filterRegistration: UInt32 = 88
    static let segment: UInt32 = 48

    /// The tables of providers, by group.
    static let tables: [String: UInt32] = [
        APUS_GROUP_AUTHN: 24, APUS_GROUP_AUTHZ: 32, APUS_GROUP_FIGURES: 16, APUS_GROUP_LOG_ITEM: 16, APUS_GROUP_SOCACHE: 64,
        APUS_GROUP_STATUS: 16, APUS_GROUP_PREFACE: 24, APUS_GROUP_PROTOCOL: 40, APUS_GROUP_TAP: 32, APUS_GROUP_TRANSPORT: 72,
        APUS_GROUP_UPSTREAM: 72, APUS_GROUP_SESSION_STORE: 24, APUS_GROUP_SESSION_CODEC: 24,
    ]

    /// A structure with what lies beyond `size`, the module's own, as zero.
    static func whole<T: BitwiseCopyable>(_ raw: UnsafePointer<T>, size: UInt32) -> T {
        withUnsafeTemporaryAllocation(of: T.self, capacity: 1) { place in
            let place = UnsafeMutableRawBufferPointer(place)
            place.initializeMemory(as: UInt8.self, repeating: 0)
            place.copyMemory(from: UnsafeRawBufferPointer(start: raw, count: min(Int(size), MemoryLayout<T>.size)))
            return place.load(as: T.self)
        }
    }
}
