import CSystem
import Glibc

/// What an image says of how it was made and what it wants.
extension ElfImage {
    /// The libraries it asks for, in order.
    public var needed: [String] { dynamicStrings(Int64(DT_NEEDED)) }

    /// Where it has them looked for.
    public var searchPaths: [String] { dynamicStrings(Int64(DT_RUNPATH)) + dynamicStrings(Int64(DT_RPATH)) }

    /// Whether its code is changed while it is mapped.
    public var changesItsCode: Bool { dynamicEntries.contains { $0.tag == Int64(DT_TEXTREL) } }

    /// Whether it wants a stack that can be executed.
    public var wantsExecutableStack: Bool {
        programHeaders.contains { $0.p_type == UInt32(PT_GNU_STACK) && $0.p_flags & UInt32(PF_X) != 0 }
    }

    /// Whether the names of its own functions are gone.
    public var isStripped: Bool { !sections.contains { $0.sh_type == UInt32(SHT_SYMTAB) } }

    public var size: Int { bytes.count }

    public var architecture: String {
        let machine = bytes.withUnsafeBytes { $0.loadUnaligned(as: Elf64_Ehdr.self).e_machine }
        return machine == UInt16(EM_X86_64) ? "x86-64" : machine == UInt16(EM_AARCH64) ? "aarch64" : "machine \(machine)"
    }

    /// What it leaves for others to define.
    public var undefinedSymbols: [String] {
        bytes.withUnsafeBytes { raw in
            guard let table = sections.first(where: { $0.sh_type == UInt32(SHT_DYNSYM) }),
                let names = Self.section(raw, header, Int(table.sh_link))
            else { return [] }
            return Self.symbols(raw, table).filter { $0.st_shndx == UInt16(SHN_UNDEF) && $0.st_name != 0 }
                .compactMap { Self.string(raw, names, Int($0.st_name)) }
        }
    }

    /// The compilers that had a hand in it, as they signed.
    public var compilers: [String] {
        guard let comment = section(named: ".comment") else { return [] }
        var found: [String] = []
        for part in comment.split(separator: 0) {
            let text = String(decoding: part, as: UTF8.self)
            if !found.contains(text) { found.append(text) }
        }
        return found
    }

    /// The NUL-terminated texts of its read-only data that begin so, once each, in order.
    public func texts(beginning prefix: String) -> [String] {
        let wanted = Array(prefix.utf8)
        var found: Set<String> = []
        for section in sections where section.sh_type == UInt32(SHT_PROGBITS) && section.sh_flags & UInt64(SHF_EXECINSTR) == 0 {
            guard let content = content(of: section) else { continue }
            for part in content.split(separator: 0) where part.count < 100 {
                // Neighbours without a NUL between them: the text may begin anywhere.
                for start in part.indices where part[start...].starts(with: wanted) {
                    found.insert(String(decoding: part[start...], as: UTF8.self))
                }
            }
        }
        return found.sorted()
    }

    // MARK: Data as it lies in memory

    /// The pointers that are filled in when it is mapped: where each lies, and what it points at.
    public func pointers() -> [UInt64: UInt64] {
        var found: [UInt64: UInt64] = [:]
        bytes.withUnsafeBytes { raw in
            for section in sections where section.sh_type == UInt32(SHT_RELA) {
                let size = MemoryLayout<Elf64_Rela>.size
                guard let range = range(of: section) else { continue }
                for offset in stride(from: range.lowerBound, through: range.upperBound - size, by: size) {
                    let entry = raw.loadUnaligned(fromByteOffset: offset, as: Elf64_Rela.self)
                    guard Self.relative.contains(entry.r_info & 0xffff_ffff) else { continue }
                    found[entry.r_offset] = UInt64(bitPattern: entry.r_addend)
                }
            }
        }
        return found
    }

