import ByteKit
import CSystem
import ElfKit
import Glibc
import ModuleABI

/// Loads what LoadModule and LoadFile name, and says in one line what is wrong with each that cannot be.
///
/// Nothing is ever unmapped: closing a Swift image crashes the process, so images are opened with RTLD_NODELETE.
final class ModuleLoader {
    /// The server's own modules directory, where replacements for httpd's binaries are found.
    let ownDirectory: String
    private(set) var modules: [LoadedModule]
    /// Modules that a LoadModule line named and that could not be loaded: their directives are no further errors.
    private(set) var failed: Set<String> = []
    /// Whether a line named a binary of httpd: the configuration was made for it.
    private(set) var replacesBinaries = false
    /// What Debian's httpd has built in and we have as modules.
    private static let builtIntoHttpd: Set<String> = ["log_config_module", "logio_module"]

    /// Modules of httpd that are part of this host, as -M and -l list them.
    static let staticNames = [
        "so_module", "http_module", "mpm_event_module", "version_module", "unixd_module", "macro_module",
    ]
    private static let builtIn = Set(staticNames + ["core_module", "mpm_worker_module", "mpm_prefork_module"])

    static func isBuiltIn(_ name: String) -> Bool { builtIn.contains(name) }

    init(core: LoadedModule, ownDirectory: String) {
        modules = [core]
        self.ownDirectory = ownDirectory
    }

    func find(_ name: String) -> LoadedModule? { modules.first { $0.name == name } }

    /// Whether a configuration made for httpd may take it that the module is there without a LoadModule line.
    func isTakenForGranted(_ name: String) -> Bool {
        replacesBinaries && ModuleLoader.builtIntoHttpd.contains(name) && find(name) == nil && access(ownFile(name), R_OK) == 0
    }

    /// Our file of a module.
    func ownFile(_ name: String) -> String { "\(ownDirectory)/mod_\(name.hasSuffix("_module") ? String(name.dropLast(7)) : name).so" }

    /// Whether a module of this name, or of httpd's file name ("mod_ssl.c"), is there.
    func isLoaded(_ nameOrFile: String) -> Bool {
        if find(nameOrFile) != nil || ModuleLoader.builtIn.contains(nameOrFile) { return true }
        guard nameOrFile.hasSuffix(".c") else { return false }
        let stem = nameOrFile.dropLast(2)
        let name = stem.hasPrefix("mod_") ? String(stem.dropFirst(4)) : String(stem)
        return isLoaded(name == "event" || name == "worker" || name == "prefork" ? "mpm_\(name)_module" : "\(name)_module")
    }

    // MARK: LoadModule

    func load(_ name: String, file: String, at location: SourceLocation, _ diagnostics: Diagnostics) {
        if ModuleLoader.builtIn.contains(name) {
            return diagnostics.notice("\(name) is built in; this line has no effect", at: location)
        }
        if let other = find(name) {
            let place = other.location.map { " at \($0)" } ?? ""
            return diagnostics.warning("\(name) is already loaded\(place); this line has no effect", at: location)
        }
        do throws(LoadFailure) {
            let image = try resolve(name, file, at: location, diagnostics)
            let module = try attachable(name, file: image, at: location)
            modules.append(module)
        } catch {
            failed.insert(name)
            diagnostics.error("cannot load \(name) from \(file): \(error.reason)", at: location, hint: error.remedy)
        }
    }

    /// The file to open: the one named, or our own in place of httpd's binary.
    private func resolve(
        _ name: String, _ file: String, at location: SourceLocation, _ diagnostics: Diagnostics
    ) throws(LoadFailure) -> String {
        let base = String(file.split(separator: "/").last ?? "")
        let own = "\(ownDirectory)/\(base)"
        let image: ElfImage
        do throws(ElfImage.Problem) {
            image = try ElfImage(path: file)
        } catch {
            guard case .unreadable(ENOENT) = error, own != file, access(own, R_OK) == 0 else { throw describe(error, file) }
            diagnostics.notice("there is no \(file); \(own) is loaded in its place", at: location)
            return own
        }
        if image.exports["apus_module_entry"] != nil {
            image.loadLibraries(from: "\(ownDirectory)/../lib")
            return file
        }
        guard image.exports[name] == true else { throw noEntry() }
        guard own != file, access(own, R_OK) == 0 else {
            throw LoadFailure(
                "it is a binary for Apache httpd, and Apus has no module of its own named \(base)",
                "remove the line, or install an Apus module of that name")
        }
        replacesBinaries = true
        diagnostics.notice("\(file) is a binary for Apache httpd; \(own) is loaded in its place", at: location)
        return own
    }

    private func noEntry() -> LoadFailure {
        LoadFailure(
            "it exports no apus_module_entry, so it is no Apus module",
            "build it against the headers in include/ with the entry function exported")
    }

    private func describe(_ problem: ElfImage.Problem, _ file: String) -> LoadFailure {
        switch problem {
        case .unreadable(ENOENT):
            LoadFailure("there is no such file", "check the path; relative paths start at ServerRoot")
        case .unreadable(let code):
            LoadFailure("it cannot be read: \(systemError(code))", "check the file's permissions")
        case .notElf:
            LoadFailure("it is not a shared object (no ELF header)", "name a .so file that was built for this system")
        case .foreign(let kind):
            LoadFailure("it was built for another machine (\(kind))", "build it for this one")
        }
    }

