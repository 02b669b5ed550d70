import Glibc

/// Descriptors by name: what outlives a generation of the server and is given to the next.
///
///     listen ADDRESS        a listening socket
///     activation N          a listening socket that the service manager opened
///     shm MODULE NAME       shared memory of a module that goes on
///     value MODULE NAME     sealed bytes that a module left for its successor
///     log error             where messages go; its note says how (see LogSink.Kind)
///     lifeline              ends when the supervisor does
///     stderr                the standard error of the supervisor
///     reload record         how reloads have gone
struct DescriptorTable {
    struct Entry {
        var descriptor: Int32
        var note: String
    }

    private(set) var entries: [String: Entry] = [:]

    subscript(name: String) -> Entry? { entries[name] }

    /// Keeps a descriptor under a name; an older one of that name is closed.
    mutating func put(_ name: String, _ descriptor: Int32, note: String = "") {
        if let old = entries.updateValue(Entry(descriptor: descriptor, note: note), forKey: name) { close(old.descriptor) }
    }

    mutating func remove(_ name: String) {
        if let old = entries.removeValue(forKey: name) { close(old.descriptor) }
    }

    /// Takes an entry out; its descriptor is the caller's.
    mutating func take(_ name: String) -> Entry? { entries.removeValue(forKey: name) }

    mutating func removeAll(where isDropped: (String) -> Bool) {
        for name in entries.keys where isDropped(name) { remove(name) }
    }
}
