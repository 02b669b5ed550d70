extension Options {
    /// The list of all options, for `-h` and after a mistake.
    static func usage(program: String) -> String {
        let indent = String(repeating: " ", count: "Usage: ".count + program.count + 1)
        return """
            Usage: \(program) [-D name] [-d directory] [-f file] [-C "directive"] [-c "directive"]
            \(indent)[-k \(Verb.allCases.map(\.rawValue).joined(separator: "|"))]
            \(indent)[-e level] [-E file] [-R directory]
            \(indent)[-v] [-V] [-h] [-l] [-L] [-t [--json]] [-T] [-S] [-M] [-X]

            Configuration:
              -f file         read this main configuration file
              -d directory    start from this ServerRoot
              -R directory    look for modules here
              -D name         define a name for <IfDefine name>
              -C "directive"  read a directive before the configuration files
              -c "directive"  read a directive after the configuration files
              -T              do not check that named directories exist

            Running:
              -k command      start, or tell the running server what to do
              -X              one process, one thread, attached: for a debugger
              -D FOREGROUND   stay attached to the terminal or service manager
              -e level        show messages of this level and above while starting
              -E file         write the messages of the start to a file

            Looking (the server is not started):
              -t              check the configuration, all mistakes at once
              -t --json       the same for programs
              -S              show the virtual hosts and the run settings
              -M              show the loaded modules, and what they have done in the
                              running server; with -v all about them
              -t -D \(Dump.includes.rawValue)  show the configuration files that are read
              -t -D \(Dump.config.rawValue)    show the configuration as it was understood
              -l              list the modules that are built in
              -L              list the directives that can be used
              -v, -V          show the version; show how it was built
              -h              show this text

            Asking:
              \(program) explain URL  what the server would do with a request, and why
              \(program) module help  begins, builds, checks and installs modules
              \(program) rewrite test --rules FILE --cases FILE
                                what rules make of a table of URLs; alone: its own options

            """
    }
}
