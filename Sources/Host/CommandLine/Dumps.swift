import ByteKit
import ModuleABI

/// What -S, -M, -L and -D DUMP_… print of a configuration.
enum Dumps {
    static func text(_ dump: Options.Dump, _ runtime: Runtime) -> String {
        switch dump {
        case .vhosts: virtualHosts(runtime)
        case .runConfiguration: runConfiguration(runtime)
        case .modules: runtime.options.isVerbose ? modulesInDetail(runtime) : modules(runtime)
        case .includes: includes(runtime)
        case .config: config(runtime.configuration.tree?.root.children ?? [], indent: "", secrets(runtime))
        }
    }

    // MARK: Modules

    private static func modules(_ runtime: Runtime) -> String {
        runtime.modules.reduce("Loaded Modules:\n") { text, module in
            text + " \(module.name) (\(module.file.isEmpty ? "static" : "shared"))"
                + " \(module.version), ABI \(abi(module)), \(module.toolchain)\n"
        }
    }

    private static func abi(_ module: LoadedModule) -> String {
        guard let descriptor = module.descriptor else { return "\(APUS_ABI_MAJOR).\(APUS_ABI_MINOR)" }
        return "\(descriptor.pointee.abi_major).\(descriptor.pointee.abi_minor_min)"
    }

    private static func modulesInDetail(_ runtime: Runtime) -> String {
        var text = modules(runtime)
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
        var text = "VirtualHost configuration:\n"
        for entry in hosts.entries {
            let address = entry.address.map { String($0.description.dropLast($0.description.reversed().firstIndex(of: ":").map { $0 + 1 } ?? 0)) } ?? "*"
            let place = "\(address):\(entry.port == 0 ? "*" : String(entry.port))"
            let servers = entry.servers.map { server in runtime.configuration.servers[Int(server.pointee.index)] }
            guard servers.count > 1 else {
                text += "\(place) \(describe(servers[0]))\n"
                continue
            }
            text += "\(place) is a NameVirtualHost\n         default server \(describe(servers[0]))\n"
            for server in servers {
                text += "         port \(entry.port == 0 ? "*" : String(entry.port)) namevhost \(describe(server))\n"
                for name in server.names { text += "                 alias \(name)\n" }
                for pattern in server.patterns { text += "                 wild alias \(pattern)\n" }
            }
        }
        return text
    }

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
        for name in runtime.defines.names.sorted() { text += "Define: \(name)\n" }
        text += "User: name=\"\(configuration.user ?? Identity.standardUser)\"\n"
        text += "Group: name=\"\(configuration.group ?? Identity.standardGroup)\"\n"
        return text
    }

    // MARK: The tree

    private static func includes(_ runtime: Runtime) -> String {
        var text = "Included configuration files:\n"
        for source in runtime.configuration.tree?.sources ?? [] {
            let place = source.includedFrom.map { "(\($0.line))" } ?? "(*)"
            text += "  \(place) \(source.path)\n"
        }
        return text
    }

    /// The directives whose arguments are nobody's business.
    private static func secrets(_ runtime: Runtime) -> Set<String> {
        Set(runtime.directives.filter { $0.flags & APUS_DIRECTIVE_SECRET != 0 }.map(\.name.asciiLowered))
    }

    private static func config(_ nodes: [ConfigNode], indent: String, _ secrets: Set<String>) -> String {
        nodes.reduce("") { text, node in
            let arguments = secrets.contains(node.name.asciiLowered) ? "(redacted)" : node.arguments.configText
            guard node.isSection else { return text + "\(indent)\(node.name) \(arguments)\n" }
            return text + "\(indent)<\(node.name) \(arguments)>\n" + config(node.children, indent: indent + "  ", secrets)
                + "\(indent)</\(node.name)>\n"
        }
    }

    /// Every directive with the places it may stand in.
    static func directives(_ runtime: Runtime) -> String {
        var text = ""
        for entry in runtime.directives.sorted(by: { $0.name.asciiLowered < $1.name.asciiLowered }) {
            let owner: String
            if case .module(let module, _) = entry.action { owner = module.name } else { owner = "core.c" }
            text += "\(entry.isSection ? "<" : "")\(entry.name) (\(owner))\n\t\(entry.help)\n\tAllowed in \(places(entry))\n"
        }
        return text
    }

    private static func places(_ entry: DirectiveEntry) -> String {
        let names: [(UInt32, String)] = [
            (APUS_IN_SERVER, "*.conf outside sections and in <VirtualHost>"), (APUS_IN_GLOBAL, "*.conf outside sections"),
            (APUS_IN_DIRECTORY, "<Directory>"), (APUS_IN_LOCATION, "<Location>"), (APUS_IN_FILES, "<Files>"),
            (APUS_IN_HTACCESS, ".htaccess"),
        ]
        return names.filter { entry.places & $0.0 != 0 }.map(\.1).joined(separator: ", ")
    }
}
