import ByteKit
import DbmKit
import Glibc

/// Makes databases for RewriteMap of text files.
struct Httxt2dbm {
    private var isVerbose = false
    private var typeName = "default"
    private var type = DbmType.berkeley
    private var input = ""
    private var output = ""

    static let usage = """
        httxt2dbm -- Program to Create DBM Files for use by RewriteMap
        Usage: httxt2dbm [-v] [-f format] -i SOURCE_TXT -o OUTPUT_DBM

        Options:
           -v   Tell what is being done.
           -i   The text file: a key and a value in each line. "-" is standard input.
           -o   The database. One that exists is added to.
           -f   Its format: DB (default), GDBM or SDBM.
        """

    init(_ arguments: [String]) throws {
        var cursor = OptionCursor(arguments)
        while let letter = try cursor.next(valued: "fio") {
            switch letter.option {
            case "v": isVerbose = true
            case "f": typeName = letter.value
            case "i": input = letter.value
            case "o": output = letter.value
            default: throw Httxt2dbm.usageError("unknown option -\(letter.option)")
            }
        }
        guard cursor.rest.isEmpty else { throw Httxt2dbm.usageError("\"\(cursor.rest[0])\" is not expected") }
        guard !input.isEmpty else { throw Httxt2dbm.usageError("no input file is given (-i)") }
        guard !output.isEmpty else { throw Httxt2dbm.usageError("no output file is given (-o)") }
        var name = typeName
        guard let type = name.withUTF8({ DbmType(name: Bytes(UnsafeRawBufferPointer($0))) }) else {
            throw Failure(ExitCode.file, "the format \"\(typeName)\" is none of DB, GDBM and SDBM")
        }
        self.type = type
    }

    private static func usageError(_ message: String) -> Failure {
        print("httxt2dbm: \(message)\n\(usage)", to: &standardError)
        return Failure(ExitCode.file, "")
    }

    func run() throws -> Int32 {
        say("DBM Format: \(typeName)")
        say("Input File: \(input)")
        let text = try read()
        say("DBM File: \(output)")
        do throws(DbmProblem) {
            let file = DatabaseFile(path: output, type: type)
            var pairs = Pairs(file.exists ? try file.read() : [])
            for line in text.split(separator: 0x0a) {
                guard let (key, value) = Httxt2dbm.pair(line) else { continue }
                tell(key, value)
                pairs.set(key, value)
            }
            try file.replace(with: pairs.all)
        } catch {
            throw Failure(ExitCode.file, "cannot write the database '\(output)': \(error.description)")
        }
        say("Conversion Complete.")
        return 0
    }

    /// The first two words of a line that holds a pair: comments and lines that begin with white space are none.
    private static func pair(_ line: ArraySlice<UInt8>) -> DatabaseFile.Pair? {
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte &- 0x09 < 5 }
        guard let first = line.first, first != UInt8(ascii: "#"), !isSpace(first) else { return nil }
        let words = line.split(maxSplits: 2, whereSeparator: isSpace)
        return words.count > 1 ? (Array(words[0]), Array(words[1])) : nil
    }

    private func say(_ text: @autoclosure () -> String) {
        if isVerbose { print(text(), to: &standardError) }
    }

    /// As they are, in whatever encoding.
    private func tell(_ key: [UInt8], _ value: [UInt8]) {
        guard isVerbose else { return }
        let line = Array("    '".utf8) + key + Array("' -> '".utf8) + value + Array("'\n".utf8)
        _ = Glibc.write(STDERR_FILENO, line, line.count)
    }

    private func read() throws -> [UInt8] {
        let descriptor = input == "-" ? STDIN_FILENO : open(input, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw unreadable() }
        defer { if descriptor != STDIN_FILENO { close(descriptor) } }
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw unreadable() }
            guard count > 0 else { return text }
            text += chunk[..<count]
        }
    }

    private func unreadable() -> Failure {
        Failure(ExitCode.file, "cannot read the input file '\(input)': \(String(cString: strerror(errno)))")
    }
}

/// Keys and values in the order they came; a key that comes again has its last value.
private struct Pairs {
    private(set) var all: [DatabaseFile.Pair] = []
    private var places: [[UInt8]: Int] = [:]

    init(_ pairs: [DatabaseFile.Pair]) {
        for (key, value) in pairs { set(key, value) }
    }

    mutating func set(_ key: [UInt8], _ value: [UInt8]) {
        if let place = places[key] {
            all[place].value = value
        } else {
            places[key] = all.count
            all.append((key, value))
        }
    }
}
