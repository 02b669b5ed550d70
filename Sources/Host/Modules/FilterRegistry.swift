import ByteKit
import ModuleABI

/// A registered filter in the shape its runner uses; lives for ever.
struct FilterKind {
    var name: Bytes
    var direction: UInt32
    var stage: UInt32
    /// Its place among all filters of its direction, from the handler towards the wire.
    var order: Int32
    var moduleIndex: Int32
    var registration: apus_filter_reg
}

/// The filters that modules registered, in their order: by stage, then by after/before inside it, then by name.
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
                name: Bytes.immortal(name), direction: registration.direction, stage: registration.stage, order: 0,
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

    /// Numbers the filters; a contradiction is reported and broken by name.
    func freeze(report: (LoadedModule, String) -> Void) {
        var left = registrations.sorted { a, b in
            a.kind.pointee.stage != b.kind.pointee.stage
                ? a.kind.pointee.stage < b.kind.pointee.stage : a.name < b.name
        }
        var number: Int32 = 0
        var ordered: [Registration] = []
        while !left.isEmpty {
            var next = left.firstIndex { candidate in !left.contains { FilterRegistry.mustPrecede($0, candidate) } }
            if next == nil {
                let names = left.map(\.name).joined(separator: ", ")
                report(left[0].module, "the order of the filters \(names) is contradictory")
                next = 0
            }
            let entry = left.remove(at: next ?? 0)
            entry.kind.pointee.order = number
            number += 1
            ordered.append(entry)
        }
        registrations = ordered
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
