import ByteKit
import ModuleABI
import ModuleABI.Draft

/// apus/draft/inspect.h
enum InspectExtension {
    static let table = apus_inspect_v0(
        size: Extensions.size(apus_inspect_v0.self), reserved: 0,
        each_line: { _, fn, arg in
            guard let fn, let runtime = Runtime.current else { return }
            let lines = Lines(runtime: runtime, fn: fn, arg: arg)
            lines.tell(runtime.configuration.tree?.root.children ?? [], depth: 0)
        },
        each_directive: { _, module, fn, arg in
            guard let fn, let runtime = Runtime.current else { return }
            let name = module.string
            let own = runtime.directives.filter { owner($0) == name }
            for entry in own.sorted(by: { $0.name.asciiLowered < $1.name.asciiLowered }) {
                scratch { fn(arg, $0.copy(entry.name), $0.copy(entry.help), entry.isSection ? 1 : 0) }
            }
        },
        each_callback: { _, fn, arg in
            guard let fn, let runtime = Runtime.current else { return }
            for hook in runtime.hooks.hooks.values.sorted(by: { $0.name < $1.name }) {
                for entry in hook.ordered {
                    scratch { fn(arg, $0.copy(hook.name), $0.copy(entry.module.name), entry.position) }
                }
            }
        },
        each_filter: { _, fn, arg in
            guard let fn, let runtime = Runtime.current else { return }
            for filter in runtime.filters.registrations {
                scratch { fn(arg, $0.copy(filter.name), $0.copy(filter.module.name), filter.kind.pointee.direction) }
            }
        },
        each_provider: { _, fn, arg in
            guard let fn, let runtime = Runtime.current else { return }
            for group in runtime.providers.groups.keys.sorted() {
                for provider in runtime.providers.all(group) {
                    scratch { fn(arg, $0.copy(group), provider.name, $0.copy(provider.module.name)) }
                }
            }
        })

    /// Calls `body` with memory for the strings of one callback.
    fileprivate static func scratch(_ body: (Arena.Ref) -> Void) {
        let arena = Arena.make(nil)
        body(arena)
        Arena.destroy(arena)
    }

    fileprivate static func owner(_ entry: DirectiveEntry) -> String {
        guard case .module(let module, _) = entry.action else { return "core_module" }
        return module.name
    }

    /// Tells of the lines of the configuration's tree.
    private struct Lines {
        let runtime: Runtime
        let fn: @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<apus_config_line>?) -> Void
        let arg: UnsafeMutableRawPointer?

        func tell(_ nodes: [ConfigNode], depth: UInt32) {
            for node in nodes {
                tell(node, node.isSection ? APUS_LINE_SECTION : APUS_LINE_DIRECTIVE, depth)
                guard node.isSection else { continue }
                tell(node.children, depth: depth + 1)
                tell(node, APUS_LINE_SECTION_END, depth)
            }
        }

        private func tell(_ node: ConfigNode, _ kind: UInt32, _ depth: UInt32) {
            let entry = runtime.directiveTable.find(node.name, isSection: node.isSection)
            scratch { arena in
                var line = apus_config_line()
                line.size = UInt32(MemoryLayout<apus_config_line>.size)
                line.kind = kind
                line.name = arena.copy(node.name)
                line.depth = depth
                line.module = arena.copy(entry.map { owner($0) } ?? Lines.coreName(node))
                if kind != APUS_LINE_SECTION_END {
                    let isSecret = (entry?.flags ?? 0) & APUS_DIRECTIVE_SECRET != 0
                    line.arguments = arena.copy(isSecret ? "(redacted)" : node.arguments.configText)
                    line.file = arena.copy(node.location.file.path)
                    line.line = UInt32(clamping: node.location.line)
                }
                fn(arg, &line)
            }
        }

        /// What is executed while the configuration is read stands in no table, but is the server's own.
        private static func coreName(_ node: ConfigNode) -> String {
            let known = DirectiveCatalog.shared.entry(node.name, isSection: node.isSection)?.owner
            return known == "core" || ReadingDirective(name: node.name) != nil ? "core_module" : ""
        }
    }
}
