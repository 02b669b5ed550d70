public import ByteKit
import ModuleABI

/// A directive's word that may have %{…} parts, which are filled in for each request. Modules that use it name APUS_EXT_EXPR
/// in `ModuleInfo.requires`.
public struct DirectiveText: BitwiseCopyable {
    private let literal: Bytes
    private let expression: Expression?

    /// Reads a text as a directive has it.
    public init(_ text: Bytes, in command: Command) throws {
        literal = command.pool.copy(text)
        expression =
            DirectiveText.hasParts(text)
            ? try Expression.compile(literal, kind: .string, in: command, varies: false) : nil
    }

    /// Nothing, which is not even empty.
    public init() {
        literal = .none
        expression = nil
    }

    private static func hasParts(_ text: Bytes) -> Bool {
        var start = 0
        while let percent = text.firstIndex(of: UInt8(ascii: "%"), from: start) {
            if percent + 1 < text.count, text[percent + 1] == UInt8(ascii: "{") { return true }
            start = percent + 1
        }
        return false
    }

    /// Whether there is one.
    public var isSet: Bool { literal.isSet }

    /// The text for a request, in its memory; nil: it could not be had, which has been logged.
    @inlinable @inline(__always)
    public func value(_ request: Request) -> Bytes? { plain ?? computed(request) }

    /// The text when it is the same for all requests.
    @usableFromInline var plain: Bytes? { expression == nil ? literal : nil }

    @usableFromInline func computed(_ request: Request) -> Bytes? { expression?.text(request) }
}

/// The words of a requirement, which may have %{…} parts: one that does may become several.
public struct DirectiveWords: BitwiseCopyable {
    private let words: PoolArray<Bytes>
    private let text: DirectiveText

    /// Reads the rest of a directive's line.
    public init(_ line: Bytes, in command: Command) throws {
        text = try DirectiveText(line, in: command)
        words = text.plain == nil ? PoolArray() : line.arguments(in: command.pool)
    }

    /// Whether there are none, whatever the request.
    public var isEmpty: Bool { text.plain != nil && words.isEmpty }

    /// The words for a request; nil: they could not be had, which has been logged.
    public func values(_ request: Request) -> PoolArray<Bytes>? {
        text.plain != nil ? words : text.value(request)?.arguments(in: request.pool)
    }
}
