import ModuleKit

/// Says in the answer's fields that it was negotiated, and about what.
struct AnswerFields {
    private let request: Request
    private let variants: [Variant]
    /// Whether agents may choose, too (RFC 2295): the choice is by the resource's own name, among files beside it.
    private let isTransparent: Bool

    init(_ request: Request, _ variants: [Variant]) {
        self.request = request
        self.variants = variants
        let isRead = request.method == "GET" || request.method == "HEAD"
        isTransparent = isRead && request.pathInfo.isEmpty
            && !variants.contains { $0.body != nil || $0.file.contains(UInt8(ascii: "/")) }
    }

    /// - Parameter chosen: what the answer is; nil: nothing is acceptable, and the answer lists all.
    func set(chosen: Variant?) {
        let isList = chosen == nil
        setVary()
        guard isTransparent else {
            if isList { request.errorHeadersOut.merge(Bytes("Alternates"), alternates()) }
            return
        }
        if let chosen {
            request.errorHeadersOut["Content-Location"] = request.pool.compose(capacity: chosen.file.count * 3) {
                $0.append(escapingPath: chosen.file)
            }
        }
        request.errorHeadersOut["TCN"] = isList ? Bytes("list") : Bytes("choice")
        if isList { request.errorHeadersOut.merge(Bytes("Alternates"), alternates()) }
    }

    private func differs(_ part: (Variant) -> Bytes) -> Bool {
        guard let first = variants.first.map(part) else { return false }
        return variants.contains { !part($0).equalsIgnoringCase(first) }
    }

    private func setVary() {
        var names: [StaticString] = []
        if isTransparent { names.append("negotiate") }
        if differs(\.type) { names.append("accept") }
        if differs(\.languageField) { names.append("accept-language") }
        if differs(\.charset) { names.append("accept-charset") }
        if differs({ $0.isPlain ? Bytes("") : $0.encoding }) { names.append("accept-encoding") }
        guard !names.isEmpty else { return }
        let field = request.pool.compose(capacity: names.reduce(0) { $0 + $1.utf8CodeUnitCount + 1 }) { writer in
            for (index, name) in names.enumerated() {
                if index > 0 { writer.append(",") }
                writer.append(name)
            }
        }
        request.errorHeadersOut.merge(Bytes("Vary"), field)
    }

    /// RFC 2295, 8.3.
    private func alternates() -> Bytes {
        let room = variants.reduce(0) {
            $0 + $1.file.count * 3 + $1.type.count + $1.languageField.count + $1.charset.count + $1.encoding.count + 128
        }
        return request.pool.compose(capacity: room) { writer in
            for (index, variant) in variants.enumerated() {
                if index > 0 { writer.append(", ") }
                append(variant, &writer)
            }
        }
    }

    private func append(_ variant: Variant, _ writer: inout ByteWriter) {
        writer.append("{\"")
        writer.append(escapingPath: variant.file)
        writer.append("\" ")
        writer.append(quality: variant.sourceQuality)
        writer.append(" {type ", variant.type, "}")
        writer.append(" {charset ", variant.charset, "}")
        writer.append(" {language ", variant.languageField, "}")
        if !variant.isPlain { writer.append(" {encoding ", variant.encoding, "}") }
        if let length = length(variant) {
            writer.append(" {length ")
            writer.append(decimal: length)
            writer.append("}")
        }
        writer.append("}")
    }

    private func length(_ variant: Variant) -> Int64? {
        if variant.length >= 0 { return variant.length }
        if let found = variant.request { return found.fileSize }
        guard let found = try? request.lookupFile(variant.file) else { return nil }
        defer { found.destroy() }
        return found.status == 200 && found.fileType == APUS_FILE_REGULAR ? found.fileSize : nil
    }

    /// The list of links for the page that says that nothing is acceptable.
    func noteList() {
        let room = variants.reduce(64) {
            $0 + $1.file.count * 12 + $1.type.count + $1.languageField.count + $1.charset.count + $1.encoding.count + 96
        }
        request.notes["variant-list"] = request.pool.compose(capacity: room) { writer in
            writer.append("Available variants:\n<ul>\n")
            for variant in variants {
                writer.append("<li><a href=\"")
                writer.append(escapingPath: variant.file)
                writer.append("\">")
                writer.append(escapingPath: variant.file)
                writer.append("</a> , type ")
                writer.append(variant.type)
                writer.append(", language ", variant.languageField)
                writer.append(", charset ", variant.charset)
                writer.append(", encoding ", variant.encoding)
                writer.append("</li>\n")
            }
            writer.append("</ul>\n")
        }
    }
}

extension ByteWriter {
    /// What is known of a variant, between its name and what ends it; nothing, where nothing is.
    fileprivate mutating func append(_ opening: StaticString, _ value: Bytes, _ closing: StaticString = "") {
        guard !value.isEmpty else { return }
        append(opening)
        append(value)
        append(closing)
    }

    /// Thousandths as a number with as many decimals as it needs.
    mutating func append(quality: Int) {
        append(decimal: Int64(quality / 1000))
        var rest = quality % 1000
        guard rest > 0 else { return }
        append(".")
        var unit = 100
        while rest > 0 {
            append(UInt8(0x30 + rest / unit))
            rest %= unit
            unit /= 10
        }
    }
}
