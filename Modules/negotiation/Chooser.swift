import ModuleKit

/// Finds the variant that a client likes best, by httpd's rules: media type and author's quality first, then language,
/// the level of HTML, charset, encoding, and at last the shortest.
struct Chooser {
    private let accepts: Accepts
    private let conf: NegotiationDirConf
    private let prefersPrograms: Bool
    private let preferredLanguage: Bytes?

    /// The type that stands for whatever a program will say.
    static var programType: Bytes { Bytes("application/x-httpd-cgi") }

    init(_ request: Request, prefersPrograms: Bool) {
        accepts = Accepts(request)
        conf = request.conf(NegotiationDirConf.self)
        self.prefersPrograms = prefersPrograms
        preferredLanguage = request.environment["prefer-language"].map { request.pool.lowercased($0) }
    }

    /// The index of the best; nil: none is acceptable. The variants keep what the client thinks of them.
    func choose(_ variants: inout [Variant]) -> Int? {
        let anyHasLanguage = variants.contains { !$0.languages.isEmpty }
        for index in variants.indices { weigh(&variants[index], anyHasLanguage: anyHasLanguage) }
        if let language = preferredLanguage, let best = best(variants, speaking: language) { return best }
        return best(variants, speaking: nil)
    }

    private func best(_ variants: [Variant], speaking language: Bytes?) -> Int? {
        var best: Int?
        for (index, candidate) in variants.enumerated() {
            var variant = candidate
            if let language {
                guard variant.languages.contains(where: { $0 == language }) else { continue }
                variant.languageQuality = 10_000
            }
            let qualities = [
                variant.typeQuality, variant.sourceQuality, variant.languageQuality, variant.charsetQuality,
                variant.encodingQuality,
            ]
            guard !qualities.contains(0) else { continue }
            guard let leader = best else {
                best = index
                continue
            }
            var other = variants[leader]
            if language != nil { other.languageQuality = 10_000 }
            if isBetter(variant, other) { best = index }
        }
        return best
    }

    private func isBetter(_ a: Variant, _ b: Variant) -> Bool {
        let (left, right) = (a.typeQuality * a.sourceQuality, b.typeQuality * b.sourceQuality)
        if left != right { return left > right }
        if a.languageQuality != b.languageQuality { return a.languageQuality > b.languageQuality }
        if a.languageIndex != b.languageIndex {
            return a.languageIndex >= 0 && (b.languageIndex < 0 || a.languageIndex < b.languageIndex)
        }
        let level = compareLevels(a, b)
        if level != 0 { return level > 0 }
        if a.charsetQuality != b.charsetQuality { return a.charsetQuality > b.charsetQuality }
        if isLatin(a) != isLatin(b) { return isLatin(b) }
        if a.encodingQuality != b.encodingQuality { return a.encodingQuality > b.encodingQuality }
        return length(a) < length(b)
    }

    /// Of two levels of the same type the higher is the better, as far as the client accepts it.
    private func compareLevels(_ a: Variant, _ b: Variant) -> Int {
        guard a.type == b.type, a.typeMatch == b.typeMatch || a.levelMatched != b.levelMatched else { return 0 }
        if a.levelMatched != b.levelMatched { return a.levelMatched > b.levelMatched ? 1 : -1 }
        return a.level == b.level ? 0 : a.level < b.level ? 1 : -1
    }

    private func isLatin(_ variant: Variant) -> Bool { variant.charset.isEmpty || variant.charset == "iso-8859-1" }

    private func length(_ variant: Variant) -> Int64 {
        if variant.length >= 0 { return variant.length }
        return variant.request.map { $0.fileSize } ?? 0
    }

    // MARK: What the client thinks of one

    private func weigh(_ variant: inout Variant, anyHasLanguage: Bool) {
        weighType(&variant)
        weighLanguage(&variant, anyHasLanguage: anyHasLanguage)
        weighEncoding(&variant)
        weighCharset(&variant)
    }

    private func weighType(_ variant: inout Variant) {
        var quality = 0
        // A program can say anything; among views it is preferred.
        let programs = Accepted(name: Self.programType, quality: prefersPrograms ? 2000 : 1)
        for accepted in (accepts.types ?? [Accepted(name: Bytes("*/*"))]) + [programs] {
            let match = match(accepted, variant)
            guard match > variant.typeMatch else { continue }
            variant.typeMatch = match
            if match == 3 { variant.levelMatched = variant.level }
            // A client that weighs nothing is likely to mean that its wildcards are its last resort.
            let isFiddled = accepts.types != nil && !accepts.weighsTypes && match < 3
            quality = isFiddled ? (match == 1 ? 10 : 20) : accepted.quality
        }
        variant.typeQuality = quality
    }

