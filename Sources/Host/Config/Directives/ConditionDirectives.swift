import ByteKit
import ModuleABI

/// <If>, <ElseIf> and <Else>.
extension CoreDirectives {
    static var conditions: [DirectiveEntry] {
        [
            section("If", in: anywhere, override: anyOverride, "expression") { context, words throws(DirectiveProblem) in
                try openCondition(context, words, continues: false)
            },
            section("ElseIf", in: anywhere, override: anyOverride, "expression") { context, words throws(DirectiveProblem) in
                try openCondition(context, words, continues: true)
            },
            section("Else", in: anywhere, override: anyOverride, "", openElse),
        ]
    }

    private static func openCondition(
        _ context: DirectiveContext, _ words: [Word], continues: Bool
    ) throws(DirectiveProblem) {
        if continues { try checkChain(context) }
        let split = context.node.words(context.builder.diagnostics)
        guard let text = split.first, split.count == 1 else {
            throw DirectiveProblem(
                split.isEmpty ? "it has no condition" : "the condition must stand in quotation marks",
                hint: "write <\(context.entry.name) \"%{HTTP_HOST} == 'www.example.com'\">")
        }
        let isAccessFile = context.scope.kind == .htaccess
        do throws(ExprProblem) {
            let condition = try ExprParser.compile(
                context.bytes(text), flags: isAccessFile ? APUS_EXPR_HTACCESS : 0, in: context.arena,
                context.builder.runtime.expressions)
            read(context, condition, continues: continues)
        } catch {
            throw DirectiveProblem("the condition cannot be used: at byte \(error.offset + 1), \(error.message)", at: text.location)
        }
    }

    private static func openElse(_ context: DirectiveContext, _ words: [Word]) throws(DirectiveProblem) {
        guard words.isEmpty else {
            throw DirectiveProblem("it takes no condition", hint: "write <Else>, or <ElseIf …> with a condition")
        }
        try checkChain(context)
        read(context, nil, continues: true)
    }

    private static func checkChain(_ context: DirectiveContext) throws(DirectiveProblem) {
        guard let last = context.scope.conditions.last, last.condition != nil else {
            throw DirectiveProblem(
                "there is no <If> or <ElseIf> before it in the same section", hint: "put it behind the </If> it belongs to")
        }
    }

    /// Reads what stands inside into a section of its own.
    private static func read(_ context: DirectiveContext, _ condition: Expression.Ref?, continues: Bool) {
        let outer = context.scope
        let kind = outer.kind == .htaccess ? ConfigScope.Kind.htaccess : .condition
        var section = Section(
            id: context.builder.configuration.takeSectionID(), match: .prefix, pattern: outer.path, depth: 0, regex: nil,
            conf: context.builder.newVector())
        context.builder.note(section.id, context.node)
        let scope = ConfigScope(kind, path: outer.path, server: outer.server, conf: section.conf, access: outer.access)
        context.builder.walk(context.node.children, in: scope)
        if let file = scope.files.first { warnOfFiles(context, file) }
        section.conditions = UnsafeBufferPointer(context.arena.copy(scope.conditions))
        outer.conditions.append(ConditionalSection(section: section, condition: condition, continues: continues))
    }

    private static func warnOfFiles(_ context: DirectiveContext, _ file: Section) {
        context.warn(
            "the <Files> inside it never holds, as in httpd", hint: "test %{REQUEST_FILENAME} in the condition instead")
    }
}
