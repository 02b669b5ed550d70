import ByteKit
import DbmKit
import Glibc
import PasswordKit

/// Keeps databases of users and passwords for the provider "dbm".
struct Htdbm {
    private var options = Options()
    private var hashing = HashOptions()
    private let words: [String]

    private struct Options {
        var creates = false
        var prints = false
        var lists = false
        var removes = false
        var verifies = false
        var hasComment = false
        var type = DbmType.berkeley
    }

    static let usage = """
        htdbm -- program for manipulating DBM password databases.

        Usage: htdbm   [-cimBa25dpstvx] [-C cost] [-r rounds] [-TDBTYPE] database username
                        -b[cmBa25dptsv] [-C cost] [-r rounds] [-TDBTYPE] database username password
                        -n[imBa25dpst]  [-C cost] [-r rounds] username
                        -nb[mBa25dpst]  [-C cost] [-r rounds] username password
                        -v[imBa25dps]   [-TDBTYPE] database username
                        -vb[mBa25dps]   [-TDBTYPE] database username password
                        -x              [-TDBTYPE] database username
                        -l              [-TDBTYPE] database
         -c  Create a new database.
         -n  Leave databases alone; print the line.
        \(HashOptions.help)
         -T  The type of the database: DB (default), GDBM or SDBM.
         -l  List users and comments.
         -v  Check the password of the user.
         -x  Remove the user.
         -t  The last argument is a comment.
        """

    init(_ arguments: [String]) throws {
        var cursor = OptionCursor(arguments)
        while let letter = try cursor.next(valued: HashOptions.valued + "T") {
            switch letter.option {
            case "c": options.creates = true
            case "n": options.prints = true
            case "l": options.lists = true
            case "x": options.removes = true
            case "v": options.verifies = true
            case "t": options.hasComment = true
            case "T": options.type = try Htdbm.type(letter.value)
            default: guard try hashing.take(letter.option, letter.value) else { throw Htdbm.usageError() }
            }
        }
        words = cursor.rest
        try check()
    }

    private static func usageError() -> Failure {
        print(usage, to: &standardError)
        return Failure(ExitCode.usage, "")
    }

    private static func type(_ name: String) throws -> DbmType {
        var name = name
        let type = name.withUTF8 { DbmType(name: Bytes(UnsafeRawBufferPointer($0))) }
        guard let type else { throw Failure(ExitCode.file, "\"\(name)\" is none of DB, GDBM and SDBM") }
        return type
    }

    private func check() throws {
        let exclusive = [options.creates, options.prints, options.lists, options.removes, options.verifies]
        let isPlain = options.lists || options.removes || options.verifies
        guard exclusive.filter(\.self).count <= 1, !(isPlain && options.hasComment) else { throw Htdbm.usageError() }
        var wanted = options.lists ? 1 : 2
        if options.prints { wanted -= 1 }
        if hashing.isPasswordGiven, !options.lists, !options.removes { wanted += 1 }
        if options.hasComment { wanted += 1 }
        guard words.count == wanted else { throw Htdbm.usageError() }
        try hashing.check()
    }

    func run() throws -> Int32 {
        let database = options.prints ? nil : PasswordDatabase(words[0], options.type)
        if options.lists { return try list(database) }
        let user = words[options.prints ? 0 : 1]
        try Htpasswd.checkName(user)
        if options.removes { return try remove(user, database) }
        if options.verifies { return try verify(user, database) }
        guard let database else {
            print("\(user):\(try value())")
            return 0
        }
        var entries = options.creates ? PasswordDatabase.Entries() : try database.read()
        entries[user] = Array(try value().utf8)
        try database.write(entries)
        print("Database \(words[0]) \(options.creates ? "created" : "updated").", to: &standardError)
        return 0
    }

    /// The hash, and the comment behind a colon.
    private func value() throws -> String {
        let place = options.prints ? 1 : 2
        let hash = try hashing.newHash(given: place < words.count ? words[place] : nil)
        guard options.hasComment, let comment = words.last else { return hash }
        return "\(hash):\(comment)"
    }

    private func list(_ database: PasswordDatabase?) throws -> Int32 {
        let entries = try database?.read() ?? .init()
        func padded(_ name: String) -> String { name + String(repeating: " ", count: max(0, 32 - name.utf8.count)) }
        print("Dumping records from database -- \(words[0])", to: &standardError)
        print("    \(padded("Username")) Comment", to: &standardError)
        for (user, value) in entries.all {
            let comment = value.drop { $0 != 0x3a }
            let text = comment.isEmpty ? "" : " " + String(decoding: comment.dropFirst(), as: UTF8.self)
            print("    \(padded(user))\(text)", to: &standardError)
        }
        print("Total #records : \(entries.all.count)", to: &standardError)
        return 0
    }

    private func remove(_ user: String, _ database: PasswordDatabase?) throws -> Int32 {
        guard let database else { return ExitCode.usage }
        var entries = try database.read()
        guard entries[user] != nil else {
            throw Failure(ExitCode.badName, "Cannot find user '\(user)' in database")
        }
        entries[user] = nil
        try database.write(entries)
        print("Database \(words[0]) modified.", to: &standardError)
        return 0
    }

    private func verify(_ user: String, _ database: PasswordDatabase?) throws -> Int32 {
        guard let value = try database?.read()[user] else {
            throw Failure(ExitCode.badName, "The user '\(user)' could not be found in database")
        }
        guard try hashing.isRight(given: words.last, stored: value) else {
            throw Failure(ExitCode.mismatch, "Password mismatch for user '\(user)'")
        }
        print("Password validated for user '\(user)'", to: &standardError)
        return 0
    }
}
