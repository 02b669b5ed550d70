/// The one answer on a connection that ends with it.
struct SingleAnswer {
    let status: Int
    let body: [UInt8]
    private let head: ArraySlice<UInt8>

    init?(_ bytes: [UInt8]) {
        guard let end = bytes.indices.dropLast(3).first(where: { bytes[$0...].starts(with: [0x0d, 0x0a, 0x0d, 0x0a]) }),
            bytes.starts(with: Array("HTTP/1.1 ".utf8)),
            let status = Int(String(decoding: bytes.dropFirst(9).prefix(3), as: UTF8.self))
        else { return nil }
        self.status = status
        head = bytes[..<end]
        body = Array(bytes[(end + 4)...])
    }

    /// Whatever a field was made of, it is one field.
    func checkHead() {
        for line in head.split(separator: 0x0a).dropFirst() {
            demand(line.first.map { $0 != 0x20 && $0 != 0x09 } ?? false, "a line of the head is no field")
            demand(!line.dropLast().contains(0x0d), "a field holds a line end")
            demand(line.prefix { $0 != 0x3a }.allSatisfy { $0 &- 0x61 < 26 || $0 &- 0x41 < 26 || $0 == 0x2d }, "a field nobody sends")
        }
    }
}