    private func match(_ accepted: Accepted, _ variant: Variant) -> Int {
        let name = accepted.name
        if name == "*" || name == "*/*" { return 1 }
        if name.hasSuffix(Bytes("/*")), variant.type.hasPrefix(name.upTo(name.count - 1)) { return 2 }
        return name == variant.type && accepted.level >= variant.level ? 3 : 0
    }

    private func weighLanguage(_ variant: inout Variant, anyHasLanguage: Bool) {
        guard !variant.languages.isEmpty else {
            // Beside others that say their language, one that says none is the last resort. Less than a thousandth would
            // be none at all here.
            if anyHasLanguage { variant.languageQuality = Self.lastResort }
            return
        }
        if let accepted = accepts.languages { variant.languageQuality = quality(of: variant.languages, accepted) }
        applyPriority(&variant)
    }

    /// Smaller than any quality a client can give.
    private static let lastResort = 1
    private static let scale = 10

    /// The longest range that fits a language says how good it is; of several languages the best counts.
    private func quality(of languages: [Bytes], _ accepted: [Accepted]) -> Int {
        var best: Int?
        var isNear = false
        let star = accepted.first { $0.name == "*" }
        for language in languages {
            var range: Accepted?
            for candidate in accepted where candidate.name != "*" {
                if language.isWithin(candidate.name), candidate.name.count > range?.name.count ?? 0 { range = candidate }
                // Who asks for en-US alone is thought to read en-GB as well.
                if let dash = candidate.name.firstIndex(of: UInt8(ascii: "-")), language.hasPrefix(candidate.name.upTo(dash)) {
                    isNear = true
                }
            }
            if let range, range.quality > best ?? -1 { best = range.quality }
        }
        if let star, star.quality > best ?? -1 { best = star.quality }
        return (best ?? 0) * Self.scale + (best == nil && isNear ? Self.scale : 0)
    }

    private func applyPriority(_ variant: inout Variant) {
        let forced = conf.forced ?? .prefer
        let places = variant.languages.compactMap { language in
            conf.priority.elements.firstIndex { language.isWithin($0) }
        }
        guard let place = places.min() else { return }
        if variant.languageQuality > 0 {
            if forced.contains(.prefer) { variant.languageIndex = place }
        } else if forced.contains(.fallback) {
            variant.languageIndex = place
            variant.languageQuality = Self.lastResort
        }
    }

    private func weighEncoding(_ variant: inout Variant) {
        guard let accepted = accepts.encodings else {
            variant.encodingQuality = variant.isPlain ? 1000 : 500
            return
        }
        let name = variant.isPlain ? Bytes("identity") : variant.encoding.withoutX
        var star: Int?
        for candidate in accepted {
            if candidate.name.withoutX.equalsIgnoringCase(name) {
                variant.encodingQuality = candidate.quality
                return
            }
            if candidate.name == "*" { star = candidate.quality }
        }
        // No encoding at all is always acceptable, unless it is excluded (RFC 9110, 12.5.3).
        variant.encodingQuality = star ?? (variant.isPlain ? 1 : 0)
    }

    private func weighCharset(_ variant: inout Variant) {
        guard let accepted = accepts.charsets else { return }
        var star: Int?
        for candidate in accepted {
            if candidate.name == variant.charset {
                variant.charsetQuality = candidate.quality
                return
            }
            if candidate.name == "*" { star = candidate.quality }
        }
        variant.charsetQuality = star ?? (isLatin(variant) ? 1000 : 0)
    }
}

extension apus_str {
    /// Whether a language tag lies in a range: it is the range, or goes on behind it with a dash (RFC 4647, 3.3.1).
    func isWithin(_ range: Bytes) -> Bool {
        count >= range.count && upTo(range.count).equalsIgnoringCase(range)
            && (count == range.count || self[range.count] == UInt8(ascii: "-"))
    }

    var withoutX: Bytes { hasPrefixIgnoringCase("x-") ? from(2) : self }
}
