import ModuleABI
import ModuleABI.Draft

/// apus/draft/timeouts.h
enum TimeoutsExtension {
    static let table = apus_timeouts_v0(
        size: Extensions.size(apus_timeouts_v0.self), reserved: 0,
        limit: { s, phase, initial, maximum, rate in
            guard let s, initial >= 0, maximum >= 0, rate >= 0, let path = path(phase) else { return APUS_E_INVALID }
            Server.Ref(s).pointee.readTimeouts[keyPath: path] = PhaseLimit(initial: initial, maximum: maximum, rate: rate)
            return APUS_OK
        })

    private static func path(_ phase: UInt32) -> WritableKeyPath<ReadTimeouts, PhaseLimit>? {
        switch phase {
        case APUS_PHASE_HANDSHAKE: \.handshake
        case APUS_PHASE_HEADER: \.header
        case APUS_PHASE_BODY: \.body
        case APUS_PHASE_RESPONSE: \.response
        default: nil
        }
    }
}
