import ByteKit
import DbmKit
public import ModuleKit

/// The database of a directory.
public struct DbmFileConf: Configuration, BitwiseCopyable {
    var path = Bytes.none
    var type: DbmType?

    public init() {}

    public func merged(
        over base: DbmFileConf, settings: [(inout DbmFileConf) -> Void], in pool: Pool
    ) -> DbmFileConf {
        var merged = self
        if !path.isSet { merged.path = base.path }
        merged.type = type ?? base.type
        return merged
    }
}

/// The directives that name a database and its type, for a module whose `DirConf` is `DbmFileConf`.
public func dbmDirectives(file: String, help: String, type: String) -> [Directive] {
    let inSections: Scopes = [.directory, .location, .files, .htaccess]
    return [
        Directive(file, .one, in: inSections, override: .auth, help: help) {
            let path = $0.pool.copy($0.resolve($1[0]))
            $0.configuration(DbmFileConf.self).pointee.path = path
        },
        Directive(type, .one, in: inSections, override: .auth, help: "default, DB, GDBM or SDBM") {
            guard let type = DbmType(name: $1[0]) else {
                throw DirectiveError("\"\($1.string(0))\" is none of default, DB, GDBM and SDBM")
            }
            $0.configuration(DbmFileConf.self).pointee.type = type
        },
    ]
}
