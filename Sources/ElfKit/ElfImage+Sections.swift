import CSystem
import Glibc

/// Sections that are part of the file only, never of what is mapped.
extension ElfImage {
    public func content(ofSection name: String) -> [UInt8]? { section(named: name).map { Array($0) } }

    /// The file with one more section, which lies behind all else. Nil: it has no table of sections, or one that does not fit.
    public func adding(section name: String, _ content: [UInt8]) -> [UInt8]? {
        var header = header
        var sections = sections
        let names = Int(header.e_shstrndx)
        guard header.e_shentsize == UInt16(MemoryLayout<Elf64_Shdr>.size), names > 0, names < sections.count,
            sections.count == Int(header.e_shnum), sections.count < 0xff00 - 1, let oldNames = self.content(of: sections[names])
        else { return nil }
        var file = bytes
        let added = Elf64_Shdr(
            sh_name: Elf64_Word(oldNames.count), sh_type: Elf64_Word(SHT_PROGBITS), sh_flags: 0, sh_addr: 0,
            sh_offset: Elf64_Off(file.count), sh_size: Elf64_Xword(content.count), sh_link: 0, sh_info: 0, sh_addralign: 1, sh_entsize: 0)
        file += content
        sections[names].sh_offset = Elf64_Off(file.count)
        sections[names].sh_size += Elf64_Xword(name.utf8.count + 1)
        file += Array(oldNames) + Array(name.utf8) + [0]
        sections.append(added)
        file += [UInt8](repeating: 0, count: (8 - file.count % 8) % 8)
        header.e_shoff = Elf64_Off(file.count)
        header.e_shnum += 1
        for section in sections { withUnsafeBytes(of: section) { file += $0 } }
        withUnsafeBytes(of: header) { file.replaceSubrange(0..<$0.count, with: $0) }
        return file
    }
}
