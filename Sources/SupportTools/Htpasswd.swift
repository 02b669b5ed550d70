import Glibc

/// Keeps files of users and passwords for Basic authentication.
struct Htpasswd {
    private var options = Options()
    private var hashing = HashOptions()
    private let words: [String]

    private struct Options {
        var creates = false
        var prints = false
        var deletes = false
        var verifies = false
    }

    static let usage = """
        Usage:
        \thtpasswd [-cimBa25dpsDv] [-C cost] [-r rounds] passwordfile username
        \thtpasswd -b[cmBa25dpsDv] [-C cost] [-r rounds] passwordfile username password

        \thtpasswd -n[imBa25dps] [-C cost] [-r rounds] username
        \thtpasswd -nb[mBa25dps] [-C cost] [-r rounds] username password
         -c  Create a new file.
         -n  Leave files alone; print the line.
        \(HashOptions.help)
         -D  Delete the user.
         -v  Check the password of the user.
        """

    init(_ arguments: [String]) throws {
        var cursor = OptionCursor(arguments)
        while let letter = try cursor.next(valued: HashOptions.valued) {
            switch letter.option {
            case "c": options.creates = true
            case "n": options.prints = true
            case "D": options.deletes = true
            case "v": options.verifies = true
            default: guard try hashing.take(letter.option, letter.value) else { throw Htpasswd.usageError() }
            }
        }
        words = cursor.rest
        try check()
    }

    private static func usageError(_ message: String? = nil) -> Failure {
        if let message { print("htpasswd: \(message)", to: &standardError) }
        print(usage, to: &standardError)
        return Failure(ExitCode.usage, "")
    }

    private func check() throws {
        let exclusive = [options.creates, options.prints, options.deletes, options.verifies]
        guard exclusive.filter(\.self).count <= 1 else { throw Htpasswd.usageError("only one of -c -n -v -D may be given") }
        let wanted = (options.prints ? 1 : 2) + (hashing.isPasswordGiven ? 1 : 0)
        guard words.count == wanted else { throw Htpasswd.usageError() }
        try hashing.check()
    }

    func run() throws -> Int32 {
        let user = words[options.prints ? 0 : 1]
        try Htpasswd.checkName(user)
        if options.prints {
            print("\(user):\(try hashing.newHash(given: words.last))\n")
            return 0
        }
        let file = PasswordFile(words[0])
        if options.verifies { return try verify(user, in: file) }
        if options.deletes { return try delete(user, from: file) }
        try update(user, in: file)
        return 0
    }

    static func checkName(_ name: String) throws {
        guard name.utf8.count <= 255 else { throw Failure(ExitCode.tooLong, "the user name is longer than 255 bytes") }
        guard !name.utf8.contains(UInt8(ascii: ":")) else {
            throw Failure(ExitCode.badName, "the user name contains a colon")
        }
        guard !name.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) else {
            throw Failure(ExitCode.badName, "the user name contains a control character")
        }
    }

    private func update(_ user: String, in file: PasswordFile) throws {
        var lines: [PasswordFile.Line] = []
        if options.creates {
            try file.checkWritable()
        } else {
            lines = try file.read(mustExist: true, hint: "use -c to create it", isEntry: { $0.contains(0x3a) })
        }
        let hash = try hashing.newHash(given: words.last)
        let entry = PasswordFile.Line(Array("\(user):\(hash)".utf8))
        let name = Array("\(user):".utf8)
        let place = lines.firstIndex { $0.bytes.starts(with: name) }
        if let place { lines[place] = entry } else { lines.append(entry) }
        try file.write(lines)
        print("\(place == nil ? "Adding" : "Updating") password for user \(user)", to: &standardError)
    }

    private func delete(_ user: String, from file: PasswordFile) throws -> Int32 {
        var lines = try file.read(mustExist: true, isEntry: { $0.contains(0x3a) })
        let name = Array("\(user):".utf8)
        guard let place = lines.firstIndex(where: { $0.bytes.starts(with: name) }) else {
            print("User \(user) not found", to: &standardError)
            return 0
        }
        lines.remove(at: place)
        try file.write(lines)
        print("Deleting password for user \(user)", to: &standardError)
        return 0
    }

    private func verify(_ user: String, in file: PasswordFile) throws -> Int32 {
        let lines = try file.read(mustExist: true, isEntry: { $0.contains(0x3a) })
        let name = Array("\(user):".utf8)
        guard let line = lines.first(where: { $0.bytes.starts(with: name) }) else {
            throw Failure(ExitCode.badName, "the user \(user) is not in the file")
        }
        guard try hashing.isRight(given: words.last, stored: line.bytes[name.count...]) else {
            throw Failure(ExitCode.mismatch, "password verification failed")
        }
        print("Password for user \(user) correct.", to: &standardError)
        return 0
    }
}
