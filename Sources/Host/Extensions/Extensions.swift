import ByteKit
import Glibc
import ModuleABI
import ModuleABI.Draft

/// The function tables that modules ask for by id. Each is made once and lives for ever.
enum Extensions {
    nonisolated(unsafe) private static let tables: [String: UnsafeRawPointer] = [
        APUS_EXT_BODY: make(BodyExtension.table),
        APUS_EXT_CONFIG: make(ConfigExtension.table),
        APUS_EXT_CONFSET: make(ConfsetExtension.table),
        APUS_EXT_CONN: make(ConnExtension.table),
        APUS_EXT_EXPR: make(ExprExtension.table),
        APUS_EXT_FILTERS: make(FiltersExtension.table),
        APUS_EXT_FUNCTIONS: make(FunctionsExtension.table),
        APUS_EXT_HANDOVER: make(HandoverExtension.table),
        APUS_EXT_HEADERS: make(HeadersExtension.table),
        APUS_EXT_HOOKS: make(HooksExtension.table),
        APUS_EXT_INSPECT: make(InspectExtension.table),
        APUS_EXT_LEADER: make(LeaderExtension.table),
        APUS_EXT_LOG: make(LogExtension.table),
        APUS_EXT_MUTEX: make(SharedExtension.mutexTable),
        APUS_EXT_POOL: make(PoolExtension.table),
        APUS_EXT_PROGRAM: make(ProgramExtension.table),
        APUS_EXT_PROVIDERS: make(ProvidersExtension.table),
        APUS_EXT_REGEX: make(RegexExtension.table),
        APUS_EXT_REQUEST: make(RequestExtension.table),
        APUS_EXT_SERVER: make(ServerExtension.table),
        APUS_EXT_SHM: make(SharedExtension.shmTable),
        APUS_EXT_SUBREQUEST: make(SubrequestExtension.table),
        APUS_EXT_TASKS: make(TasksExtension.table),
        APUS_EXT_TIMEOUTS: make(TimeoutsExtension.table),
        APUS_EXT_UPGRADE: make(UpgradeExtension.table),
        APUS_EXT_WIRE: make(WireExtension.table),
    ]

    /// What APUS_WITHOUT in the environment names is not offered, as if this host had been built without it: so it is tried out how
    /// modules get on.
    private static let absent: Set<String> = {
        guard let names = getenv("APUS_WITHOUT") else { return [] }
        return Set(String(cString: names).split(separator: " ").map(String.init))
    }()

    /// Another revision of an extension that is offered.
    static func other(_ id: String) -> String? {
        let name = id.prefix { $0 != "/" }
        return tables.keys.filter { $0 != id && $0.prefix { $0 != "/" } == name && !absent.contains($0) }.max()
    }

    /// Whether an id is that of a draft, whose revision is below 1.
    static func isDraft(_ id: String) -> Bool { id.drop { $0 != "/" }.hasPrefix("/0.") }

    static func table(named id: String) -> UnsafeRawPointer? { absent.contains(id) ? nil : tables[id] }

    static var ids: [String] { tables.keys.sorted() }

    private static func make<Table>(_ table: Table) -> UnsafeRawPointer {
        let place = UnsafeMutablePointer<Table>.allocate(capacity: 1)
        place.initialize(to: table)
        return UnsafeRawPointer(place)
    }

    /// A size_t as Swift sees it: what is beyond Int, SIZE_MAX before all, arrives negative and means "all of it".
    @inline(__always)
    static func count(_ size: Int) -> Int { size < 0 ? Int.max : size }

    /// The size member of a table.
    static func size<Table>(_ type: Table.Type) -> UInt32 { UInt32(MemoryLayout<Table>.size) }

    /// A name of a module's own that travels between processes; nil: it may not be one.
    static func name(_ bytes: Bytes) -> String? {
        guard bytes.count >= 1, bytes.count <= 128, !bytes.buffer.contains(where: { $0 < 0x20 || $0 == 0x7f }) else { return nil }
        return String(validating: bytes.buffer, as: UTF8.self)
    }

    /// Names in a NULL-terminated array.
    static func strings(_ list: UnsafePointer<UnsafePointer<CChar>?>?) -> [String] {
        guard var next = list else { return [] }
        var found: [String] = []
        while let text = next.pointee {
            found.append(String(cString: text))
            next += 1
        }
        return found
    }

    /// Reports a refusal at the module's LoadModule line and answers its status.
    static func refuse(_ module: LoadedModule, _ error: RegistrationError) -> apus_status {
        Runtime.current?.refusals.append((module, error.message))
        return error.status
    }
}
