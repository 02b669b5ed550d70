import Glibc

/// Finds the files that an `Include` names.
///
/// `*`, `?` and `[…]` work in every component of a path and pass over names that begin with a dot. A
/// directory stands for all files in and below it. The files come in the order of their names' bytes.
struct IncludeGlob {
    /// Whether absent files and directories are passed over.
    let isOptional: Bool

    /// The deepest nesting of directories; deeper ones are taken for a loop of symbolic links.
    private static let maximumNesting = 20

    /// The files for a path, in the order they are read. A path without wildcards is given back as it is,
    /// whether the file exists or not.
    func files(for path: String) throws(SourceReadFailure) -> [String] {
        guard Self.isPattern(path) else { return try filesBelow(path) }
        let components = path.split(separator: "/").map(String.init)
        return try match(components[...], in: path.hasPrefix("/") ? "/" : ".")
    }

    /// Whether the path holds a wildcard: `?`, `*`, or a `[` with its `]`. A backslash hides the next byte.
    static func isPattern(_ path: String) -> Bool {
        var bytes = path.utf8.makeIterator()
        var isBracketOpen = false
        while let byte = bytes.next() {
            switch byte {
            case UInt8(ascii: "?"), UInt8(ascii: "*"): return true
            case UInt8(ascii: "\\"): _ = bytes.next()
            case UInt8(ascii: "["): isBracketOpen = true
            case UInt8(ascii: "]") where isBracketOpen: return true
            default: break
            }
        }
        return false
    }

    /// Walks the components of a pattern from `directory` on.
    private func match(
        _ components: ArraySlice<String>, in directory: String
    ) throws(SourceReadFailure) -> [String] {
        guard let component = components.first else { return try filesBelow(directory) }
        let rest = components.dropFirst()
        guard Self.isPattern(component) else {
            return try match(rest, in: Self.join(directory, component))
        }
        var found: [String] = []
        for path in try entries(of: directory, matching: component) {
            // A file cannot lead on to the rest of the pattern.
            guard rest.isEmpty || Self.isDirectory(path) else { continue }
            found += try match(rest, in: path)
        }
        return found
    }

    /// The entries of a directory that match a pattern; none at all is a failure unless it is optional.
    private func entries(
        of directory: String, matching pattern: String
    ) throws(SourceReadFailure) -> [String] {
        let names: [String]
        do throws(SourceReadFailure) {
            names = try Self.names(in: directory)
        } catch {
            if isOptional, error.isAbsent { return [] }
            throw error
        }
        let matching = names.filter { fnmatch(pattern, $0, FNM_PERIOD) == 0 }
        guard isOptional || !matching.isEmpty else {
            throw SourceReadFailure(
                "nothing in \(directory) matches \(pattern)",
                hint: "IncludeOptional passes over a pattern without matches")
        }
        return matching.map { Self.join(directory, $0) }
    }

    /// The path itself, or for a directory all files in and below it.
    private func filesBelow(_ path: String, nesting: Int = 0) throws(SourceReadFailure) -> [String] {
        guard Self.isDirectory(path) else { return [path] }
        guard nesting < Self.maximumNesting else {
            throw SourceReadFailure(
                "\(path) is nested more than \(Self.maximumNesting) directories deep",
                hint: "look for a symbolic link that leads back to a directory above it")
        }
        var found: [String] = []
        for name in try Self.names(in: path) {
            found += try filesBelow(Self.join(path, name), nesting: nesting + 1)
        }
        return found
    }

    /// The names in a directory in the order of their bytes.
    private static func names(in directory: String) throws(SourceReadFailure) -> [String] {
        guard let stream = opendir(directory) else { throw SourceReadFailure(errno: errno, path: directory) }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { $0.prefix { $0 != 0 }.configText }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    private static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    private static func join(_ directory: String, _ name: String) -> String {
        directory.hasSuffix("/") ? directory + name : directory + "/" + name
    }
}
