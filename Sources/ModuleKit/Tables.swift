public import CSystem
public import ModuleABI
import ModuleABI.Draft

/// The host's function tables, asked for once when the module is entered.
///
/// A table that the host does not offer is nil; the ones a module cannot do without belong into `ModuleInfo.requires`,
/// whose absence the host reports before `init` runs.
public struct Tables: @unchecked Sendable {
    /// The tables that nearly every module needs.
    public var config, hooks, functions, providers, pool, log, request, headers: UnsafeRawPointer?
    /// The tables of special kinds.
    public var subrequest, conn, server, body, filters, tasks, regex, shm, mutex, leader, handover, timeouts, upgrade, expr, confset, program, inspect, wire: UnsafeRawPointer?

    /// Asks for them. Drafts are only asked for by name, so that no module depends on one unawares; another module of this image
    /// may have done so before.
    mutating func fill(_ host: UnsafePointer<apus_host>, drafts: [String]) {
        func table(_ id: String) -> UnsafeRawPointer? { host.pointee.extension(host, id) }
        func draft(_ id: String, _ known: UnsafeRawPointer?) -> UnsafeRawPointer? { drafts.contains(id) ? table(id) : known }
        config = table(APUS_EXT_CONFIG)
        hooks = table(APUS_EXT_HOOKS)
        functions = table(APUS_EXT_FUNCTIONS)
        providers = table(APUS_EXT_PROVIDERS)
        pool = table(APUS_EXT_POOL)
        log = table(APUS_EXT_LOG)
        request = table(APUS_EXT_REQUEST)
        headers = table(APUS_EXT_HEADERS)
        subrequest = table(APUS_EXT_SUBREQUEST)
        conn = table(APUS_EXT_CONN)
        server = table(APUS_EXT_SERVER)
        body = table(APUS_EXT_BODY)
        filters = table(APUS_EXT_FILTERS)
        tasks = table(APUS_EXT_TASKS)
        regex = table(APUS_EXT_REGEX)
        shm = table(APUS_EXT_SHM)
        mutex = table(APUS_EXT_MUTEX)
        leader = table(APUS_EXT_LEADER)
        expr = table(APUS_EXT_EXPR)
        confset = table(APUS_EXT_CONFSET)
        handover = draft(APUS_EXT_HANDOVER, handover)
        program = draft(APUS_EXT_PROGRAM, program)
        timeouts = draft(APUS_EXT_TIMEOUTS, timeouts)
        upgrade = draft(APUS_EXT_UPGRADE, upgrade)
        inspect = draft(APUS_EXT_INSPECT, inspect)
        wire = draft(APUS_EXT_WIRE, wire)
    }
}

/// The tables of this image. Written once, by the entry function, before anything else runs.
///
/// They lie in memory of C, because a global variable of Swift asks at each use whether it has been made, and whether
/// somebody else is at it: some 80 instructions for each call of the host.
@usableFromInline @inline(__always)
var tables: UnsafeMutablePointer<Tables> {
    @inlinable get { cs_tables_of_module().assumingMemoryBound(to: Tables.self) }
}

/// A table as its type. The host checked that it is there: ModuleKit's descriptor requires those it uses.
@inlinable @inline(__always)
func typed<T>(_ table: UnsafeRawPointer?, as type: T.Type = T.self) -> UnsafePointer<T> {
    table.unsafelyUnwrapped.assumingMemoryBound(to: T.self)
}

@usableFromInline @inline(__always) var requestTable: UnsafePointer<apus_request_v1> { @inlinable get { typed(tables.pointee.request) } }
@usableFromInline @inline(__always) var headerTable: UnsafePointer<apus_headers_v1> { @inlinable get { typed(tables.pointee.headers) } }
@usableFromInline @inline(__always) var connTable: UnsafePointer<apus_conn_v1> { @inlinable get { typed(tables.pointee.conn) } }
@usableFromInline @inline(__always) var serverTable: UnsafePointer<apus_server_v1> { @inlinable get { typed(tables.pointee.server) } }
@usableFromInline @inline(__always) var poolTable: UnsafePointer<apus_pool_v1> { @inlinable get { typed(tables.pointee.pool) } }
@usableFromInline @inline(__always) var logTable: UnsafePointer<apus_log_v1> { @inlinable get { typed(tables.pointee.log) } }
@usableFromInline @inline(__always) var bodyTable: UnsafePointer<apus_body_v1> { @inlinable get { typed(tables.pointee.body) } }
@usableFromInline @inline(__always) var configTable: UnsafePointer<apus_config_v1> { @inlinable get { typed(tables.pointee.config) } }
@usableFromInline @inline(__always) var hookTable: UnsafePointer<apus_hooks_v1> { @inlinable get { typed(tables.pointee.hooks) } }
@usableFromInline @inline(__always) var filterTable: UnsafePointer<apus_filters_v1> { @inlinable get { typed(tables.pointee.filters) } }
@usableFromInline @inline(__always) var taskTable: UnsafePointer<apus_tasks_v1> { @inlinable get { typed(tables.pointee.tasks) } }
@usableFromInline @inline(__always) var regexTable: UnsafePointer<apus_regex_v1> { @inlinable get { typed(tables.pointee.regex) } }
@usableFromInline @inline(__always) var subrequestTable: UnsafePointer<apus_subrequest_v1> { @inlinable get { typed(tables.pointee.subrequest) } }
@usableFromInline @inline(__always) var providerTable: UnsafePointer<apus_providers_v1> { @inlinable get { typed(tables.pointee.providers) } }
@usableFromInline @inline(__always) var functionTable: UnsafePointer<apus_functions_v1> { @inlinable get { typed(tables.pointee.functions) } }
@usableFromInline @inline(__always) var shmTable: UnsafePointer<apus_shm_v1> { @inlinable get { typed(tables.pointee.shm) } }
@usableFromInline @inline(__always) var mutexTable: UnsafePointer<apus_mutex_v1> { @inlinable get { typed(tables.pointee.mutex) } }
@usableFromInline @inline(__always) var leaderTable: UnsafePointer<apus_leader_v1> { @inlinable get { typed(tables.pointee.leader) } }
@inline(__always) var timeoutTable: UnsafePointer<apus_timeouts_v0> { typed(tables.pointee.timeouts) }
@inline(__always) var handoverTable: UnsafePointer<apus_handover_v0> { typed(tables.pointee.handover) }
@inline(__always) var upgradeTable: UnsafePointer<apus_upgrade_v0> { typed(tables.pointee.upgrade) }
@usableFromInline @inline(__always) var exprTable: UnsafePointer<apus_expr_v1> { @inlinable get { typed(tables.pointee.expr) } }
@usableFromInline @inline(__always) var confsetTable: UnsafePointer<apus_confset_v1> { @inlinable get { typed(tables.pointee.confset) } }
@inline(__always) var programTable: UnsafePointer<apus_program_v0> { typed(tables.pointee.program) }
@inline(__always) var inspectTable: UnsafePointer<apus_inspect_v0> { typed(tables.pointee.inspect) }
@inline(__always) var wireTable: UnsafePointer<apus_wire_v0> { typed(tables.pointee.wire) }
