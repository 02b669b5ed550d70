import ByteKit
import CSystem
import Glibc
import ModuleABI

/// Who the processes are and how many.
extension CoreDirectives {
    static var process: [DirectiveEntry] {
        [
            directive("User", 1...1, in: global, "name or #number") { context, words throws(DirectiveProblem) in
                guard Identity.user(words[0].text) != nil else {
                    throw DirectiveProblem("there is no user \(words[0].text)", hint: "create it, or name another", at: words[0].location)
                }
                context.builder.configuration.user = words[0].text
            },
            directive("Group", 1...1, in: global, "name or #number") { context, words throws(DirectiveProblem) in
                guard Identity.group(words[0].text) != nil else {
                    throw DirectiveProblem("there is no group \(words[0].text)", hint: "create it, or name another", at: words[0].location)
                }
                context.builder.configuration.group = words[0].text
            },
            directive("PidFile", 1...1, in: global, "file") { context, words in
                context.builder.configuration.pidFile = words[0].text
            },
            directive("Workers", 1...1, in: global, "number of worker processes, or auto") {
                context, words throws(DirectiveProblem) in
                let isAutomatic = words[0].text.asciiLowered == "auto"
                context.builder.configuration.workers = isAutomatic ? nil : Int(try context.number(words[0], 1...1024))
            },
        ]
    }
}
