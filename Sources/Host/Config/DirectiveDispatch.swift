import ByteKit
import ModuleABI

/// Shapes the words of a directive as its row asks and calls its owner.
enum DirectiveDispatch {
    static func run(_ context: DirectiveContext) throws(DirectiveProblem) {
        let entry = context.entry
        switch entry.shape {
        case APUS_SHAPE_RAW, APUS_SHAPE_SECTION:
            let text = context.node.text
            let word = Word(bytes: text.bytes, location: context.node.location, isQuoted: false)
            try call(context, text.bytes.isEmpty ? [] : [word])
        case APUS_SHAPE_FLAG:
            let words = try counted(context, 1, 1)
            let isOn = try context.flag(words[0])
            try call(context, [Word(bytes: Array((isOn ? "On" : "Off").utf8), location: words[0].location, isQuoted: false)])
        case APUS_SHAPE_EACH:
            for word in try counted(context, max(entry.minArguments, 1), entry.maxArguments) { try call(context, [word]) }
        case APUS_SHAPE_PAIRS:
            let words = try counted(context, max(entry.minArguments, 2), entry.maxArguments)
            for word in words.dropFirst() { try call(context, [words[0], word]) }
        default:
            try call(context, try counted(context, entry.minArguments, entry.maxArguments))
        }
    }

    private static func counted(_ context: DirectiveContext, _ least: UInt32, _ most: UInt32) throws(DirectiveProblem) -> [Word] {
        let words = context.node.words(context.builder.diagnostics)
        guard words.count >= Int(least), words.count <= Int(most) || most == APUS_MANY else {
            throw DirectiveProblem(
                "takes \(expectation(least, most)), but \(words.count == 0 ? "none is" : "\(words.count) are") given",
                hint: context.entry.help.isEmpty ? nil : "usage: \(context.entry.name) \(context.entry.help)")
        }
        return words
    }

    private static func expectation(_ least: UInt32, _ most: UInt32) -> String {
        func words(_ count: UInt32) -> String { count == 1 ? "one argument" : "\(count) arguments" }
        if least == most { return least == 0 ? "no argument" : words(least) }
        return most == APUS_MANY ? "at least \(words(least))" : "\(least) to \(words(most))"
    }

    private static func call(_ context: DirectiveContext, _ words: [Word]) throws(DirectiveProblem) {
        switch context.entry.action {
        case .core(let handle): try handle(context, words)
        case .module(let module, let row): try call(module, row, context, words)
        }
    }

    private static func call(
        _ module: LoadedModule, _ row: UnsafePointer<apus_directive>, _ context: DirectiveContext, _ words: [Word]
    ) throws(DirectiveProblem) {
        guard let handle = row.pointee.handle else { throw DirectiveProblem("\(module.name) gives it no handler") }
        let arguments = words.map { context.arena.copy($0.bytes) }
        let conf =
            row.pointee.flags & APUS_DIRECTIVE_DIR_CONF != 0
            ? context.builder.dirConf(of: module, in: context.scope) : context.builder.serverConf(of: module, in: context.scope)
        let status = arguments.withUnsafeBufferPointer {
            let words = $0
            return Activity.during(.init(module: module.index, .directive)) {
                handle(module.ctx, context.handle, conf, words.baseAddress, UInt32(words.count))
            }
        }
        if status < 0, !context.hasFailed { throw DirectiveProblem("\(module.name) refuses it (\(status))") }
    }
}
