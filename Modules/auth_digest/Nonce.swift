import AuthKit
import ModuleKit

/// What a client gets to hash with its password: when it was made, a number that tells it from others, and a proof that it
/// was made here, for this realm.
struct Nonce {
    let time: Int64
    let number: UInt64

    /// Hexadecimal digits of the whole: time, number, proof.
    private static let digits = 16 + 16 + 32

    /// A new one, in request memory.
    static func make(_ key: KeyedHash.Key, realm: Bytes, now: Int64, in pool: Pool) -> Bytes {
        write(Nonce(time: now, number: .random(in: 1 ... .max)), key, realm, in: pool)
    }

    private static func write(_ nonce: Nonce, _ key: KeyedHash.Key, _ realm: Bytes, in pool: Pool) -> Bytes {
        let proof = nonce.proof(key, realm)
        return pool.compose(capacity: digits) { writer in
            for word in [UInt64(bitPattern: nonce.time), nonce.number, proof.low, proof.high] {
                withUnsafeBytes(of: word.bigEndian) { writer.append(hexadecimal: Bytes($0)) }
            }
        }
    }

    private func proof(_ key: KeyedHash.Key, _ realm: Bytes) -> KeyedHash.Tag {
        var hash = KeyedHash(key, for: .shown)
        hash.add(UInt64(bitPattern: time))
        hash.add(number)
        hash.add(realm)
        return hash.finish()
    }

    private init(time: Int64, number: UInt64) {
        self.time = time
        self.number = number
    }

    /// Reads one that a client sent; nil: it was not made here, or for another realm.
    init?(_ text: Bytes, _ key: KeyedHash.Key, realm: Bytes, in pool: Pool) {
        guard text.count == Nonce.digits, let time = Nonce.word(text, 0), let number = Nonce.word(text, 16) else { return nil }
        self.init(time: Int64(bitPattern: time), number: number)
        guard Nonce.write(self, key, realm, in: pool).equalsInConstantTime(text) else { return nil }
    }

    private static func word(_ text: Bytes, _ start: Int) -> UInt64? {
        var value: UInt64 = 0
        for index in start..<start + 16 {
            guard let digit = text[index].hexValue else { return nil }
            value = value << 4 | UInt64(digit)
        }
        return value
    }
}
