import ModuleKit

/// The names and values of a session, and when it expires. Names are compared without case.
struct SessionTable {
    private struct Entry {
        var name: Bytes
        var value: Bytes
    }

    private var entries: [Entry] = []
    /// Microseconds since 1970; 0: never.
    var expiry: Int64 = 0

    private static var expiryName: Bytes { Bytes("expiry") }

    subscript(name: Bytes) -> Bytes {
        entries.first { $0.name.equalsIgnoringCase(name) }?.value ?? .none
    }

    /// An unset or empty value removes the name.
    mutating func set(_ name: Bytes, _ value: Bytes) {
        let index = entries.firstIndex { $0.name.equalsIgnoringCase(name) }
        guard !value.isEmpty else {
            if let index { entries.remove(at: index) }
            return
        }
        if let index { entries[index].value = value } else { entries.append(Entry(name: name, value: value)) }
    }

    mutating func removeAll() {
        entries.removeAll()
        expiry = 0
    }

    /// Takes in what a text says; what is malformed in it is left out. Names and values go into the pool.
    mutating func take(_ text: Bytes, in pool: Pool) {
        FormText.eachPair(text) { name, value in
            guard let name = SessionTable.decoded(name, in: pool), !name.isEmpty,
                let value = SessionTable.decoded(value, in: pool)
            else { return }
            if name == SessionTable.expiryName {
                expiry = value.decimal ?? expiry
            } else {
                set(name, value)
            }
        }
    }

    private static func decoded(_ text: Bytes, in pool: Pool) -> Bytes? {
        var isWell = true
        let result = pool.compose(capacity: text.count) { isWell = FormText.decode(text, &$0) }
        return isWell ? result : nil
    }

    /// The text. The time of expiry keeps the place that it got when it was first written.
    mutating func text(in pool: Pool) -> Bytes {
        if expiry != 0 {
            set(SessionTable.expiryName, pool.compose(capacity: 20) { $0.append(decimal: expiry) })
        }
        let room = entries.reduce(0) { $0 + FormText.encodedLength($1.name.count + $1.value.count) + 2 }
        return pool.compose(capacity: room) { writer in
            for (index, entry) in entries.enumerated() {
                if index > 0 { writer.append("&") }
                FormText.encode(entry.name, &writer)
                writer.append("=")
                FormText.encode(entry.value, &writer)
            }
        }
    }
}
