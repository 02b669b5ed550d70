import ByteKit
import Glibc
import ModuleABI

/// What -S, -M, -L and -D DUMP_… print of a configuration.
enum Dumps {
    static func text(_ dump: Options.Dump, _ runtime: Runtime) -> String {
        switch dump {
        case .vhosts: virtualHosts(runtime)
        case .runConfiguration: runConfiguration(runtime)
        case .modules: runtime.options.isVerbose ? modulesInDetail(runtime) : modules(runtime)
        case .includes: includes(runtime)
        case .config: config(runtime)
        }
    }

    // MARK: Modules

    private static func modules(_ runtime: Runtime) -> String {
        let builtIn = ["core_module"] + ModuleLoader.staticNames
        let loaded = runtime.modules.dropFirst()
        return "Loaded Modules:\n" + builtIn.map { " \($0) (static)\n" }.joined() + loaded.map { " \($0.name) (shared)\n" }.joined()
    }

    private static func abi(_ module: LoadedModule) -> String {
        guard let descriptor = module.descriptor else { return "\(APUS_ABI_MAJOR).\(APUS_ABI_MINOR)" }
        return "\(descriptor.pointee.abi_major).\(descriptor.pointee.abi_minor_min)"
    }

    private static func modulesInDetail(_ runtime: Runtime) -> String {
        var text = modules(runtime)
        text += "\nVersions:\n"
        for module in runtime.modules { text += " \(module.name) \(module.version), ABI \(abi(module)), \(module.toolchain)\n" }
        text += "\nExtensions in use:\n"
        for module in runtime.modules where !module.idsInUse.isEmpty {
            text += " \(module.name): \(module.idsInUse.sorted().joined(separator: " "))\n"
        }
        text += "\nHooks, in the order they run:\n"
        for hook in runtime.hooks.hooks.values.sorted(by: { $0.name < $1.name }) where !hook.ordered.isEmpty {
            let owner = hook.owner.map { ", declared by \($0.name)" } ?? ""
            text += " \(hook.name) \(hook.signature.text) \(hook.kind)\(owner)\n"
            for entry in hook.ordered { text += "   \(entry.module.name): \(reason(entry))\n" }
        }
        text += "\nFilters, from the handler to the wire:\n"
        for filter in runtime.filters.registrations {
            let kind = filter.kind.pointee
            let direction = kind.direction == APUS_OUTPUT ? "output" : "input"
            text += "   \(filter.name) (\(filter.module.name)): \(direction), stage \(kind.stage)\n"
        }
        text += "\nProviders:\n"
        for (group, providers) in runtime.providers.groups.sorted(by: { $0.key < $1.key }) {
            for (name, provider) in providers.sorted(by: { $0.key < $1.key }) {
                text += "   \(group) \(name) (\(provider.module.name))\n"
            }
        }
        return text
    }

    /// Why a callback stands where it stands.
    private static func reason(_ entry: Hook.Registration) -> String {
        let position = switch entry.position {
        case Int32.min: "before all modules"
        case Int32.max: "after all modules"
        case -10: "FIRST"
        case 0: "EARLY"
        case 10: "MIDDLE"
        case 20: "LATE"
        case 30: "LAST"
        default: "position \(entry.position)"
        }
        let after = entry.after.isEmpty ? "" : ", after \(entry.after.joined(separator: " "))"
        let before = entry.before.isEmpty ? "" : ", before \(entry.before.joined(separator: " "))"
        let flags = [
            (APUS_HOOK_MAY_BLOCK, "MAY_BLOCK"), (APUS_HOOK_MAY_SUSPEND, "MAY_SUSPEND"),
            (APUS_HOOK_EXPLAINABLE, "EXPLAINABLE"), (APUS_HOOK_INITIAL_ONLY, "INITIAL_ONLY"),
        ].filter { entry.flags & $0.0 != 0 }.map(\.1)
        return position + after + before + (flags.isEmpty ? "" : "; \(flags.joined(separator: " "))")
    }

    // MARK: Virtual hosts

    private static func virtualHosts(_ runtime: Runtime) -> String {
        guard let hosts = runtime.configuration.hosts, !hosts.entries.isEmpty else { return "" }
        // Addresses come before wildcards, as they do when a connection is looked up.
        let entries = hosts.entries.filter { $0.address != nil } + hosts.entries.filter { $0.address == nil }
        return entries.reduce("VirtualHost configuration:\n") { text, entry in
            let servers = entry.servers.map { runtime.configuration.servers[Int($0.pointee.index)] }
            guard servers.count > 1 else { return text + padded(place(of: entry)) + " \(describe(servers[0]))\n" }
            let title = padded(place(of: entry)) + " is a NameVirtualHost\n         default server \(describe(servers[0]))\n"
            return text + title + servers.map { describe($0, on: entry) }.joined()
        }
    }

    private static func describe(_ draft: ServerDraft, on entry: HostTable.Entry) -> String {
        let port = entry.port == 0 ? "*" : String(entry.port)
        return "         port \(port) namevhost \(describe(draft))\n"
            + draft.names.map { "                 alias \($0)\n" }.joined()
            + draft.patterns.map { "                 wild alias \($0)\n" }.joined()
    }

