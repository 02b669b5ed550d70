import ByteKit
import ModuleABI

/// One directive being handled: what a module knows as apus_cmd.
final class DirectiveContext {
    let node: ConfigNode
    let entry: DirectiveEntry
    let scope: ConfigScope
    let builder: ConfigBuilder
    /// Whether an error has been reported for it, so that a negative answer needs no further line.
    private(set) var hasFailed = false
    /// Whether its owner looked at the <Limit> around it.
    var asksForLimit = false

    init(node: ConfigNode, entry: DirectiveEntry, scope: ConfigScope, builder: ConfigBuilder) {
        self.node = node
        self.entry = entry
        self.scope = scope
        self.builder = builder
    }

    var arena: Arena.Ref { builder.arena }
    var server: Server.Ref { scope.server.server }
    var coreServer: UnsafeMutablePointer<CoreServerConf> { server.pointee.core }

    /// The core's directory configuration of the scope, made when first asked for.
    var coreDir: UnsafeMutablePointer<CoreDirConf> {
        builder.dirConf(of: builder.runtime.core, in: scope).unsafelyUnwrapped.assumingMemoryBound(to: CoreDirConf.self)
    }

    func fail(_ problem: DirectiveProblem) {
        hasFailed = true
        let title = node.isSection ? "<\(entry.name)>" : entry.name
        builder.diagnostics.error(
            "\(title): \(problem.message)", at: problem.location ?? node.location, hint: problem.hint)
    }

    /// An error inside the section has been reported at its own line.
    func noteFailure() { hasFailed = true }

    func warn(_ message: String, hint: String? = nil) {
        builder.diagnostics.warning("\(entry.name): \(message)", at: node.location, hint: hint)
    }

    var handle: OpaquePointer { OpaquePointer(Unmanaged.passUnretained(self).toOpaque()) }

    static func of(_ handle: OpaquePointer?) -> DirectiveContext {
        Unmanaged<DirectiveContext>.fromOpaque(UnsafeRawPointer(handle.unsafelyUnwrapped)).takeUnretainedValue()
    }

    // MARK: Values

    func bytes(_ word: Word) -> Bytes { arena.copy(word.bytes) }

    func flag(_ word: Word) throws(DirectiveProblem) -> Bool {
        switch word.text.asciiLowered {
        case "on": true
        case "off": false
        default:
            throw DirectiveProblem(
                "\"\(word.text)\" is neither On nor Off", hint: "write \(entry.name) On or \(entry.name) Off",
                at: word.location)
        }
    }

    func number(_ word: Word, _ range: ClosedRange<Int64>) throws(DirectiveProblem) -> Int64 {
        guard let value = Int64(word.text), range.contains(value) else {
            throw DirectiveProblem(
                "\"\(word.text)\" is not a whole number between \(range.lowerBound) and \(range.upperBound)",
                at: word.location)
        }
        return value
    }

    /// A time in microseconds: a number with an optional unit, seconds when there is none.
    func duration(_ word: Word, unit standard: String = "s") throws(DirectiveProblem) -> Int64 {
        let text = word.text.asciiLowered
        let digits = text.prefix { $0.isNumber }
        let suffix = String(text.dropFirst(digits.count))
        let units: [String: Int64] = [
            "ms": 1000, "s": 1_000_000, "mi": 60_000_000, "min": 60_000_000, "h": 3_600_000_000,
        ]
        guard let value = Int64(digits), let unit = units[suffix.isEmpty ? standard : suffix] else {
            throw DirectiveProblem(
                "\"\(word.text)\" is not a time", hint: "write a number of seconds, or one with a unit: 500ms, 30s, 5min, 1h",
                at: word.location)
        }
        let (micros, overflow) = value.multipliedReportingOverflow(by: unit)
        guard !overflow, micros <= 365 * 86_400 * 1_000_000 else {
            throw DirectiveProblem("\(word.text) is longer than a year", at: word.location)
        }
        return micros
    }
}
