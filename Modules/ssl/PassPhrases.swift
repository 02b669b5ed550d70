import COpenSSL
import Glibc
@_spi(Draft) import ModuleKit

/// SSLPassPhraseDialog: who is asked for the pass phrases of encrypted keys.
enum PassPhraseDialog {
    /// The administrator, at the terminal.
    case terminal
    /// A program that is started for each phrase.
    case program(String)
    /// A program that is started once, reads prompts and writes phrases.
    case pipe([String])

    init(_ command: Command, _ text: Bytes) throws {
        if text == "builtin" {
            self = .terminal
        } else if text.hasPrefix("exec:") {
            self = .program(try PassPhraseDialog.executable(command, text.from(5)))
        } else if text.hasPrefix("|") {
            var words = text.from(1).string.split(separator: " ").map(String.init)
            guard let first = words.first else { throw DirectiveError(PassPhraseDialog.usage(text)) }
            words[0] = try first.withBytes { try PassPhraseDialog.executable(command, $0) }
            self = .pipe(words)
        } else {
            throw DirectiveError(PassPhraseDialog.usage(text))
        }
    }

    private static func usage(_ text: Bytes) -> String {
        "SSLPassPhraseDialog: \"\(text.string)\" is none of builtin, exec:/path/to/program and |/path/to/program"
    }

    private static func executable(_ command: Command, _ path: Bytes) throws -> String {
        let path = command.resolve(path).string
        guard access(path, X_OK) == 0 else {
            throw DirectiveError(
                "SSLPassPhraseDialog: cannot run \(path): \(String(cString: strerror(errno))); "
                    + "name an executable program")
        }
        return path
    }
}

/// What a phrase is asked for.
struct PhraseRequest {
    let file: String
    let server: String
    /// "RSA", "DSA", "ECC", or the number of the certificate beyond the third.
    let kind: String
}

/// The pass phrases that are known, and the keys they opened. A phrase is asked for only when none of those known
/// fits; keys that were opened once stay open over reloads.
final class PassPhrases {
    private let host: Host
    private var known: [String] = []
    private var pipe: Conversation?
    /// Keys in DER by the digest of the block they came from.
    private(set) var opened: [String: [UInt8]] = [:]
    private static let attempts = 3

    init(_ host: Host) { self.host = host }

    /// Decrypts a PEM block, asking for phrases when `dialog` is given.
    func open(_ block: PEMBlock, _ dialog: PassPhraseDialog?, _ request: PhraseRequest) throws -> OpaquePointer {
        let name = digest(block)
        if let key = recall(name) { return key }
        if let key = known.lazy.compactMap({ block.decrypt($0) }).first { return keep(key, name) }
        guard let dialog else {
            throw FileProblem(
                code: "AH02577", text: "the private key is encrypted, and with none of the known pass phrases")
        }
        for _ in 0..<PassPhrases.attempts {
            let phrase = try ask(dialog, request)
            if let key = block.decrypt(phrase) {
                known.append(phrase)
                return keep(key, name)
            }
            // A program that is asked again would say the same again.
            if case .program = dialog { break }
        }
        throw FileProblem(code: "AH02565", text: "the pass phrase does not open the private key")
    }

    /// Keys that another process has opened.
    func take(_ keys: [String: [UInt8]]) { opened.merge(keys) { $1 } }

    /// The dialog is over: its program hears the end of its input.
    func endDialog() { pipe = nil }

    private func ask(_ dialog: PassPhraseDialog, _ request: PhraseRequest) throws -> String {
        switch dialog {
        case .terminal: return try TerminalDialog.ask(request)
        case .program(let path):
            let talk = try Conversation([path, request.server, request.kind])
            return try talk.line() ?? { throw silence(path) }()
        case .pipe(let words):
            let talk = try pipe ?? Conversation(words)
            pipe = talk
            talk.write("Private key \(request.file) (\(request.server), \(request.kind)): enter pass phrase:\n")
            return try talk.line() ?? { throw silence(words[0]) }()
        }
    }

    private func silence(_ program: String) -> FileProblem {
        FileProblem(code: "AH01964", text: "the private key is encrypted, and \(program) gave no pass phrase for it")
    }

    private func digest(_ block: PEMBlock) -> String {
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var length: UInt32 = 0
        _ = EVP_Digest(block.bytes, block.count, &digest, &length, EVP_sha256(), nil)
        return digest.prefix(Int(length)).hexadecimal
    }

    private func recall(_ name: String) -> OpaquePointer? {
        let der: [UInt8]? = opened[name] ?? host.inherited("key-\(name)").map { Array($0.buffer) }
        guard let der, !der.isEmpty else { return nil }
        opened[name] = der
        var place: UnsafePointer<UInt8>?
        return der.withUnsafeBufferPointer {
            place = $0.baseAddress
            return d2i_AutoPrivateKey(nil, &place, $0.count)
        }
    }

