import ByteKit
import ModuleABI

/// Directives of httpd for which there is nothing to set. Their values are checked, and the log says at level info why they have
/// no effect.
extension CoreDirectives {
    static var idle: [DirectiveEntry] { idleOfProcesses + idleOfAnswers + idleOfOtherSystems }

    private static var idleOfProcesses: [DirectiveEntry] {
        let fixed = "the number of worker processes does not change (see Workers)"
        let threads = "threads are started when there is work for them"
        let quiet = "a connection costs next to nothing until its first bytes come"
        let number = IdleValue.number(0...Int64(Int32.max))
        return [
            idle("StartServers", fixed, number), idle("StartThreads", threads, number), idle("MinSpareThreads", threads, number),
            idle("MinSpareServers", fixed, number), idle("MaxSpareServers", fixed, number),
            idle("AsyncRequestWorkerFactor", "connections do not occupy threads", .fraction),
            idle("ListenCoresBucketsRatio", "one socket serves all workers, so that a worker that dies strands nobody", number),
            idle("MaxMemFree", "a worker keeps no more than 2 MB of memory that it does not use", number),
            idle("ScoreBoardFile", "the scoreboard lies in memory without a name", .text),
            idle("EnableExceptionHook", "every crash is logged with a backtrace", .flag),
            idle("AcceptFilter", quiet, .texts(2)), idle("ListenTCPDeferAccept", quiet, number),
            idle("GprofDir", "the program is not built for gprof", .text, in: server),
            MutexDirective.entry,
        ]
    }

    private static var idleOfAnswers: [DirectiveEntry] {
        let number = IdleValue.number(0...Int64(Int32.max))
        return [
            idle(
                "EnableMMAP", "small files are kept in memory, larger ones are sent by the kernel", .flag, in: anywhere,
                override: APUS_OVERRIDE_FILEINFO),
            idle("FlushMaxThreshold", "answers are gathered and sent by what the socket takes", number, in: server),
            idle("FlushMaxPipelined", "answers to pipelined requests leave together", .number(-1...Int64(Int32.max)), in: server),
            idle("ReadBufferSize", "files are sent by the kernel", number, in: APUS_IN_SERVER | inSections),
            idle(
                "LimitXMLRequestBody", "no module reads XML of requests; LimitRequestBody holds", .number(0...Int64.max), in: anywhere,
                override: anyOverride),
            idle("Protocol", "the protocol of a port follows from SSLEngine", .text, in: server),
        ]
    }

    private static var idleOfOtherSystems: [DirectiveEntry] {
        [
            idle("CGIMapExtension", "it is about NetWare", .texts(2), in: directory, override: APUS_OVERRIDE_FILEINFO),
            idle("ScriptInterpreterSource", "it is about Windows", .text, in: anywhere, override: APUS_OVERRIDE_FILEINFO),
            idle("UNCList", "it is about Windows", .texts(APUS_MANY)),
            idle("MacroIgnoreEmptyArgs", "values of macros may be empty", .texts(APUS_MANY), in: anywhere, override: anyOverride),
            idle(
                "MacroIgnoreBadNesting", "sections may begin and end in different macros", .texts(APUS_MANY), in: anywhere, override: anyOverride),
        ]
    }

    /// What an idle directive may say.
    private enum IdleValue {
        case flag, fraction, text
        case number(ClosedRange<Int64>)
        /// So many words, or any number from one on.
        case texts(UInt32)

        var words: ClosedRange<UInt32> {
            if case .texts(let count) = self { (count == APUS_MANY ? 1 : count)...count } else { 1...1 }
        }

        func check(_ word: Word, _ context: DirectiveContext) throws(DirectiveProblem) {
            switch self {
            case .flag: _ = try context.flag(word)
            case .number(let range): _ = try context.number(word, range)
            case .fraction:
                guard let value = Double(word.text), value > 0, value.isFinite else {
                    throw DirectiveProblem("\"\(word.text)\" is not a number above zero", at: word.location)
                }
            case .text, .texts: break
            }
        }
    }

    private static func idle(
        _ name: String, _ reason: String, _ value: IdleValue, in places: UInt32 = global, override: UInt32 = APUS_OVERRIDE_NONE
    ) -> DirectiveEntry {
        directive(name, value.words, in: places, override: override, "\(DirectiveEntry.idleMark)\(reason)") { context, words throws(DirectiveProblem) in
            for word in words { try value.check(word, context) }
            guard context.scope.access == nil else { return }
            context.builder.configuration.withoutEffect.append((name, context.node.location, reason))
        }
    }
}

extension DirectiveEntry {
    /// How the help of a directive begins that is accepted and changes nothing; the reason follows.
    static let idleMark = "accepted without effect: "
}
