import ByteKit
import ModuleABI

/// What modules add to the language of expressions. Filled while they are attached, never changed afterwards.
final class ExprRegistry {
    typealias Addition = UnsafePointer<ExprAddition>

    private(set) var variables: [String: Addition] = [:]
    /// Variables of which the beginning of the name is known, in lower case.
    private(set) var prefixes: [(prefix: String, addition: Addition)] = []
    private(set) var functions: [String: Addition] = [:]
    private(set) var lists: [String: Addition] = [:]
    /// "-x" as written, "-name" in lower case.
    private(set) var operators: [String: Addition] = [:]

    func addVariable(_ name: String, isPrefix: Bool, _ addition: ExprAddition) -> apus_status {
        guard ExprRegistry.isName(name) else { return APUS_E_INVALID }
        let key = name.asciiLowered
        if isPrefix {
            guard !prefixes.contains(where: { $0.prefix == key }) else { return APUS_E_EXISTS }
            prefixes.append((key, ExprRegistry.keep(addition)))
            return APUS_OK
        }
        return add(key, addition, to: &variables)
    }

    func addFunction(_ name: String, _ addition: ExprAddition) -> apus_status {
        let key = name.asciiLowered
        guard ExprRegistry.isName(name), ExprNames.headerFunctions[key] == nil else { return APUS_E_INVALID }
        guard ExprNames.functions[key] == nil else { return APUS_E_EXISTS }
        return add(key, addition, to: &functions)
    }

    func addList(_ name: String, _ addition: ExprAddition) -> apus_status {
        ExprRegistry.isName(name) ? add(name.asciiLowered, addition, to: &lists) : APUS_E_INVALID
    }

    func addOperator(_ name: String, _ addition: ExprAddition) -> apus_status {
        let plain = name.dropFirst()
        guard name.hasPrefix("-"), plain.first?.isLetter == true, ExprRegistry.isName(String(plain)) else { return APUS_E_INVALID }
        if let letter = plain.utf8.first, plain.utf8.count == 1 {
            return ExprTest(letter: letter) == nil && letter != UInt8(ascii: "R")
                ? add(name, addition, to: &operators) : APUS_E_EXISTS
        }
        let key = name.asciiLowered
        let word = String(key.dropFirst())
        let isTaken = word == "in" || word == "ipmatch" || ExprNames.comparisons[word] != nil || ExprNames.wildcards[word] != nil
        return isTaken ? APUS_E_EXISTS : add(key, addition, to: &operators)
    }

    /// The variable of a module that has this name, in lower case.
    func variable(_ key: String) -> Addition? {
        variables[key] ?? prefixes.first { key.hasPrefix($0.prefix) }?.addition
    }

    private func add(_ key: String, _ addition: ExprAddition, to table: inout [String: Addition]) -> apus_status {
        guard table[key] == nil else { return APUS_E_EXISTS }
        table[key] = ExprRegistry.keep(addition)
        return APUS_OK
    }

    private static func keep(_ addition: ExprAddition) -> Addition {
        let place = UnsafeMutablePointer<ExprAddition>.allocate(capacity: 1)
        place.initialize(to: addition)
        return Addition(place)
    }

    private static func isName(_ name: String) -> Bool {
        guard let first = name.utf8.first, !first.isDigit else { return false }
        return name.utf8.allSatisfy(\.isExprName)
    }
}

extension UInt8 {
    /// Whether it may stand in the name of a variable or function.
    var isExprName: Bool { isASCIILetter || isDigit || self == 0x5f }

    var isASCIILetter: Bool { (self | 0x20) &- 0x61 < 26 }
}