    // MARK: Checks, in the order of the contract

    private func attachable(
        _ name: String, file: String, at location: SourceLocation
    ) throws(LoadFailure) -> LoadedModule {
        try checkOwner(file)
        Activity.loadingFile = file
        return try Activity.during(.init(module: modules.count, .loading)) { () throws(LoadFailure) in
            try enter(name, file: file, at: location)
        }
    }

    private func enter(
        _ name: String, file: String, at location: SourceLocation
    ) throws(LoadFailure) -> LoadedModule {
        guard let image = dlopen(file, RTLD_NOW | RTLD_LOCAL | Int32(RTLD_NODELETE)) else {
            throw LoadFailure(dlerror().map { String(cString: $0) } ?? "it cannot be mapped", nil)
        }
        guard let symbol = dlsym(image, "apus_module_entry") else {
            throw LoadFailure("it exports no apus_module_entry, so it is no Apus module", nil)
        }
        let entry = unsafeBitCast(symbol, to: Entry.self)
        // The handle is made before the module is known well enough to keep: its identity is the name asked for.
        let candidate = LoadedModule(
            index: modules.count, name: name, version: "", file: file, toolchain: "", location: location)
        guard let descriptor = entry(candidate.host, name) else { throw wrongName(name, entry, candidate) }
        try check(descriptor, name)
        let module = LoadedModule(
            index: modules.count, name: name, version: text(descriptor.pointee.version) ?? "?", file: file,
            toolchain: text(descriptor.pointee.toolchain) ?? "?", location: location)
        // Asked again with the handle that will live as long as the module.
        guard let own = entry(module.host, name) else { throw wrongName(name, entry, candidate) }
        module.bind(own)
        return module
    }

    private typealias Entry = @convention(c) (
        UnsafePointer<apus_host>?, UnsafePointer<CChar>?
    ) -> UnsafePointer<apus_module>?

    /// Whoever owns the server's own program decides what it does anyway.
    private var serverOwner: uid_t {
        var info = stat()
        return stat("/proc/self/exe", &info) == 0 ? info.st_uid : 0
    }

    /// What an image that others can change would do as root is theirs to decide: refuse it.
    private func checkOwner(_ file: String) throws(LoadFailure) {
        var info = stat()
        guard geteuid() == 0, stat(file, &info) == 0 else { return }
        if info.st_mode & 0o002 != 0 {
            throw LoadFailure("every user may write to it, and this server runs as root", "chmod o-w \(file)")
        }
        guard info.st_uid == 0 || info.st_uid == serverOwner else {
            throw LoadFailure(
                "it belongs to user \(info.st_uid), who could change what this server does as root", "chown root \(file)")
        }
    }

    private func wrongName(_ name: String, _ entry: Entry, _ candidate: LoadedModule) -> LoadFailure {
        // A file that does not answer to the empty name may bear its module's.
        let stem = candidate.file.split(separator: "/").last?.split(separator: ".").first ?? ""
        let guess = (stem.hasPrefix("mod_") ? stem.dropFirst(4) : stem) + "_module"
        guard let first = entry(candidate.host, "") ?? entry(candidate.host, String(guess)), let its = text(first.pointee.name) else {
            return LoadFailure("it holds no module named \(name)", "check the first argument of LoadModule")
        }
        return LoadFailure("it holds \(its), not \(name)", "write LoadModule \(its) …")
    }

    private func check(_ descriptor: UnsafePointer<apus_module>, _ name: String) throws(LoadFailure) {
        let module = descriptor.pointee
        guard module.size >= FirstRevision.module else {
            throw LoadFailure(
                "its descriptor has \(module.size) bytes, this host needs \(FirstRevision.module)",
                "rebuild it against this server's headers")
        }
        guard UInt32(module.abi_major) == APUS_ABI_MAJOR, UInt32(module.abi_minor_min) <= APUS_ABI_MINOR else {
            throw LoadFailure(
                "it needs ABI \(module.abi_major).\(module.abi_minor_min), this host offers "
                    + "\(APUS_ABI_MAJOR).\(APUS_ABI_MINOR)",
                UInt32(module.abi_major) < APUS_ABI_MAJOR
                    ? "build it against this server's headers" : "upgrade the server, or build the module for this one")
        }
        guard module.flags & ~APUS_MODULE_ONE_REQUEST == 0 else {
            throw LoadFailure("it sets flags 0x\(String(module.flags, radix: 16)) that this host does not know", "upgrade the server")
        }
        try checkConfigurations(module)
        try checkDirectives(module)
        try checkToolchain(text(module.toolchain) ?? "")
        try checkExtensions(module)
        guard text(module.name) == name else {
            throw LoadFailure("its descriptor says \(text(module.name) ?? "nothing"), not \(name)", nil)
        }
        guard module.attach != nil else { throw LoadFailure("its descriptor has no attach function", nil) }
    }

