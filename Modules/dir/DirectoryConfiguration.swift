import ModuleKit

/// A setting that may be left to the outer scope.
enum Choice: UInt8, BitwiseCopyable {
    case unset, off, on
}

/// What is done about directories. Raw memory only: it is read for every request of one.
struct DirectoryConf: Configuration {
    /// Whether DirectoryIndex stands here; the list may be empty all the same.
    var hasIndexes = false
    var indexes = PoolArray<Bytes>()
    var slash = Choice.unset
    var checksHandler = Choice.unset
    /// The status DirectoryIndexRedirect answers with; 0: it is off; -1: unset.
    var indexRedirect: Int32 = -1
    /// Where FallbackResource sends to; empty: it is disabled.
    var fallback = Bytes.none

    static var defaultIndex: Bytes { Bytes("index.html") }

    func merged(
        over base: DirectoryConf, settings: [(inout DirectoryConf) -> Void], in pool: Pool
    ) -> DirectoryConf {
        var merged = base
        if hasIndexes {
            merged.hasIndexes = true
            merged.indexes = indexes
        }
        if slash != .unset { merged.slash = slash }
        if checksHandler != .unset { merged.checksHandler = checksHandler }
        if indexRedirect >= 0 { merged.indexRedirect = indexRedirect }
        if fallback.isSet { merged.fallback = fallback }
        return merged
    }
}
