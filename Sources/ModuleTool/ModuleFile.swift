import CSystem
import ElfKit
import Glibc
import ModuleABI

/// A module's file, read without running it; and what has to be asked for.
struct ModuleFile {
    let path: String
    let image: ElfImage

    init(_ path: String) throws {
        self.path = path
        do throws(ElfImage.Problem) {
            image = try ElfImage(path: path)
        } catch {
            switch error {
            case .unreadable(let code): throw Problem("\(path): \(String(cString: strerror(code)))")
            case .notElf: throw Problem("\(path) is not a shared object")
            case .foreign(let kind): throw Problem("\(path) was built for another machine (\(kind))")
            }
        }
    }

    static let entryName = "apus_module_entry"

    var hasEntry: Bool { image.exports[Self.entryName] != nil }

    enum Language: String {
        case swiftShared = "Swift, on the server's runtime"
        case swiftStatic = "Swift, with a runtime of its own"
        case rust = "Rust"
        case plusPlus = "C++"
        case c = "C"
    }

    var language: Language {
        if image.needed.contains("libswiftCore.so") { return .swiftShared }
        if image.compilers.contains(where: { $0.hasPrefix("rustc") }) { return .rust }
        // The linker of Swift signs, and its own runtime brings what only that has.
        if !image.texts(beginning: "Fatal error: ").isEmpty || image.compilers.contains(where: { $0.hasPrefix("Swift") }) { return .swiftStatic }
        return image.needed.contains { $0.hasPrefix("libstdc++") } ? .plusPlus : .c
    }

    // MARK: The descriptor in the file

    struct Directive {
        let name: String
        let help: String
    }

    /// What a descriptor says.
    struct Description {
        let name: String
        let version: String
        let toolchain: String
        let abi: String
        var requires: [String] = []
        var optional: [String] = []
        var directives: [Directive] = []
    }

    /// The descriptors that lie in the file's data, as those written in C and Rust do. One that is made when the module is
    /// loaded is not among them.
    var descriptions: [Description] {
        let pointers = image.pointers()
        let nameOffset = UInt64(MemoryLayout<apus_module>.offset(of: \.name) ?? 0)
        let attachOffset = UInt64(MemoryLayout<apus_module>.offset(of: \.attach) ?? 0)
        var found: [(address: UInt64, Description)] = []
        for (place, target) in pointers where place >= nameOffset {
            let start = place - nameOffset
            guard let size = image.value(at: start, as: UInt32.self), size >= 64, size < 4096,
                let major = image.value(at: start + 4, as: UInt16.self), let minor = image.value(at: start + 6, as: UInt16.self),
                major < 64, minor < 1024, pointers[start + attachOffset] != nil,
                let name = image.text(at: target), name.hasSuffix("_module")
            else { continue }
            found.append((start, describe(start, name, "\(major).\(minor)", pointers)))
        }
        return found.sorted { $0.address < $1.address }.map(\.1)
    }

    private func describe(_ start: UInt64, _ name: String, _ abi: String, _ pointers: [UInt64: UInt64]) -> Description {
        func target(_ member: PartialKeyPath<apus_module>) -> UInt64? {
            MemoryLayout<apus_module>.offset(of: member).flatMap { pointers[start + UInt64($0)] }
        }
        func text(_ member: PartialKeyPath<apus_module>) -> String { target(member).flatMap { image.text(at: $0) } ?? "?" }
        func texts(_ member: PartialKeyPath<apus_module>) -> [String] {
            guard var next = target(member) else { return [] }
            var list: [String] = []
            while let text = pointers[next].flatMap({ image.text(at: $0) }), list.count < 64 {
                list.append(text)
                next += 8
            }
            return list
        }
        func number(_ member: PartialKeyPath<apus_module>) -> UInt64 {
            let offset = MemoryLayout<apus_module>.offset(of: member) ?? 0
            return UInt64(image.value(at: start + UInt64(offset), as: UInt32.self) ?? 0)
        }
        var description = Description(name: name, version: text(\.version), toolchain: text(\.toolchain), abi: abi)
        description.requires = texts(\.requires_ids)
        description.optional = texts(\.optional_ids)
        guard let table = target(\.directives) else { return description }
        let helpOffset = UInt64(MemoryLayout<apus_directive>.offset(of: \.help) ?? 0)
        for index in 0..<min(number(\.n_directives), 1024) {
            let row = table + index * number(\.directive_stride)
            guard let name = pointers[row].flatMap({ image.text(at: $0) }) else { break }
            let help = pointers[row + helpOffset].flatMap { image.text(at: $0) } ?? ""
            description.directives.append(Directive(name: name, help: help))
        }
        return description
    }

    // MARK: Asking the module

    /// The names of its modules; one that makes its descriptor is asked, in a process of its own.
    func namesOrAsk() throws -> [String] {
        let names = descriptions.map(\.name)
        return names.isEmpty ? [try ask()] : names
    }

    func nameOrAsk() throws -> String { try namesOrAsk()[0] }

    private func ask() throws -> String {
        var ends: [Int32] = [0, 0]
        guard cs_pipe2(&ends, O_CLOEXEC) == 0 else { throw Problem("no pipe: \(String(cString: strerror(errno)))") }
        let child = fork()
        guard child >= 0 else { throw Problem("cannot fork: \(String(cString: strerror(errno)))") }
        if child == 0 {
            var answer = Self.firstName(path)
            answer.withUTF8 { _ = Glibc.write(ends[1], $0.baseAddress, $0.count) }
            _exit(0)
        }
        close(ends[1])
        defer { close(ends[0]) }
        var buffer = [UInt8](repeating: 0, count: 512)
        let count = Glibc.read(ends[0], &buffer, buffer.count)
        _ = Programs.wait(child)
        let answer = String(decoding: buffer[..<max(count, 0)], as: UTF8.self)
        guard answer.hasPrefix("=") else {
            throw Problem("\(path) does not tell which module it holds\(answer.isEmpty ? ": it crashed" : ": \(answer)")")
        }
        return String(answer.dropFirst())
    }

    /// "=NAME", or what is wrong.
    private static func firstName(_ path: String) -> String {
        guard let image = dlopen(Path.absolute(path), RTLD_NOW | RTLD_LOCAL) else { return String(cString: dlerror()) }
        guard let symbol = dlsym(image, entryName) else { return "it exports no \(entryName)" }
        typealias Entry = @convention(c) (UnsafePointer<apus_host>?, UnsafePointer<CChar>?) -> UnsafePointer<apus_module>?
        let entry = unsafeBitCast(symbol, to: Entry.self)
        let host = UnsafeMutablePointer<apus_host>.allocate(capacity: 1)
        host.initialize(
            to: apus_host(
                size: UInt32(MemoryLayout<apus_host>.size), abi_major: UInt16(APUS_ABI_MAJOR), abi_minor: UInt16(APUS_ABI_MINOR),
                self: nil, extension: { _, _ in nil }))
        // A file that does not answer to the empty name may bear its module's.
        let stem = Path.last(path).split(separator: ".").first ?? ""
        let guess = (stem.hasPrefix("mod_") ? stem.dropFirst(4) : stem) + "_module"
        guard let descriptor = entry(host, "") ?? entry(host, String(guess)), let name = descriptor.pointee.name else {
            return "it answers neither to the empty name nor to \(guess)"
        }
        return "=\(String(cString: name))"
    }
}
