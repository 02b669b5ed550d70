import Glibc
import ModuleABI.Draft
@_spi(Draft) import ModuleKit
import Support

/// Programs that answer lines, started once a generation.
final class Programs: Module, @unchecked Sendable {
    static let info = ModuleInfo("abi_program_module", version: "1.0", requires: [APUS_EXT_PROGRAM])

    private let host: Host
    private var own: HelperProgram?
    private var others: HelperProgram?
    private var absent: HelperProgram?
    private var problems: [apus_status] = []

    /// Answers each line with the line, its user and its process.
    private static let script: StaticString = #"while read -r line; do echo "$line $(id -u) $$"; done"#

    init(_ host: Host) throws {
        self.host = host
        try host.hooks.openConfig { reason, _ in
            guard reason != APUS_OPEN_CHECK else { return }
            self.problems = [
                self.problem { try self.start("/bin/sh", user: "no-such-name") },
                self.problem { try self.start("/bin/sh", group: "no-such-name") },
                self.problem { try host.startProgram([], user: Bytes(""), group: Bytes("")) },
            ]
            self.absent = try self.start("/no/such/program")
            if geteuid() == 0 { self.others = try self.start("/bin/sh", user: "nobody", group: "nogroup") }
            self.own = try self.start("/bin/sh")
        }
        try host.hooks.handler(.middle, handle)
    }

    private func start(_ path: StaticString, user: StaticString = "", group: StaticString = "") throws -> HelperProgram {
        try host.startProgram([Bytes(path), Bytes("-c"), Bytes(Self.script)], user: Bytes(user), group: Bytes(group))
    }

    private func problem(_ body: () throws -> HelperProgram) -> apus_status {
        do {
            _ = try body()
            return APUS_OK
        } catch {
            return (error as? ModuleError)?.status.rawValue ?? APUS_E_FAIL
        }
    }

    private func handle(_ request: Request) throws -> Status {
        guard request.handler == "abi" else { return .declined }
        switch request.path.string {
        case "/ask": return try ask(request, own)
        case "/other": return try ask(request, others)
        case "/absent": return try ask(request, absent)
        case "/worker": return try request.reply(200, text: "\(host.worker)")
        case "/problems": return try request.reply(200, text: problems.map { "\($0)" }.joined(separator: " "))
        default: return .declined
        }
    }

    /// The answer to a line; "end" when there is none. The test asks one at a time.
    private func ask(_ request: Request, _ program: HelperProgram?) throws -> Status {
        guard let program else { return .declined }
        let line = Array("\(request.query.string)\n".utf8)
        var answer: [UInt8] = []
        var byte: UInt8 = 0
        if write(program.input, line, line.count) == line.count {
            while read(program.output, &byte, 1) == 1, byte != 0x0a { answer.append(byte) }
        }
        return try request.reply(200, text: answer.isEmpty ? "end" : String(decoding: answer, as: UTF8.self))
    }
}

@c(apus_module_entry)
public func entry(_ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>) -> UnsafePointer<
    apus_module
>? {
    Programs.descriptor(for: host, named: name)
}
