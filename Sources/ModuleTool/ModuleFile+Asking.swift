import CSystem
import ElfKit
import Glibc
import ModuleABI

/// What only the module itself can tell: its entry function is run, in a process of its own.
extension ModuleFile {
    /// The names of its modules; one whose file does not tell is asked.
    func namesOrAsk() throws -> [String] {
        let names = descriptions.map(\.name)
        return try names.isEmpty ? [askForDescriptions()[0].name] : names
    }

    func nameOrAsk() throws -> String { try namesOrAsk()[0] }

    /// - Returns: one at least.
    func askForDescriptions() throws -> [Description] {
        var ends: [Int32] = [0, 0]
        guard cs_pipe2(&ends, O_CLOEXEC) == 0 else { throw Problem("no pipe: \(String(cString: strerror(errno)))") }
        let child = fork()
        guard child >= 0 else { throw Problem("cannot fork: \(String(cString: strerror(errno)))") }
        if child == 0 {
            alarm(30)
            var answer = Asked(self).answer
            answer.withUTF8 { bytes in
                var rest = UnsafeRawBufferPointer(bytes)
                while !rest.isEmpty {
                    let written = Glibc.write(ends[1], rest.baseAddress, rest.count)
                    guard written > 0 else { break }
                    rest = UnsafeRawBufferPointer(rebasing: rest[written...])
                }
            }
            _exit(0)
        }
        close(ends[1])
        defer { close(ends[0]) }
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 8192)
        while case let count = Glibc.read(ends[0], &buffer, buffer.count), count > 0 { answer += buffer[..<count] }
        _ = Programs.wait(child)
        let text = String(decoding: answer, as: UTF8.self)
        let found = ModuleNote.parse(text)
        guard !found.isEmpty else {
            throw Problem("\(path) does not tell which module it holds\(text.isEmpty ? ": it crashed" : ": \(text)")")
        }
        return found
    }
}

/// A module's file in the process that runs it.
private struct Asked {
    private typealias Entry = @convention(c) (UnsafePointer<apus_host>?, UnsafePointer<CChar>?) -> UnsafePointer<apus_module>?

    private let file: ModuleFile

    init(_ file: ModuleFile) { self.file = file }

    /// What it says as a note has it, or what is wrong.
    var answer: String {
        file.image.loadLibraries(from: Installation.libraries)
        guard let image = dlopen(Path.absolute(file.path), RTLD_NOW | RTLD_LOCAL) else { return String(cString: dlerror()) }
        guard let symbol = dlsym(image, ModuleFile.entryName) else { return "it exports no \(ModuleFile.entryName)" }
        let entry = unsafeBitCast(symbol, to: Entry.self)
        let host = UnsafeMutablePointer<apus_host>.allocate(capacity: 1)
        host.initialize(
            to: apus_host(
                size: UInt32(MemoryLayout<apus_host>.size), abi_major: UInt16(APUS_ABI_MAJOR), abi_minor: UInt16(APUS_ABI_MINOR),
                self: nil, extension: { _, _ in nil }))
        var found: [ModuleFile.Description] = []
        for name in names {
            guard let module = entry(host, name), let description = describe(module.pointee), !found.contains(where: { $0.name == description.name })
            else { continue }
            found.append(description)
        }
        return found.isEmpty ? "it answers neither to the empty name nor to \(fileName)" : ModuleNote.text(found)
    }

    /// A file that does not answer to the empty name may bear its module's; one that holds several mentions the others.
    private var names: [String] { ["", fileName] + file.image.endings(with: "_module") }

    private var fileName: String {
        let stem = Path.last(file.path).split(separator: ".").first ?? ""
        let name = stem.hasPrefix("lib") ? stem.dropFirst(3) : stem
        return (name.hasPrefix("mod_") ? name.dropFirst(4) : name) + "_module"
    }

    private func describe(_ module: apus_module) -> ModuleFile.Description? {
        guard let name = text(module.name) else { return nil }
        var description = ModuleFile.Description(
            name: name, version: text(module.version) ?? "?", toolchain: text(module.toolchain) ?? "?",
            abi: "\(module.abi_major).\(module.abi_minor_min)")
        description.requires = texts(module.requires_ids)
        description.optional = texts(module.optional_ids)
        guard let table = UnsafeRawPointer(module.directives) else { return description }
        for index in 0..<Int(module.n_directives) {
            let row = (table + index * Int(module.directive_stride)).assumingMemoryBound(to: apus_directive.self).pointee
            description.directives.append(.init(name: text(row.name) ?? "?", help: text(row.help) ?? ""))
        }
        return description
    }

    private func text(_ string: UnsafePointer<CChar>?) -> String? { string.map { String(cString: $0) } }

    private func texts(_ list: UnsafePointer<UnsafePointer<CChar>?>?) -> [String] {
        guard var next = list else { return [] }
        var found: [String] = []
        while let string = next.pointee {
            found.append(String(cString: string))
            next += 1
        }
        return found
    }
}
