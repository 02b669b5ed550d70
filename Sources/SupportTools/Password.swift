import ByteKit
import Glibc

/// A password as it was typed, read or given.
struct Password {
    private let bytes: [UInt8]

    /// As in httpd's tools; longer ones are refused.
    static let longest = 256

    var count: Int { bytes.count }

    func utf8Bytes<R>(_ body: (Bytes) throws -> R) rethrows -> R { try bytes.withUnsafeBytes { try body(Bytes($0)) } }

    /// The password from the command line, from standard input, or typed: twice when it is a new one.
    static func read(given: String?, fromInput: Bool, confirms: Bool) throws -> Password {
        let bytes: [UInt8]
        if let given {
            bytes = Array(given.utf8)
        } else if fromInput {
            bytes = readLineBytes()
        } else {
            bytes = Terminal.ask(confirms ? "New password: " : "Enter password: ")
            if confirms, Terminal.ask("Re-type new password: ") != bytes {
                throw Failure(ExitCode.mismatch, "password verification error")
            }
        }
        guard bytes.count <= longest else {
            throw Failure(ExitCode.tooLong, "the password is longer than \(longest) bytes")
        }
        return Password(bytes: bytes)
    }

    /// The first line of standard input.
    private static func readLineBytes() -> [UInt8] {
        var bytes = readBytes(STDIN_FILENO)
        while bytes.last == 0x0d { bytes.removeLast() }
        return bytes
    }
}

/// Reads up to the end of a line, byte by byte: what follows is somebody else's.
private func readBytes(_ descriptor: Int32) -> [UInt8] {
    var bytes: [UInt8] = []
    var byte: UInt8 = 0
    while true {
        let count = read(descriptor, &byte, 1)
        if count < 0, errno == EINTR { continue }
        guard count == 1, byte != 0x0a else { return bytes }
        bytes.append(byte)
    }
}

/// Asks on the terminal, without showing what is typed.
enum Terminal {
    static func ask(_ prompt: String) -> [UInt8] {
        let path = "/dev/tty"
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        let input = descriptor >= 0 ? descriptor : STDIN_FILENO
        let output = descriptor >= 0 ? descriptor : STDERR_FILENO
        defer { if descriptor >= 0 { close(descriptor) } }
        // Before the prompt: what is typed at once is not to be lost with the terminal's old state.
        let hidden = Echo(input)
        show(prompt, output)
        defer {
            hidden.restore()
            show("\n", output)
        }
        return readBytes(input)
    }

    private static func show(_ text: String, _ descriptor: Int32) { _ = write(descriptor, text, text.utf8.count) }
}

/// The terminal's echo, switched off.
struct Echo {
    private let descriptor: Int32
    private var before = termios()
    private let isTerminal: Bool

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
        isTerminal = tcgetattr(descriptor, &before) == 0
        guard isTerminal else { return }
        var quiet = before
        quiet.c_lflag &= ~tcflag_t(ECHO)
        tcsetattr(descriptor, TCSAFLUSH, &quiet)
        interrupted.pointee = (descriptor, before, true)
    }

    func restore() {
        guard isTerminal else { return }
        var state = before
        tcsetattr(descriptor, TCSAFLUSH, &state)
        interrupted.pointee.2 = false
    }
}

/// What a signal has to put back: the terminal's state.
nonisolated(unsafe) private let interrupted: UnsafeMutablePointer<(Int32, termios, Bool)> = {
    let place = UnsafeMutablePointer<(Int32, termios, Bool)>.allocate(capacity: 1)
    place.initialize(to: (-1, termios(), false))
    return place
}()

/// Ends with httpd's exit code when the user interrupts; the file is untouched, as it is replaced in one step only.
func installInterruptHandler() {
    _ = interrupted
    signal(SIGINT) { _ in
        if interrupted.pointee.2 { tcsetattr(interrupted.pointee.0, TCSANOW, &interrupted.pointee.1) }
        _exit(ExitCode.interrupted)
    }
}
