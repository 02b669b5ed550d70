import CSystem
import Glibc

/// What can be read of a shared object without mapping it for execution: whether it is one, and what it exports.
public struct ElfImage {
    public enum Problem: Error {
        case unreadable(Int32)
        case notElf
        case foreign(String)
    }

    /// The exported symbols by name: whether each is data.
    public let exports: [String: Bool]
    let bytes: [UInt8]

    public init(path: String) throws(Problem) {
        bytes = try ElfImage.read(path)
        try ElfImage.checkHeader(bytes)
        exports = ElfImage.dynamicSymbols(bytes)
    }

    private static func read(_ path: String) throws(Problem) -> [UInt8] {
        let fd = open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { throw .unreadable(errno) }
        defer { close(fd) }
        var info = stat()
        guard fstat(fd, &info) == 0 else { throw .unreadable(errno) }
        guard info.st_mode & S_IFMT == S_IFREG else { throw .notElf }
        var bytes = [UInt8](repeating: 0, count: Int(info.st_size))
        let got = bytes.withUnsafeMutableBytes { Glibc.read(fd, $0.baseAddress, $0.count) }
        guard got == bytes.count else { throw .unreadable(got < 0 ? errno : EIO) }
        return bytes
    }

    private static func checkHeader(_ bytes: [UInt8]) throws(Problem) {
        guard bytes.count >= MemoryLayout<Elf64_Ehdr>.size, bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else {
            throw .notElf
        }
        guard bytes[Int(EI_CLASS)] == UInt8(ELFCLASS64) else { throw .foreign("32-bit") }
        let machine = bytes.withUnsafeBytes { $0.loadUnaligned(as: Elf64_Ehdr.self).e_machine }
        guard machine == ownMachine else { throw .foreign("machine type \(machine)") }
    }

    private static var ownMachine: UInt16 {
        #if arch(arm64)
            UInt16(EM_AARCH64)
        #else
            UInt16(EM_X86_64)
        #endif
    }

    /// Reads .dynsym by the section table; an image without one exports nothing that we can name.
    private static func dynamicSymbols(_ bytes: [UInt8]) -> [String: Bool] {
        bytes.withUnsafeBytes { raw in
            let header = raw.loadUnaligned(as: Elf64_Ehdr.self)
            var symbols: [String: Bool] = [:]
            for index in 0..<Int(header.e_shnum) {
                guard let section = self.section(raw, header, index), section.sh_type == UInt32(SHT_DYNSYM),
                    let names = self.section(raw, header, Int(section.sh_link))
                else { continue }
                collect(raw, section, names, into: &symbols)
            }
            return symbols
        }
    }

    /// The functions of a file by its symbol table: where each begins, its length and its name.
    public static func functions(of path: String) -> [(start: UInt64, length: UInt64, name: String)] {
        guard let bytes = try? read(path), (try? checkHeader(bytes)) != nil else { return [] }
        return bytes.withUnsafeBytes { raw in
            let header = raw.loadUnaligned(as: Elf64_Ehdr.self)
            for index in 0..<Int(header.e_shnum) {
                guard let section = self.section(raw, header, index), section.sh_type == UInt32(SHT_SYMTAB),
                    let names = self.section(raw, header, Int(section.sh_link))
                else { continue }
                return symbols(raw, section).filter { $0.st_info & 0xf == UInt8(STT_FUNC) }.compactMap { symbol in
                    string(raw, names, Int(symbol.st_name)).map { (symbol.st_value, symbol.st_size, $0) }
                }
            }
            return []
        }
    }

    static func section(_ raw: UnsafeRawBufferPointer, _ header: Elf64_Ehdr, _ index: Int) -> Elf64_Shdr? {
        let size = MemoryLayout<Elf64_Shdr>.size
        let (offset, overflow) = Int(truncatingIfNeeded: header.e_shoff).addingReportingOverflow(index * size)
        guard !overflow, offset >= 0, index < Int(header.e_shnum), offset <= raw.count - size else { return nil }
        return raw.loadUnaligned(fromByteOffset: offset, as: Elf64_Shdr.self)
    }

    private static func collect(
        _ raw: UnsafeRawBufferPointer, _ table: Elf64_Shdr, _ names: Elf64_Shdr, into symbols: inout [String: Bool]
    ) {
        for symbol in self.symbols(raw, table) {
            let isDefined = symbol.st_shndx != UInt16(SHN_UNDEF)
            guard isDefined, let name = string(raw, names, Int(symbol.st_name)) else { continue }
            symbols[name] = symbol.st_info & 0xf == UInt8(STT_OBJECT)
        }
    }

    static func symbols(_ raw: UnsafeRawBufferPointer, _ table: Elf64_Shdr) -> [Elf64_Sym] {
        let size = MemoryLayout<Elf64_Sym>.size
        let start = Int(truncatingIfNeeded: table.sh_offset)
        guard start >= 0, start < raw.count else { return [] }
        let count = min(Int(truncatingIfNeeded: table.sh_size), raw.count - start) / size
        return (0..<max(count, 0)).map { raw.loadUnaligned(fromByteOffset: start + $0 * size, as: Elf64_Sym.self) }
    }

    static func string(_ raw: UnsafeRawBufferPointer, _ names: Elf64_Shdr, _ offset: Int) -> String? {
        let start = Int(truncatingIfNeeded: names.sh_offset) &+ offset
        guard start >= 0, start < raw.count, let end = raw[start...].firstIndex(of: 0) else { return nil }
        return String(decoding: raw[start..<end], as: UTF8.self)
    }
}

/// The functions of files that were asked for, read once each.
public final class SymbolTables {
    private var files: [String: [(start: UInt64, length: UInt64, name: String)]] = [:]

    public init() {}

    /// The function that an offset into a file lies in; nil: the file does not say.
    public func functionName(at offset: UInt64, in path: String) -> String? {
        let functions = files[path] ?? ElfImage.functions(of: path)
        files[path] = functions
        return functions.first { $0.start <= offset && offset - $0.start < $0.length }?.name
    }
}