    private func keep(_ key: OpaquePointer, _ name: String) -> OpaquePointer {
        var bytes: UnsafeMutablePointer<UInt8>?
        let count = i2d_PrivateKey(key, &bytes)
        guard count > 0, let bytes else { return key }
        opened[name] = Array(UnsafeBufferPointer(start: bytes, count: Int(count)))
        cossl_clear_free(bytes, Int(count))
        return key
    }

    /// Leaves the opened keys to the generations to come, so that a reload asks nobody.
    func leaveKeys() {
        for (name, der) in opened {
            der.withUnsafeBytes { try? host.leave("key-\(name)", Bytes($0)) }
        }
    }
}

extension Sequence where Element == UInt8 {
    var hexadecimal: String {
        map { byte in
            let digits = String(byte, radix: 16)
            return byte < 16 ? "0\(digits)" : digits
        }.joined()
    }
}

extension String {
    /// Calls `body` with the text's bytes.
    func withBytes<Result>(_ body: (Bytes) throws -> Result) rethrows -> Result {
        var copy = self
        return try copy.withUTF8 { try body(Bytes(UnsafeRawBufferPointer($0))) }
    }
}

/// The terminal of whoever starts the server.
private enum TerminalDialog {
    static func ask(_ request: PhraseRequest) throws -> String {
        let terminal = try open()
        defer { close(terminal) }
        var settings = termios()
        let isTerminal = tcgetattr(terminal, &settings) == 0
        var silent = settings
        silent.c_lflag &= ~UInt32(ECHO)
        if isTerminal { tcsetattr(terminal, TCSAFLUSH, &silent) }
        defer {
            if isTerminal { tcsetattr(terminal, TCSAFLUSH, &settings) }
            write(terminal, "\n")
        }
        write(terminal, "\nThe private key \(request.file) of \(request.server) (\(request.kind)) is encrypted.\n")
        write(terminal, "Enter pass phrase: ")
        guard let line = readLine(from: terminal) else {
            throw FileProblem(code: "AH01964", text: "the private key is encrypted, and no pass phrase was entered")
        }
        return line
    }

    /// The controlling terminal, or the one that input or messages go to: a daemon has no other.
    private static func open() throws -> Int32 {
        let own = Glibc.open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)
        if own >= 0 { return own }
        for descriptor in [STDIN_FILENO, STDERR_FILENO, STDOUT_FILENO] where isatty(descriptor) == 1 {
            let other = Glibc.open("/proc/self/fd/\(descriptor)", O_RDWR | O_CLOEXEC | O_NOCTTY)
            if other >= 0 { return other }
        }
        throw FileProblem(
            code: "AH02577",
            text: "the private key is encrypted, and there is no terminal to ask for its pass phrase at; "
                + "use SSLPassPhraseDialog exec:/path/to/program, or decrypt it with `openssl pkey -in FILE -out NEWFILE`"
        )
    }

    private static func write(_ terminal: Int32, _ text: String) {
        _ = text.withBytes { Glibc.write(terminal, $0.ptr, $0.count) }
    }
}

/// The next line without its end; nil: there is none.
private func readLine(from descriptor: Int32) -> String? {
    var bytes: [UInt8] = []
    var byte: UInt8 = 0
    while bytes.count < 1024 {
        let count = read(descriptor, &byte, 1)
        if count < 0, errno == EINTR { continue }
        guard count == 1 else { return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self) }
        if byte == 0x0a { break }
        bytes.append(byte)
    }
    if bytes.last == 0x0d { bytes.removeLast() }
    return String(decoding: bytes, as: UTF8.self)
}

/// A program that is talked to over its standard input and output.
private final class Conversation {
    private let output: Int32
    private let input: Int32
    private let process: pid_t

    init(_ words: [String]) throws {
        var toChild: [Int32] = [-1, -1]
        var fromChild: [Int32] = [-1, -1]
        guard pipe(&toChild) == 0, pipe(&fromChild) == 0 else {
            throw FileProblem(code: "AH01963", text: "cannot make a pipe: \(String(cString: strerror(errno)))")
        }
        for end in toChild + fromChild { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, toChild[0], STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, fromChild[1], STDOUT_FILENO)
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { arguments.forEach { Glibc.free($0) } }
        var child: pid_t = 0
        let failure = posix_spawn(&child, words[0], &actions, nil, &arguments, environ)
        close(toChild[0])
        close(fromChild[1])
        output = toChild[1]
        input = fromChild[0]
        process = failure == 0 ? child : -1
        guard failure == 0 else {
            close(output)
            close(input)
            throw FileProblem(code: "AH01963", text: "cannot run \(words[0]): \(String(cString: strerror(failure)))")
        }
    }

    deinit {
        guard process > 0 else { return }
        close(output)
        close(input)
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
    }

    func write(_ text: String) { _ = text.withBytes { Glibc.write(output, $0.ptr, $0.count) } }

    func line() throws -> String? { readLine(from: input) }
}
