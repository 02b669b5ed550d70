import ModuleKit

/// An Alias, ScriptAlias or one of their regular expressions.
struct AliasEntry: BitwiseCopyable {
    /// The URL-path; empty when there is a pattern.
    var path = Bytes.none
    var pattern: Pattern?
    /// What stands for the path in the file system; absolute.
    var target = Bytes.none
    /// The same for a pattern.
    var template = Template()
    /// The same in a <Location>, when it depends on the request; relative values stand under ServerRoot.
    var expression: Expression?
    /// The handler it forces; none: no.
    var handler = Bytes.none
}

/// A Redirect or RedirectMatch.
struct RedirectEntry: BitwiseCopyable {
    var path = Bytes.none
    var pattern: Pattern?
    /// The URL; none: the status says it all.
    var target = Bytes.none
    var template = Template()
    /// The URL of a section's redirect, when it depends on the request.
    var expression: Expression?
    var status: Int32 = 302
}

/// What stands outside all sections. The first entry that matches counts, and those of a virtual host come
/// first.
struct AliasServerConf: Configuration {
    static let isInheritedWhole = true

    var aliases = PoolArray<AliasEntry>()
    var redirects = PoolArray<RedirectEntry>()

    func merged(
        over base: AliasServerConf, settings: [(inout AliasServerConf) -> Void], in pool: Pool
    ) -> AliasServerConf {
        var merged = AliasServerConf()
        merged.aliases = aliases.joined(with: base.aliases, in: pool)
        merged.redirects = redirects.joined(with: base.redirects, in: pool)
        return merged
    }
}

/// A setting that may be left to the outer scope.
enum Choice: UInt8, BitwiseCopyable {
    case unset, off, on
}

/// What stands in sections.
struct AliasDirConf: Configuration {
    /// Redirects with a URL-path of their own.
    var redirects = PoolArray<RedirectEntry>()
    /// The redirect of the section as a whole: its path is the section's.
    var hasOwnRedirect = false
    var ownRedirect = RedirectEntry()
    /// The alias of a <Location> as a whole.
    var hasOwnAlias = false
    var ownAlias = AliasEntry()
    var preservesPath = Choice.unset
    var sendsRelative = Choice.unset

    func merged(
        over base: AliasDirConf, settings: [(inout AliasDirConf) -> Void], in pool: Pool
    ) -> AliasDirConf {
        var merged = base
        merged.redirects = redirects.joined(with: base.redirects, in: pool)
        if hasOwnRedirect {
            merged.hasOwnRedirect = true
            merged.ownRedirect = ownRedirect
        }
        if hasOwnAlias {
            merged.hasOwnAlias = true
            merged.ownAlias = ownAlias
        }
        if preservesPath != .unset { merged.preservesPath = preservesPath }
        if sendsRelative != .unset { merged.sendsRelative = sendsRelative }
        return merged
    }
}
