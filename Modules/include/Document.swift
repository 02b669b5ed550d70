import CGIScripts
import Glibc
import ModuleKit

/// A document while it is read: what its elements have said so far, and what they write.
final class Document {
    let request: Request
    let filter: Filter
    /// What goes to the next filter.
    let out: Chain
    private let conf: UnsafePointer<IncludeConf>
    private let outer: Document?

    private(set) lazy var variables: Variables = Variables(
        request, inside: outer?.variables, timeFormat: conf.pointee.effectiveTimeFormat)
    private var errorMessage: [UInt8]
    private var undefinedEcho: [UInt8]
    private var abbreviatesSizes = true

    /// Whether what stands here is part of the answer.
    private(set) var isPrinting = true
    /// A part of the conditional at hand has been printed, or there is none at hand.
    private var hasChosen = true
    /// Conditionals inside a part that is not printed.
    private var skipped = 0

    init(_ filter: Filter, inside outer: Document?) {
        request = filter.request
        self.filter = filter
        self.outer = outer
        out = Chain(in: request.pool)
        conf = UnsafePointer(request.confPointer(IncludeConf.self))
        errorMessage = Array(conf.pointee.effectiveErrorMessage.buffer)
        undefinedEcho = Array(conf.pointee.effectiveUndefinedEcho.buffer)
    }

