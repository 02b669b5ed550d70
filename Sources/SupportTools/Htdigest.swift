import ByteKit
import Glibc
import PasswordKit

/// Keeps files of users, realms and hashes for Digest authentication.
struct Htdigest {
    private let creates: Bool
    private let words: [String]

    init(_ arguments: [String]) throws {
        var cursor = OptionCursor(arguments)
        var creates = false
        while let letter = try cursor.next(valued: "") {
            guard letter.option == "c" else { throw Htdigest.usageError() }
            creates = true
        }
        self.creates = creates
        words = cursor.rest
        guard words.count == 3 else { throw Htdigest.usageError() }
    }

    private static func usageError() -> Failure {
        print("Usage: htdigest [-c] passwordfile realm username\nThe -c flag creates a new file.", to: &standardError)
        return Failure(ExitCode.file, "")
    }

    func run() throws -> Int32 {
        let (file, realm, user) = (PasswordFile(words[0]), words[1], words[2])
        for (name, what) in [(realm, "realm"), (user, "user name")] {
            guard !name.utf8.contains(UInt8(ascii: ":")), !name.utf8.contains(where: { $0 < 0x20 }) else {
                throw Failure(ExitCode.file, "the \(what) contains a colon or a control character")
            }
        }
        var lines: [PasswordFile.Line] = []
        if creates {
            try file.checkWritable()
        } else {
            lines = try file.read(mustExist: true, hint: "use -c to create it", isEntry: { _ in true })
        }
        let prefix = Array("\(user):\(realm):".utf8)
        let place = lines.firstIndex { $0.bytes.starts(with: prefix) }
        print("\(place == nil ? "Adding" : "Changing") password for \(user) in realm \(realm).", to: &standardError)
        let password = try Password.read(given: nil, fromInput: false, confirms: true)
        let entry = PasswordFile.Line(prefix + hash(prefix, password))
        if let place { lines[place] = entry } else { lines.append(entry) }
        try file.write(lines)
        return 0
    }

    /// MD5 of "user:realm:password" in hexadecimal digits.
    private func hash(_ prefix: [UInt8], _ password: Password) -> [UInt8] {
        prefix.withUnsafeBytes { prefix in
            password.utf8Bytes { password in
                MD5.digest(Bytes(prefix), password) { digest in
                    withUnsafeTemporaryAllocation(byteCount: 32, alignment: 1) { room in
                        var writer = ByteWriter(room.baseAddress.unsafelyUnwrapped, capacity: 32)
                        writer.append(hexadecimal: digest)
                        return Array(writer.written.buffer)
                    }
                }
            }
        }
    }
}