    /// The value at an address of its own; nil: there is none in the file.
    public func value<T: FixedWidthInteger & BitwiseCopyable>(at address: UInt64, as type: T.Type) -> T? {
        guard let offset = fileOffset(of: address), offset <= bytes.count - MemoryLayout<T>.size else { return nil }
        return bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: T.self) }
    }

    /// The text at an address of its own, up to its NUL.
    public func text(at address: UInt64) -> String? {
        guard let start = fileOffset(of: address), let end = bytes[start...].firstIndex(of: 0), end - start < 4096
        else { return nil }
        return String(decoding: bytes[start..<end], as: UTF8.self)
    }

    private func fileOffset(of address: UInt64) -> Int? {
        for part in programHeaders where part.p_type == UInt32(PT_LOAD) {
            guard address >= part.p_vaddr, address - part.p_vaddr < part.p_filesz else { continue }
            let (offset, overflow) = part.p_offset.addingReportingOverflow(address - part.p_vaddr)
            return !overflow && offset < UInt64(bytes.count) ? Int(offset) : nil
        }
        return nil
    }

    /// R_X86_64_RELATIVE and R_AARCH64_RELATIVE.
    private static let relative: Set<UInt64> = [8, 1027]

    // MARK: Tables

    var header: Elf64_Ehdr { bytes.withUnsafeBytes { $0.loadUnaligned(as: Elf64_Ehdr.self) } }

    var sections: [Elf64_Shdr] {
        bytes.withUnsafeBytes { raw in (0..<Int(header.e_shnum)).compactMap { Self.section(raw, header, $0) } }
    }

    private var programHeaders: [Elf64_Phdr] {
        let size = MemoryLayout<Elf64_Phdr>.size
        let start = Int(truncatingIfNeeded: header.e_phoff)
        guard start > 0, start <= bytes.count - size * Int(header.e_phnum) else { return [] }
        return bytes.withUnsafeBytes { raw in
            (0..<Int(header.e_phnum)).map { raw.loadUnaligned(fromByteOffset: start + $0 * size, as: Elf64_Phdr.self) }
        }
    }

    private func range(of section: Elf64_Shdr) -> Range<Int>? {
        guard section.sh_type != UInt32(SHT_NOBITS) else { return nil }
        let start = Int(truncatingIfNeeded: section.sh_offset)
        let length = Int(truncatingIfNeeded: section.sh_size)
        guard start >= 0, length >= 0, start <= bytes.count, length <= bytes.count - start else { return nil }
        return start..<start + length
    }

    func content(of section: Elf64_Shdr) -> ArraySlice<UInt8>? { range(of: section).map { bytes[$0] } }

    func section(named name: String) -> ArraySlice<UInt8>? {
        bytes.withUnsafeBytes { raw in
            guard let names = Self.section(raw, header, Int(header.e_shstrndx)) else { return nil }
            let found = sections.first { Self.string(raw, names, Int($0.sh_name)) == name }
            return found.flatMap { content(of: $0) }
        }
    }

    private var dynamicEntries: [(tag: Int64, value: UInt64)] {
        guard let table = sections.first(where: { $0.sh_type == UInt32(SHT_DYNAMIC) }), let range = range(of: table)
        else { return [] }
        return bytes.withUnsafeBytes { raw in
            stride(from: range.lowerBound, through: range.upperBound - 16, by: 16).map {
                (raw.loadUnaligned(fromByteOffset: $0, as: Int64.self), raw.loadUnaligned(fromByteOffset: $0 + 8, as: UInt64.self))
            }
        }
    }

    private func dynamicStrings(_ tag: Int64) -> [String] {
        guard let table = sections.first(where: { $0.sh_type == UInt32(SHT_DYNAMIC) }) else { return [] }
        return bytes.withUnsafeBytes { raw in
            guard let names = Self.section(raw, header, Int(table.sh_link)) else { return [] }
            return dynamicEntries.filter { $0.tag == tag }.compactMap { Self.string(raw, names, Int($0.value)) }
        }
    }
}

extension ElfImage {
    /// The texts of its read-only data that could be a name in a configuration: letters, digits, `-` and `_`, once each.
    public var words: [String] {
        var found: [String] = []
        var seen: Set<String> = []
        for section in sections where section.sh_type == UInt32(SHT_PROGBITS) && section.sh_flags & UInt64(SHF_EXECINSTR) == 0 {
            guard let content = content(of: section) else { continue }
            for part in content.split(separator: 0) where (3...32).contains(part.count) {
                guard part.allSatisfy({ (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d || $0 == 0x5f }) else { continue }
                let word = String(decoding: part, as: UTF8.self)
                if seen.insert(word).inserted { found.append(word) }
            }
        }
        return found
    }
}

extension ElfImage {
    /// All texts of its read-only data that end so: from each of their letters on, since neighbours may have no NUL between.
    public func endings(with suffix: String) -> [String] {
        let wanted = Array(suffix.utf8)
        var found: [String] = []
        for section in sections where section.sh_type == UInt32(SHT_PROGBITS) && section.sh_flags & UInt64(SHF_EXECINSTR) == 0 {
            guard let content = content(of: section), content.count >= wanted.count else { continue }
            for start in content.startIndex...(content.endIndex - wanted.count) where content[start...].starts(with: wanted) {
                var first = start
                while first > content.startIndex, start - first < 40, Self.isInName(content[first - 1]) {
                    first -= 1
                    found.append(String(decoding: content[first..<start + wanted.count], as: UTF8.self))
                }
            }
        }
        return found
    }

    private static func isInName(_ byte: UInt8) -> Bool {
        (0x61...0x7a).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x5f
    }

    /// Maps those of the libraries it asks for that lie in a directory, so that it finds them wherever it lies itself.
    public func loadLibraries(from directory: String) {
        for name in needed where !name.contains("/") {
            let path = "\(directory)/\(name)"
            if access(path, R_OK) == 0 { _ = dlopen(path, RTLD_NOW | RTLD_LOCAL | Int32(RTLD_NODELETE)) }
        }
    }
}