    /// The document that a request is, while its filter works.
    static func of(_ request: Request) -> Document? {
        request.slot.map { Unmanaged<Document>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Options IncludesNOEXEC.
    var mayRunPrograms: Bool { !request.allows(APUS_OPTION_INCLUDES_NO_EXEC) }

    // MARK: What it writes

    func write(_ text: [UInt8]) { text.withBytes { out.append($0) } }

    func log(_ code: StaticString, _ message: String) {
        Log(host: filter.host).write(.error, code: code, request: request, "\(message) in \(request.filename.string)")
    }

    /// What stands in the place of an element that failed.
    func fail(_ code: StaticString, _ message: String) {
        log(code, message)
        if isPrinting { write(errorMessage) }
    }

    /// Whatever has been left open.
    func finish(isInsideElement: Bool) {
        if isInsideElement { fail("AH01372", "the document ends inside an element") }
        if !isPrinting { log("AH01373", "a conditional is left open at the end") }
    }

    // MARK: Elements

    /// What an element that takes its time is waited for with; nil: it is done.
    func handle(_ element: Element) -> (any Activity)? {
        if let problem = element.problem {
            fail("AH01372", "an element cannot be read: \(problem)")
            return nil
        }
        let attributes = element.attributes
        let name = String(decoding: element.name, as: UTF8.self)
        switch name {
        case "if": handleIf(attributes)
        case "elif": handleElif(attributes)
        case "else": handleElse(attributes)
        case "endif": handleEndif(attributes)
        case "comment": break
        case "config", "echo", "set", "printenv", "fsize", "flastmod", "include": return handle(name, attributes)
        case "exec" where Execution.isOffered: return handle(name, attributes)
        case "": fail("AH01368", "an element has no name")
        default: fail("AH01371", "there is no element \"\(name)\"")
        }
        return nil
    }

    private func handle(_ name: String, _ attributes: [Element.Attribute]) -> (any Activity)? {
        let least = name == "set" ? 2 : name == "printenv" ? 0 : 1
        guard isPrinting else { return nil }
        // Requests inside the server inherit them.
        _ = variables
        guard attributes.count >= least else {
            fail("AH01341", "the element \(name) lacks attributes")
            return nil
        }
        switch name {
        case "config": configure(attributes)
        case "echo": echo(attributes)
        case "set": set(attributes)
        case "printenv": printVariables(attributes)
        case "fsize": describeFiles("fsize", attributes) { self.writeSize(of: $0) }
        case "flastmod": describeFiles("flastmod", attributes) { self.writeTime(of: $0) }
        case "include": return Inclusion(self, attributes)
        default: return Execution(self, attributes)
        }
        return nil
    }

    /// The text of an attribute with the character references of HTML, and the variables in it, replaced.
    func text(_ value: [UInt8], ifUnset: Substitution.Unset = .drop) -> [UInt8] {
        Substitution.expand(Entity.decode(value), in: self, ifUnset)
    }

    private func raw(_ value: [UInt8]) -> [UInt8] { Substitution.expand(value, in: self, .drop) }

    // MARK: config, echo, set, printenv

    private func configure(_ attributes: [Element.Attribute]) {
        for attribute in attributes {
            guard let value = attribute.value else { return }
            switch String(decoding: attribute.name, as: UTF8.self) {
            case "errmsg": errorMessage = raw(value)
            case "echomsg": undefinedEcho = raw(value)
            case "timefmt": variables.setTimeFormat(raw(value))
            case "sizefmt":
                switch String(decoding: raw(value), as: UTF8.self) {
                case "bytes": abbreviatesSizes = false
                case "abbrev": abbreviatesSizes = true
                case let other: return fail("AH01348", "\"\(other)\" is no sizefmt of the element config")
                }
            case let name: return fail("AH01349", "the element config knows no attribute \"\(name)\"")
            }
        }
    }

    private func echo(_ attributes: [Element.Attribute]) {
        var codings = Codings(encodings: [.entity])
        for attribute in attributes {
            guard let value = attribute.value else { return }
            switch String(decoding: attribute.name, as: UTF8.self) {
            case "var":
                let found = text(value).withBytes { variables.value($0) }
                write(found.map { codings.apply(Array($0.buffer)) } ?? undefinedEcho)
            case let name:
                if let problem = codings.set(name, value) { return fail("AH01344", "\(problem) of the element echo") }
            }
        }
    }

    private func set(_ attributes: [Element.Attribute]) {
        var codings = Codings(encodings: [])
        var variable: [UInt8]?
        for attribute in attributes {
            guard let value = attribute.value else { return }
            switch String(decoding: attribute.name, as: UTF8.self) {
            case "var": variable = text(value)
            case "value":
                guard let variable else { return fail("AH01363", "the element set has its value before the variable") }
                let new = codings.apply(raw(value))
                variable.withBytes { name in new.withBytes { variables.set(name, $0) } }
            case let name:
                if let problem = codings.set(name, value) { return fail("AH01366", "\(problem) of the element set") }
            }
        }
    }

    private func printVariables(_ attributes: [Element.Attribute]) {
        guard attributes.isEmpty else { return fail("AH01367", "the element printenv takes no attributes") }
        variables.each { name, value in
            var line: [UInt8] = []
            line.append(escapingHTML: name)
            line.append("=")
            line.append(escapingHTML: value)
            line.append("\n")
            write(line)
        }
    }

    // MARK: fsize, flastmod

    private func describeFiles(
        _ element: StaticString, _ attributes: [Element.Attribute], _ describe: (Request) -> Void
    ) {
        for attribute in attributes {
            guard let value = attribute.value else { return }
            let target = text(value)
            let found: Request?
            switch String(decoding: attribute.name, as: UTF8.self) {
            case "file": found = lookupFile(target)
            case "virtual": found = lookup(target)
            case let name: return fail("AH01340", "the element \(element) knows no attribute \"\(name)\"")
            }
            guard let found, found.status == 200, found.fileType != APUS_FILE_NONE else {
                found?.destroy()
                return fail("AH01339", "nothing is known of \"\(String(decoding: target, as: UTF8.self))\"")
            }
            describe(found)
            found.destroy()
        }
    }

    private func writeSize(of file: Request) {
        var text: [UInt8] = []
        if abbreviatesSizes {
            text.append(shortSize: file.fileSize)
        } else {
            let digits = Array(String(file.fileSize).utf8)
            for (place, digit) in digits.enumerated() {
                if place > 0, (digits.count - place) % 3 == 0 { text.append(UInt8(ascii: ",")) }
                text.append(digit)
            }
        }
        write(text)
    }

    private func writeTime(of file: Request) {
        write(variables.formatted(time_t(file.fileModified / 1_000_000), isLocal: true))
    }

    /// A request for a path as it stands in a URL, without its fragment.
    func lookup(_ target: [UInt8]) -> Request? {
        let path = target.prefix { $0 != UInt8(ascii: "#") }
        return path.isEmpty ? nil : Array(path).withBytes { try? request.lookup($0) }
    }

    /// One for a file beside this document, or below.
    func lookupFile(_ name: [UInt8]) -> Request? {
        guard name.first != UInt8(ascii: "/"), !climbs(name) else { return nil }
        return name.withBytes { try? request.lookupFile($0) }
    }

    private func climbs(_ name: [UInt8]) -> Bool {
        var depth = 0
        for part in name.split(separator: UInt8(ascii: "/")) {
            if part.elementsEqual("..".utf8) { depth -= 1 } else if !part.elementsEqual(".".utf8) { depth += 1 }
            if depth < 0 { return true }
        }
        return false
    }

    // MARK: Conditionals

    private func handleIf(_ attributes: [Element.Attribute]) {
        guard isPrinting else {
            skipped += 1
            return
        }
        decide("if", attributes)
    }

    private func handleElif(_ attributes: [Element.Attribute]) {
        guard skipped == 0 else { return }
        if hasChosen { isPrinting = false } else { decide("elif", attributes) }
    }

    /// Where it cannot be told what holds, nothing of the conditional is printed.
    private func decide(_ element: StaticString, _ attributes: [Element.Attribute]) {
        if let holds = condition(element, attributes) { return choose(holds) }
        isPrinting = false
        hasChosen = true
    }

    private func choose(_ holds: Bool) {
        isPrinting = holds
        hasChosen = holds
    }

    private func handleElse(_ attributes: [Element.Attribute]) {
        guard skipped == 0 else { return }
        guard attributes.isEmpty else { return fail("AH01360", "the element else takes no attributes") }
        if hasChosen { isPrinting = false } else { choose(true) }
    }

    private func handleEndif(_ attributes: [Element.Attribute]) {
        guard attributes.isEmpty else {
            log("AH01361", "the element endif takes no attributes")
            return write(errorMessage)
        }
        if skipped > 0 { skipped -= 1 } else { choose(true) }
    }

    /// Nil: it could not be told, which has been said.
    private func condition(_ element: StaticString, _ attributes: [Element.Attribute]) -> Bool? {
        guard attributes.count == 1, let attribute = attributes.first else {
            fail("AH01352", "the element \(element) takes the attribute expr alone")
            return nil
        }
        guard attribute.name.elementsEqual("expr".utf8) else {
            let name = String(decoding: attribute.name, as: UTF8.self)
            fail("AH01354", "the element \(element) knows no attribute \"\(name)\"")
            return nil
        }
        guard let text = attribute.value else {
            fail("AH01355", "the attribute expr of the element \(element) has no value")
            return nil
        }
        do {
            return conf.pointee.hasLegacyExpressions == true
                ? try LegacyExpression.test(text, in: self) : try test(text)
        } catch {
            fail("AH01337", "\((error as? DirectiveError)?.message ?? "\(error)")")
            return nil
        }
    }

    private func test(_ text: [UInt8]) throws -> Bool {
        let expression = try text.withBytes {
            try Expression($0, flags: APUS_EXPR_HTACCESS | APUS_EXPR_NO_VARY, in: request.pool, host: filter.host)
        }
        // What it asks for may be a variable of the document.
        let variables = variables
        return try withUnsafeTemporaryAllocation(of: Int64.self, capacity: Captures.spanCount) { spans in
            var subject = Bytes.none
            guard let holds = expression.match(request, subject: &subject, spans: spans) else {
                throw DirectiveError("the expression \"\(String(decoding: text, as: UTF8.self))\" cannot be evaluated")
            }
            if subject.isSet { variables.captures = Captures(subject: request.pool.copy(subject), spans: Array(spans)) }
            return holds
        }
    }
}

/// The encodings that an element puts on values and takes off them, as its attributes so far say.
private struct Codings {
    private var decodings: [Coding] = []
    private var encodings: [Coding]

    init(encodings: [Coding]) { self.encodings = encodings }

    func apply(_ text: [UInt8]) -> [UInt8] {
        let plain = decodings.reduce(text) { $1.decode($0) }
        return encodings.reduce(plain) { $1.encode($0) }
    }

    /// What is wrong with the attribute; nil: nothing.
    mutating func set(_ name: String, _ value: [UInt8]) -> String? {
        guard name == "decoding" || name == "encoding" else { return "there is no attribute \"\(name)\"" }
        var list: [Coding] = []
        for word in value.split(whereSeparator: { $0 == UInt8(ascii: ",") || $0.isBlank }) {
            guard let coding = Array(word).withBytes({ Coding($0) }) else {
                return "\"\(String(decoding: word, as: UTF8.self))\" is no \(name)"
            }
            list.append(coding)
        }
        if name == "decoding" { decodings = list } else { encodings = list }
        return nil
    }
}

/// `$NAME` and `${NAME}` in the text of an attribute.
enum Substitution {
    /// What stands for a variable that is not set.
    enum Unset { case drop, keep }

    static func expand(_ text: [UInt8], in document: Document, _ ifUnset: Unset) -> [UInt8] {
        guard text.contains(UInt8(ascii: "$")) else { return text }
        var out: [UInt8] = []
        var index = 0
        while index < text.count {
            if text[index] == UInt8(ascii: "\\"), index + 1 < text.count, text[index + 1] == UInt8(ascii: "$") {
                out.append(UInt8(ascii: "$"))
                index += 2
            } else if isUnclosed(text, index) {
                document.log("AH01331", "a closing brace is missing behind a variable")
                break
            } else if text[index] == UInt8(ascii: "$"), let found = name(in: text, from: index + 1) {
                let value = Array(text[found.name]).withBytes { document.variables.value($0) }
                if let value {
                    out.append(contentsOf: value.buffer)
                } else if ifUnset == .keep {
                    out.append(contentsOf: text[index..<found.end])
                }
                index = found.end
            } else {
                out.append(text[index])
                index += 1
            }
        }
        return out
    }

    private static func isUnclosed(_ text: [UInt8], _ index: Int) -> Bool {
        text[index...].starts(with: Array("${".utf8)) && !text[index...].contains(UInt8(ascii: "}"))
    }

    private static func name(in text: [UInt8], from start: Int) -> (name: Range<Int>, end: Int)? {
        let isBraced = start < text.count && text[start] == UInt8(ascii: "{")
        let first = isBraced ? start + 1 : start
        var end = first
        while end < text.count, isBraced ? text[end] != UInt8(ascii: "}") : text[end].isNameByte { end += 1 }
        return end > first ? (first..<end, isBraced ? end + 1 : end) : nil
    }
}