    private static func place(of entry: HostTable.Entry) -> String {
        let address = entry.address.map { String($0.description.dropLast($0.description.reversed().firstIndex(of: ":").map { $0 + 1 } ?? 0)) }
        return "\(address ?? "*"):\(entry.port == 0 ? "*" : String(entry.port))"
    }

    /// To the width of httpd's first column.
    private static func padded(_ text: String) -> String { text + String(repeating: " ", count: max(0, 22 - text.count)) }

    private static func describe(_ draft: ServerDraft) -> String {
        "\(draft.server.pointee.name.string) (\(draft.location.map { "\($0)" } ?? "?"))"
    }

    private static func runConfiguration(_ runtime: Runtime) -> String {
        let configuration = runtime.configuration
        let core = configuration.main.server.pointee.core.pointee
        var text = "ServerRoot: \"\(configuration.serverRoot)\"\n"
        text += "Main DocumentRoot: \"\(core.documentRoot.string)\"\n"
        text += "Main ErrorLog: \"\(runtime.mainErrorLog)\"\n"
        text += "PidFile: \"\(configuration.pidFilePath)\"\n"
        for name in runtime.defines.names.sorted() {
            let value = runtime.defines.value(of: name).map { "=\($0.configText)" } ?? ""
            text += "Define: \(name)\(value)\n"
        }
        let user = configuration.user ?? Identity.standardUser
        let group = configuration.group ?? Identity.standardGroup
        // Who starts the server without root's rights keeps their own.
        let note = geteuid() == 0 ? "" : " not_used"
        text += "User: name=\"\(user)\"\(Identity.user(user).map { " id=\($0)" } ?? "")\(note)\n"
        text += "Group: name=\"\(group)\"\(Identity.group(group).map { " id=\($0)" } ?? "")\(note)\n"
        return text
    }

    // MARK: The tree

    private static func includes(_ runtime: Runtime) -> String {
        var text = "Included configuration files:\n"
        for source in runtime.configuration.tree?.sources ?? [] {
            let place = source.includedFrom.map { "(\($0.line))" } ?? "(*)"
            text += String(repeating: "  ", count: source.includeDepth + 1) + "\(place) \(source.path)\n"
        }
        return text
    }

    /// The directives whose arguments are nobody's business.
    private static func secrets(_ runtime: Runtime) -> Set<String> {
        Set(runtime.directives.filter { $0.flags & APUS_DIRECTIVE_SECRET != 0 }.map(\.name.asciiLowered))
    }

    /// In mod_info's form: the file when another begins, the line of each directive.
    private static func config(
        _ nodes: [ConfigNode], indent: String, _ secrets: Set<String>, _ file: inout String
    ) -> String {
        nodes.reduce("") { text, node in
            var text = text
            if node.location.file.path != file {
                file = node.location.file.path
                text += "\(indent)# In file: \(file)\n"
            }
            let line = String(node.location.line)
            text += "\(indent)# \(String(repeating: " ", count: max(0, 3 - line.count)))\(line):\n"
            let arguments = secrets.contains(node.name.asciiLowered) ? "(redacted)" : node.arguments.configText
            guard node.isSection else { return text + "\(indent)\(node.name) \(arguments)\n" }
            return text + "\(indent)<\(node.name)\(arguments.isEmpty ? "" : " \(arguments)")>\n"
                + config(node.children, indent: indent + "  ", secrets, &file) + "\(indent)</\(node.name)>\n"
        }
    }

    private static func config(_ runtime: Runtime) -> String {
        var file = ""
        return config(runtime.configuration.tree?.root.children ?? [], indent: "", secrets(runtime), &file)
    }

    /// Every directive with the places it may stand in, in httpd's words.
    static func directives(_ runtime: Runtime) -> String {
        var text = ""
        for entry in (runtime.directives + DirectiveEntry.whileReading).sorted(by: { $0.name.asciiLowered < $1.name.asciiLowered }) {
            let owner: String
            if case .module(let module, _) = entry.action { owner = "mod_\(module.shortName).c" } else { owner = "core.c" }
            text += "\(entry.isSection ? "<" : "")\(entry.name) (\(owner))\n\t\(entry.help)\n\tAllowed in \(places(entry))\n"
        }
        return text
    }

    private static func places(_ entry: DirectiveEntry) -> String {
        let isOutside = entry.places & (APUS_IN_SERVER | APUS_IN_GLOBAL) != 0
        let isInside = entry.places & CoreDirectives.inSections != 0
        let sections = "<Directory>, <Files>, <Location>, or <If>"
        var text = isOutside && isInside ? "*.conf anywhere" : isOutside ? "*.conf only outside \(sections)" : "*.conf only inside \(sections)"
        guard entry.places & APUS_IN_HTACCESS != 0, entry.overrideClass != 0 else { return text }
        text += " and in .htaccess\n\twhen AllowOverride "
        return text + (entry.overrideClass == CoreDirectives.anyOverride ? "isn't None" : "includes \(AccessOverride.classNames(entry.overrideClass))")
    }
}