    private func checkConfigurations(_ module: apus_module) throws(LoadFailure) {
        for (operations, known) in [(module.server_conf, APUS_CONF_INHERITED), (module.dir_conf, 0)] {
            guard let operations = operations?.pointee else { continue }
            guard operations.size >= FirstRevision.confOps else {
                throw LoadFailure("its configuration operations are too small", "rebuild it against this server's headers")
            }
            guard operations.flags & ~known == 0 else {
                throw LoadFailure("its configuration has flags 0x\(String(operations.flags, radix: 16)) that this host does not know", "upgrade the server")
            }
        }
    }

    private func checkDirectives(_ module: apus_module) throws(LoadFailure) {
        guard module.n_directives > 0 else { return }
        guard module.directive_stride >= FirstRevision.directive, let rows = module.directives else {
            throw LoadFailure("its directive rows are too small", "rebuild it against this server's headers")
        }
        let flags = APUS_DIRECTIVE_DIR_CONF | APUS_DIRECTIVE_ONCE | APUS_DIRECTIVE_SECRET | APUS_DIRECTIVE_DEPRECATED
        let places = APUS_IN_SERVER | APUS_IN_GLOBAL | APUS_IN_DIRECTORY | APUS_IN_LOCATION | APUS_IN_FILES | APUS_IN_HTACCESS
        let classes =
            APUS_OVERRIDE_AUTH | APUS_OVERRIDE_FILEINFO | APUS_OVERRIDE_INDEXES | APUS_OVERRIDE_LIMIT | APUS_OVERRIDE_OPTIONS
        for index in 0..<Int(module.n_directives) {
            let row = UnsafeRawPointer(rows).load(fromByteOffset: index * Int(module.directive_stride), as: apus_directive.self)
            guard let name = text(row.name), row.handle != nil else {
                throw LoadFailure("its directive row \(index) has no name or no handler", nil)
            }
            guard row.flags & APUS_DIRECTIVE_DIR_CONF == 0 || module.dir_conf != nil else {
                throw LoadFailure(
                    "its directive \(name) is about the configuration of directories (APUS_DIRECTIVE_DIR_CONF), and it has none",
                    "give the module its dir_conf, or take the flag off")
            }
            guard row.flags & ~flags == 0, row.where & ~places == 0, row.override_class & ~classes == 0, row.shape <= APUS_SHAPE_SECTION else {
                throw LoadFailure("its directive \(name) has a flag, place, class or shape that this host does not know", "upgrade the server")
            }
        }
    }

    /// Swift's ABI is not stable on Linux: one shared runtime serves only images of one compiler release.
    private func checkToolchain(_ toolchain: String) throws(LoadFailure) {
        guard toolchain.hasPrefix("swift-"), toolchain.hasSuffix(" shared") else { return }
        let own = "swift-\(SwiftRelease.current) shared"
        guard toolchain == own else {
            throw LoadFailure(
                "it was built by \(toolchain.dropLast(7)) for the shared Swift runtime, this server by swift-\(SwiftRelease.current)",
                "rebuild it with swift-\(SwiftRelease.current), or link it with -static-stdlib")
        }
    }

    private func checkExtensions(_ module: apus_module) throws(LoadFailure) {
        let missing = Extensions.strings(module.requires_ids).filter { Extensions.table(named: $0) == nil }
        guard let first = missing.first else { return }
        let others = missing.dropFirst().map { "; it needs \($0), too" }.joined()
        throw LoadFailure("it needs the extension \(first), which this host does not offer\(others)", remedy(first))
    }

    /// What to do about an extension that is not there.
    private func remedy(_ id: String) -> String {
        guard let offered = Extensions.other(id) else {
            return "look how \(id) is spelt; if that is right, upgrade the server, or do without the module"
        }
        return Extensions.isDraft(id)
            ? "this host offers \(offered): build the module again with this server's headers, whose drafts it uses"
            : "this host offers \(offered): upgrade the server, or build the module again with this server's headers"
    }

    private func text(_ string: UnsafePointer<CChar>?) -> String? { string.map { String(cString: $0) } }

    // MARK: LoadFile

    /// - Parameter named: as it was written; the system looks for a plain name where it keeps its libraries.
    func loadFile(_ file: String, named: String, at location: SourceLocation, _ diagnostics: Diagnostics) {
        let isElsewhere = !named.utf8.contains(0x2f) && access(file, F_OK) != 0
        guard dlopen(isElsewhere ? named : file, RTLD_NOW | RTLD_GLOBAL | Int32(RTLD_NODELETE)) == nil else { return }
        let reason = dlerror().map { String(cString: $0) } ?? "it cannot be mapped"
        diagnostics.error("cannot load \(file): \(reason)", at: location, hint: "check the path and what it depends on")
    }
}

/// Why a module cannot be loaded, and what to do.
struct LoadFailure: Error {
    let reason: String
    let remedy: String?

    init(_ reason: String, _ remedy: String?) {
        self.reason = reason
        self.remedy = remedy
    }
}

/// The system's words for an errno.
func systemError(_ code: Int32) -> String { String(cString: strerror(code)) }
