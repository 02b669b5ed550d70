import Glibc

/// What `Define` and `-D` have defined, and the expansion of `${VAR}`.
///
/// As in httpd there are two tables: names, which `<IfDefine>` tests with regard to case, and values, which
/// `${VAR}` looks up without.
final class Defines {
    /// The defined names in the order of their definition.
    private(set) var names: [String]
    private var values: [String: [UInt8]] = [:]
    private let environment: (String) -> [UInt8]?

    /// - Parameter environment: gives the value of an environment variable; tests pass their own.
    init(names: [String] = [], environment: @escaping (String) -> [UInt8]? = Defines.processEnvironment) {
        self.names = names
        self.environment = environment
    }

    func isDefined(_ name: String) -> Bool { names.contains(name) }

    /// Defines a name; without a value an older value stays.
    func define(_ name: String, value: [UInt8]? = nil) {
        if !isDefined(name) { names.append(name) }
        if let value { values[name.asciiLowered] = value }
    }

    func undefine(_ name: String) {
        names.removeAll { $0 == name }
        values[name.asciiLowered] = nil
    }

    /// What `${name}` stands for: a defined value, else an environment variable, else nil.
    func value(of name: String) -> [UInt8]? {
        values[name.asciiLowered] ?? environment(name)
    }

    /// Fills in the variables of a line. A `${VAR}` without a value stays as it is, with a warning.
    ///
    /// A name with a colon belongs to somebody else's syntax (`${map:key|default}`), so it gives no warning.
    func expand(_ line: SourceText, _ diagnostics: Diagnostics?) -> SourceText {
        guard line.bytes.contains(UInt8(ascii: "$")) else { return line }
        var result = SourceText(file: line.file)
        var done = 0
        while let reference = Self.nextReference(in: line.bytes, from: done) {
            let name = line.bytes[(reference.lowerBound + 2)..<(reference.upperBound - 1)].configText
            let origin = line.location(at: reference.lowerBound)
            result.append(line[done..<reference.lowerBound])
            if let value = value(of: name) {
                result.append(expansion: value, of: origin)
            } else {
                result.append(line[reference])
                warnUndefined(name, at: origin, diagnostics)
            }
            done = reference.upperBound
        }
        result.append(line[done..<line.bytes.count])
        return result
    }

    private func warnUndefined(_ name: String, at origin: SourceLocation, _ diagnostics: Diagnostics?) {
        guard !name.utf8.contains(UInt8(ascii: ":")) else { return }
        diagnostics?.warning(
            "the variable ${\(name)} is not defined; the text is left as it stands", at: origin,
            hint: "set it before this line with Define \(name) VALUE, or in the server's environment")
    }

    /// The range of the first `${…}` at or after `start`.
    private static func nextReference(in bytes: [UInt8], from start: Int) -> Range<Int>? {
        var position = start
        while let dollar = bytes[position...].firstIndex(of: UInt8(ascii: "$")) {
            if dollar + 1 < bytes.count, bytes[dollar + 1] == UInt8(ascii: "{"),
                let brace = bytes[dollar...].firstIndex(of: UInt8(ascii: "}"))
            {
                return dollar..<brace + 1
            }
            position = dollar + 1
        }
        return nil
    }

    private static func processEnvironment(_ name: String) -> [UInt8]? {
        getenv(name).map { value in Array(UnsafeRawBufferPointer(start: value, count: strlen(value))) }
    }
}
