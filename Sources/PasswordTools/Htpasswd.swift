import ByteKit
import Glibc
import PasswordKit

/// Keeps files of users and passwords for Basic authentication.
struct Htpasswd {
    private var options = Options()
    private let words: [String]

    private struct Options {
        var creates = false
        var prints = false
        var takesPassword = false
        var readsInput = false
        var deletes = false
        var verifies = false
        var method = HashMethod.bcrypt
        var cost: Int?
        var rounds: Int?
    }

    static let usage = """
        Usage:
        \thtpasswd [-cimB25dpsDv] [-C cost] [-r rounds] passwordfile username
        \thtpasswd -b[cmB25dpsDv] [-C cost] [-r rounds] passwordfile username password

        \thtpasswd -n[imB25dps] [-C cost] [-r rounds] username
        \thtpasswd -nb[mB25dps] [-C cost] [-r rounds] username password
         -c  Create a new file.
         -n  Leave files alone; print the line.
         -b  Take the password from the command line instead of asking for it.
         -i  Read the password from standard input, once.
         -B  Hash with bcrypt (the default).
         -m  Hash with the MD5 variant of httpd ($apr1$).
         -2  Hash with SHA-256 of crypt(3).
         -5  Hash with SHA-512 of crypt(3).
         -C  The cost of bcrypt, 4 to 17 (default: 10). Each step doubles the time.
         -r  The rounds of SHA-256 and SHA-512 (default: 5000).
         -d  Hash with the DES crypt(3): 8 characters count; insecure.
         -s  Hash with SHA-1 without salt; insecure.
         -p  Do not hash: such passwords are never accepted by the server.
         -D  Delete the user.
         -v  Check the password of the user.
        """

    init(_ arguments: [String]) throws {
        var cursor = OptionCursor(arguments)
        while let letter = try cursor.next(valued: "Cr") {
            switch letter.option {
            case "c": options.creates = true
            case "n": options.prints = true
            case "b": options.takesPassword = true
            case "i": options.readsInput = true
            case "D": options.deletes = true
            case "v": options.verifies = true
            case "m": options.method = .apr1
            case "2": options.method = .sha256
            case "5": options.method = .sha512
            case "B": options.method = .bcrypt
            case "d": options.method = .des
            case "s": options.method = .sha1
            case "p": options.method = .plain
            case "C": options.cost = try Htpasswd.number(letter.value, "-C")
            case "r": options.rounds = try Htpasswd.number(letter.value, "-r")
            default: throw Htpasswd.usageError()
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

    private static func number(_ text: String, _ option: String) throws -> Int {
        guard let value = Int(text), value >= 0 else { throw usageError("\(option) takes a number, not \"\(text)\"") }
        return value
    }

    private func check() throws {
        let exclusive = [options.creates, options.prints, options.deletes, options.verifies]
        guard exclusive.filter(\.self).count <= 1 else { throw Htpasswd.usageError("only one of -c -n -v -D may be given") }
        guard !(options.takesPassword && options.readsInput) else {
            throw Htpasswd.usageError("-b and -i exclude each other")
        }
        let wanted = (options.prints ? 1 : 2) + (options.takesPassword ? 1 : 0)
        guard words.count == wanted else { throw Htpasswd.usageError() }
        try HashMethod.checkCost(options.method, options.cost, options.rounds)
    }

    func run() throws -> Int32 {
        let user = words[options.prints ? 0 : 1]
        try Htpasswd.checkName(user)
        if options.prints {
            print("\(user):\(try newHash(user))\n")
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

    private func newHash(_ user: String) throws -> String {
        let password = try Password.read(
            given: options.takesPassword ? words.last : nil, fromInput: options.readsInput, confirms: true)
        return try options.method.hash(password, cost: options.cost, rounds: options.rounds)
    }

    private func update(_ user: String, in file: PasswordFile) throws {
        var lines: [PasswordFile.Line] = []
        if options.creates {
            try file.checkWritable()
        } else {
            lines = try file.read(mustExist: true, hint: "use -c to create it", isEntry: { $0.contains(0x3a) })
        }
        let hash = try newHash(user)
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
        let password = try Password.read(
            given: options.takesPassword ? words.last : nil, fromInput: options.readsInput, confirms: false)
        let name = Array("\(user):".utf8)
        guard let line = lines.first(where: { $0.bytes.starts(with: name) }) else {
            throw Failure(ExitCode.badName, "the user \(user) is not in the file")
        }
        let stored = line.bytes[name.count...].prefix { $0 != 0x3a }
        let isRight = password.utf8Bytes { password in
            Array(stored).withUnsafeBytes { PasswordHash.verify(password, Bytes($0)) }
        }
        guard isRight else { throw Failure(ExitCode.mismatch, "password verification failed") }
        print("Password for user \(user) correct.", to: &standardError)
        return 0
    }
}
