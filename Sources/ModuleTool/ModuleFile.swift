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

    struct Directive: Equatable {
        let name: String
        let help: String
    }

    /// What a descriptor says.
    struct Description: Equatable {
        let name: String
        let version: String
        let toolchain: String
        let abi: String
        var requires: [String] = []
        var optional: [String] = []
        var directives: [Directive] = []
    }

    /// What the file says of its modules: by the descriptors in its data, as those written in C lie there, or by the note that
    /// `apus module build` left in one whose descriptor is made when it is loaded.
    var descriptions: [Description] {
        let found = descriptors
        return found.isEmpty ? ModuleNote.read(image) : found
    }

    private var descriptors: [Description] {
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
}
