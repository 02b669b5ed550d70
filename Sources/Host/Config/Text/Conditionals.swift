import Glibc

/// The sections that are decided while the configuration is read.
enum Conditional: String {
    case define = "ifdefine"
    case directive = "ifdirective"
    case file = "iffile"
    case module = "ifmodule"
    case section = "ifsection"
    case version = "ifversion"

    init?(sectionName: String) {
        self.init(rawValue: sectionName.asciiLowered)
    }

    /// What the section's argument is, for messages.
    var operand: String {
        switch self {
        case .define: "the name of a definition, such as SSL"
        case .directive: "the name of a directive, such as Header"
        case .file: "a path"
        case .module: "a module, such as ssl_module or mod_ssl.c"
        case .section: "the name of a section, such as Proxy"
        case .version: "an operator and a version, such as >= 2.4"
        }
    }
}

extension TreeReader {
    /// Whether the body of a conditional is read; nil after a message, and then it is skipped.
    func holds(_ conditional: Conditional, _ node: ConfigNode) -> Bool? {
        guard conditional != .version else { return versionHolds(node) }
        // As in httpd only a ! outside quotes reverses the test, and white space may follow it.
        let isReversed = node.arguments.first == UInt8(ascii: "!")
        let operand = node.text[(isReversed ? 1 : 0)..<node.arguments.count]
        guard let word = operand.words(diagnostics).first, !word.bytes.isEmpty else {
            diagnostics.error(
                "\(node.displayName) needs an argument", at: node.location,
                hint: "give \(conditional.operand); a ! before it reverses the test")
            return nil
        }
        return isTrue(conditional, word.text) != isReversed
    }

    private func isTrue(_ conditional: Conditional, _ operand: String) -> Bool {
        switch conditional {
        case .define: defines.isDefined(operand)
        case .directive: ReadingDirective(name: operand) != nil || delegate.knowsDirective(operand)
        case .file: access(delegate.resolve(operand), F_OK) == 0
        case .module: delegate.isModuleLoaded(operand)
        case .section: Conditional(sectionName: operand) != nil || operand.isSameName(as: "Macro") || delegate.knowsSection(operand)
        case .version: false
        }
    }

    private func versionHolds(_ node: ConfigNode) -> Bool? {
        do throws(VersionTest.Failure) {
            let test = try VersionTest(node.words(diagnostics))
            if let result = test.holds(for: settings.version, matches: settings.matches) { return result }
            diagnostics.error(
                "the pattern of \(node.displayName) cannot be compiled", at: node.text.location,
                hint: "check its brackets; a bare version is compared, a pattern needs ~ or slashes")
        } catch {
            diagnostics.error(error.message, at: node.location, hint: error.hint)
        }
        return nil
    }
}
