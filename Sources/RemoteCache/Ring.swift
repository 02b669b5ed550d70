import ModuleKit

/// Consistent hashing: each server has many places on a circle, and a key belongs to the server whose place follows its own. So
/// a server that comes or goes moves only its own share, and every machine with the same list agrees.
struct Ring {
    private static let placesOfServer = 128

    private let places: [(hash: UInt64, server: Int)]

    init(_ names: [String]) {
        places = names.enumerated().flatMap { server, name in
            (0..<Ring.placesOfServer).map { number in
                var text = "\(name)-\(number)"
                return (text.withUTF8 { StableHash.of(UnsafeRawBufferPointer($0)) }, server)
            }
        }.sorted { ($0.hash, $0.server) < ($1.hash, $1.server) }
    }

    /// The first server from a key's place on that is able; nil: none is.
    func server(for key: [UInt8], where isAble: (Int) -> Bool) -> Int? {
        let hash = key.withUnsafeBytes { StableHash.of($0) }
        var low = 0
        var high = places.count
        while low < high {
            let middle = (low + high) / 2
            if places[middle].hash < hash { low = middle + 1 } else { high = middle }
        }
        for step in 0..<places.count {
            let server = places[(low + step) % places.count].server
            if isAble(server) { return server }
        }
        return nil
    }
}

/// A hash that is the same on every machine and in every version, for it says where objects are.
public enum StableHash {
    public static func of(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
        var hash = fold(seed ^ 0x9e37_79b9_7f4a_7c15, UInt64(bytes.count) ^ 0xe703_7ed1_a0b4_28db)
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        return fold(hash, 0x8ebc_6af0_9c88_c6e3)
    }

    private static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let (high, low) = a.multipliedFullWidth(by: b)
        return high ^ low
    }
}
