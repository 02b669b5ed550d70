import ByteKit
import ModuleABI

/// What the core's directives say about programs that modules run.
struct CGISettings: BitwiseCopyable {
    var passesAuthorization: Bool?
    var originalURI: Bool?
    var processorTime = Limit()
    var memory = Limit()
    var processes = Limit()

    /// -1: not said. Int64.max: as much as the server may have.
    struct Limit: BitwiseCopyable {
        var soft: Int64 = -1
        var hard: Int64 = -1

        func merged(over base: Limit) -> Limit { soft == -1 ? base : self }
    }

    func merged(over base: CGISettings) -> CGISettings {
        CGISettings(
            passesAuthorization: passesAuthorization ?? base.passesAuthorization, originalURI: originalURI ?? base.originalURI,
            processorTime: processorTime.merged(over: base.processorTime), memory: memory.merged(over: base.memory),
            processes: processes.merged(over: base.processes))
    }

    /// The value of a number that modules ask requests for.
    func number(_ field: UInt32) -> Int64 {
        switch field {
        case APUS_R_CGI_PASS_AUTH: passesAuthorization == true ? 1 : 0
        case APUS_R_CGI_ORIGINAL_URI: originalURI != false ? 1 : 0
        case APUS_R_LIMIT_CPU_SOFT: processorTime.soft
        case APUS_R_LIMIT_CPU_HARD: processorTime.hard
        case APUS_R_LIMIT_MEMORY_SOFT: memory.soft
        case APUS_R_LIMIT_MEMORY_HARD: memory.hard
        case APUS_R_LIMIT_PROCESSES_SOFT: processes.soft
        case APUS_R_LIMIT_PROCESSES_HARD: processes.hard
        default: 0
        }
    }
}

extension CoreDirectives {
    static var programs: [DirectiveEntry] {
        [
            directive("CGIPassAuth", 1...1, in: directory, override: APUS_OVERRIDE_AUTH, "On|Off") {
                context, words throws(DirectiveProblem) in
                context.coreDir.pointee.cgi.passesAuthorization = try context.flag(words[0])
            },
            directive("CGIVar", 2...2, in: anywhere, override: APUS_OVERRIDE_FILEINFO, "REQUEST_URI current-uri|original-uri") {
                context, words throws(DirectiveProblem) in
                guard words[0].text == "REQUEST_URI" else {
                    throw DirectiveProblem(
                        "\"\(words[0].text)\" is no variable that can be changed", hint: "the one there is is REQUEST_URI",
                        at: words[0].location)
                }
                context.coreDir.pointee.cgi.originalURI = try choice(words[1], ["current-uri": false, "original-uri": true])
            },
            limit("RLimitCPU", "seconds|max [seconds|max]", \.processorTime),
            limit("RLimitMEM", "bytes|max [bytes|max]", \.memory),
            limit("RLimitNPROC", "number|max [number|max]", \.processes),
        ]
    }

    private static func limit(
        _ name: String, _ help: String, _ path: WritableKeyPath<CGISettings, CGISettings.Limit>
    ) -> DirectiveEntry {
        directive(name, 1...2, in: anywhere, override: anyOverride, help) { context, words throws(DirectiveProblem) in
            func value(_ word: Word) throws(DirectiveProblem) -> Int64 {
                word.text.asciiLowered == "max" ? Int64.max : try context.number(word, 0...Int64.max)
            }
            let soft = try value(words[0])
            let hard = words.count > 1 ? try value(words[1]) : -1
            guard hard == -1 || soft <= hard else {
                throw DirectiveProblem("the first limit is above the second, which cannot be raised", at: words[0].location)
            }
            context.coreDir.pointee.cgi[keyPath: path] = CGISettings.Limit(soft: soft, hard: hard)
        }
    }
}
