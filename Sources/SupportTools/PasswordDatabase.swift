import ByteKit
import DbmKit

/// A database of users.
struct PasswordDatabase {
    private let file: DatabaseFile

    init(_ path: String, _ type: DbmType) { file = DatabaseFile(path: path, type: type) }

    /// Users and their values, in the order they were found or added.
    struct Entries {
        private(set) var all: [(user: String, value: [UInt8])] = []

        subscript(user: String) -> [UInt8]? {
            get { all.first { $0.user == user }?.value }
            set {
                let place = all.firstIndex { $0.user == user }
                switch (place, newValue) {
                case (let place?, let value?): all[place].value = value
                case (let place?, nil): all.remove(at: place)
                case (nil, let value?): all.append((user, value))
                case (nil, nil): break
                }
            }
        }

        mutating func append(_ user: String, _ value: [UInt8]) { all.append((user, value)) }
    }

    func read() throws -> Entries {
        do throws(DbmProblem) {
            var entries = Entries()
            for (key, value) in try file.read() { entries.append(String(decoding: key, as: UTF8.self), value) }
            return entries
        } catch {
            throw Failure(ExitCode.file, "Error opening database \(file.path)\n\(error.description)")
        }
    }

    func write(_ entries: Entries) throws {
        do throws(DbmProblem) {
            try file.replace(with: entries.all.map { (Array($0.user.utf8), $0.value) })
        } catch {
            throw Failure(ExitCode.file, "cannot write the database \(file.path): \(error.description)")
        }
    }
}
