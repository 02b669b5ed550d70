import Glibc

/// One program under several names: its own name says which tool it is, or else its first argument.
func run(_ arguments: [String]) -> Int32 {
    umask(0o077)
    installInterruptHandler()
    let name = arguments.first.map(lastComponent) ?? ""
    guard let outcome = tool(name, Array(arguments.dropFirst())) else {
        guard arguments.count > 1, let outcome = tool(lastComponent(arguments[1]), Array(arguments.dropFirst(2))) else {
            print("usage: \(name) htpasswd|htdigest|htdbm|httxt2dbm …", to: &standardError)
            return ExitCode.usage
        }
        return outcome
    }
    return outcome
}

private func tool(_ name: String, _ arguments: [String]) -> Int32? {
    do {
        switch name {
        case "htpasswd": return try Htpasswd(arguments).run()
        case "htdbm": return try Htdbm(arguments).run()
        case "htdigest": return try Htdigest(arguments).run()
        case "httxt2dbm": return try Httxt2dbm(arguments).run()
        default: return nil
        }
    } catch let failure as Failure {
        if !failure.message.isEmpty { print("\(name): \(failure.message)", to: &standardError) }
        return failure.code
    } catch {
        return ExitCode.file
    }
}

func lastComponent(_ path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return path }
    return String(path[path.index(after: slash)...])
}

/// What the tools of httpd exit with.
enum ExitCode {
    static let file: Int32 = 1
    static let usage: Int32 = 2
    /// The password is another than the one typed before, or than the one in the file.
    static let mismatch: Int32 = 3
    static let interrupted: Int32 = 4
    static let tooLong: Int32 = 5
    static let badName: Int32 = 6
    static let notPasswords: Int32 = 7
}

/// Why a tool gives up. An empty message has been said already.
struct Failure: Error {
    let code: Int32
    let message: String

    init(_ code: Int32, _ message: String) {
        self.code = code
        self.message = message
    }
}

/// Where messages go.
struct StandardError: TextOutputStream {
    mutating func write(_ text: String) {
        var text = text
        text.withUTF8 { _ = Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}

nonisolated(unsafe) var standardError = StandardError()
