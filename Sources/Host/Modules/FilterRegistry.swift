import ByteKit
import ModuleABI

/// A registered filter in the shape its runner uses; lives for ever.
struct FilterKind {
    var name: Bytes
    var direction: UInt32
    var stage: UInt32
    /// Its number among all filters.
    var number = 0
    /// By their numbers, whether filters must run nearer to the wire than this one. NULL before the registry is frozen.
    var precedes: UnsafeMutablePointer<Bool>?
    var moduleIndex: Int32
    var registration: apus_filter_reg
}

/// The filters that modules registered. By their order, stages come first, then after/before inside a stage; whatever these leave
/// open is for whoever puts filters on a request to say. The list has names in alphabetical order there.
final class FilterRegistry {
    struct Registration {
        let kind: UnsafeMutablePointer<FilterKind>
        let module: LoadedModule
        let name: String
        let after: [String]
        let before: [String]
    }

    private(set) var registrations: [Registration] = []

    private static let stages = [
        APUS_STAGE_CONTENT, APUS_STAGE_TRANSFORM, APUS_STAGE_ENCODE, APUS_STAGE_FRAME, APUS_STAGE_TRANSPORT,
    ]

    func add(_ registration: apus_filter_reg, _ name: String, after: [String], before: [String], by module: LoadedModule)
        throws(RegistrationError)
    {
        guard FilterRegistry.stages.contains(registration.stage), registration.direction <= APUS_INPUT,
            registration.flags == 0
        else {
            throw RegistrationError("registers filter \"\(name)\" with a stage, direction or flag this host does not know")
        }
        let needed = registration.direction == APUS_OUTPUT ? registration.process != nil : registration.fill != nil
        guard needed else { throw RegistrationError("registers filter \"\(name)\" without its callback") }
        if let other = find(name, registration.direction) {
            throw RegistrationError(
                status: APUS_E_EXISTS, "registers filter \"\(name)\", which \(other.module.name) already has")
        }
        let kind = UnsafeMutablePointer<FilterKind>.allocate(capacity: 1)
        kind.initialize(
            to: FilterKind(
                name: Bytes.immortal(name), direction: registration.direction, stage: registration.stage,
                moduleIndex: Int32(module.index), registration: registration))
        registrations.append(
            Registration(
                kind: kind, module: module, name: name.asciiLowered, after: after.map(\.asciiLowered),
                before: before.map(\.asciiLowered)))
    }

    func find(_ name: String, _ direction: UInt32) -> Registration? {
        let key = name.asciiLowered
        return registrations.first { $0.name == key && $0.kind.pointee.direction == direction }
    }

    /// Puts the filters in order; a contradiction is reported and broken by name.
    func freeze(report: (LoadedModule, String) -> Void) {
        var left = registrations.sorted { a, b in
            a.kind.pointee.stage != b.kind.pointee.stage
                ? a.kind.pointee.stage < b.kind.pointee.stage : a.name < b.name
        }
        var ordered: [Registration] = []
        while !left.isEmpty {
            var next = left.firstIndex { candidate in !left.contains { FilterRegistry.mustPrecede($0, candidate) } }
            if next == nil {
                let names = left.map(\.name).joined(separator: ", ")
                report(left[0].module, "the order of the filters \(names) is contradictory")
                next = 0
            }
            ordered.append(left.remove(at: next ?? 0))
        }
        registrations = ordered
        noteOrder()
    }

    /// What must precede a filter that must precede another must precede that, too: seen from the wire, the others are known.
    private func noteOrder() {
        for (number, early) in registrations.enumerated().reversed() {
            let precedes = UnsafeMutablePointer<Bool>.allocate(capacity: registrations.count)
            precedes.initialize(repeating: false, count: registrations.count)
            for (other, late) in registrations.enumerated().dropFirst(number + 1) where FilterRegistry.mustPrecede(early, late) {
                precedes[other] = true
                guard let further = late.kind.pointee.precedes else { continue }
                for index in registrations.indices where further[index] { precedes[index] = true }
            }
            early.kind.pointee.number = number
            early.kind.pointee.precedes = precedes
        }
    }

    private static func mustPrecede(_ a: Registration, _ b: Registration) -> Bool {
        guard a.name != b.name else { return false }
        let (early, late) = (a.kind.pointee.stage, b.kind.pointee.stage)
        return early < late || early == late && (a.before.contains(b.name) || b.after.contains(a.name))
    }
}

extension apus_str {
    /// A copy of the text that is never freed: for names that live as long as the process.
    static func immortal(_ text: String) -> Bytes {
        let utf8 = Array(text.utf8CString)
        let place = UnsafeMutablePointer<CChar>.allocate(capacity: utf8.count)
        place.initialize(from: utf8, count: utf8.count)
        return Bytes(ptr: place, len: utf8.count - 1)
    }
}
