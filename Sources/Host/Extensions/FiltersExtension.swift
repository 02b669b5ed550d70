import ByteKit
import ModuleABI

/// apus/filters.h
enum FiltersExtension {
    static let table = apus_filters_v1(
        size: Extensions.size(apus_filters_v1.self), reserved: 0,
        add: { host, registration in add(host, registration) },
        insert: { r, direction, name in
            guard let kind = Runtime.current?.filters.find(name.string, direction)?.kind else { return APUS_E_NOT_FOUND }
            return Filters.insert(.of(r), kind)
        },
        remove: { f in filter(f).pointee.isRemoved = true },
        pass: { f, chain in Filters.push(filter(f).pointee.next, filter(f).pointee.request, .of(chain)) },
        pull: { f, max, chain in
            Filters.pull(filter(f).pointee.next, filter(f).pointee.request, min(Extensions.count(max), 1 << 30), .of(chain))
        },
        request: { f in filter(f).pointee.request.handle },
        state: { f in filter(f).pointee.state },
        set_state: { f, state in filter(f).pointee.state = state },
        insert_behind: { f, name in
            guard let kind = Runtime.current?.filters.find(name.string, APUS_OUTPUT)?.kind else { return APUS_E_NOT_FOUND }
            return Filters.insert(behind: filter(f), kind)
        },
        resume: { f in
            let filter = filter(f)
            guard filter.pointee.kind.pointee.direction == APUS_INPUT else { return OutputFeed.resume(filter) }
            // Whoever reads the body hears that there is more.
            theWorker.pointee.loop.revisit(filter.pointee.request.pointee.conn)
        })

    private static func filter(_ f: OpaquePointer?) -> FilterInstance.Ref { FilterInstance.Ref(f.unsafelyUnwrapped) }

    private static func add(_ host: UnsafePointer<apus_host>?, _ raw: UnsafePointer<apus_filter_reg>?) -> apus_status {
        guard let host, let raw, let runtime = Runtime.current else { return APUS_E_INVALID }
        let module = LoadedModule.of(host)
        guard raw.pointee.size >= FirstRevision.filterRegistration, let name = raw.pointee.name else {
            return Extensions.refuse(module, RegistrationError("registers a filter with an incomplete registration"))
        }
        do throws(RegistrationError) {
            try runtime.filters.add(
                FirstRevision.whole(raw, size: raw.pointee.size), String(cString: name), after: Extensions.strings(raw.pointee.after),
                before: Extensions.strings(raw.pointee.before), by: module)
            return APUS_OK
        } catch {
            return Extensions.refuse(module, error)
        }
    }
}
