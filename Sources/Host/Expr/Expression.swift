import ByteKit
import ModuleABI

/// A compiled expression: what a module knows as apus_expr. Lies in the pool it was compiled in and never changes.
struct Expression: BitwiseCopyable {
    typealias Ref = UnsafePointer<Expression>

    /// What it was compiled of, for messages.
    var text: Bytes
    var root: Root
    /// Whether the request header fields that it asks for are named in Vary.
    var varies: Bool
    /// The server's own variables that it names.
    var variables: ExprVariable.Set

    enum Root: BitwiseCopyable {
        case condition(ExprCondition)
        case word(ExprWord)
    }

    static func of(_ handle: OpaquePointer?) -> Ref { Ref(handle.unsafelyUnwrapped) }
}

/// What has a string for its value.
enum ExprWord: BitwiseCopyable {
    case constant(Bytes)
    /// $0 … $9
    case group(Int)
    case variable(ExprVariable)
    /// A request header field; whether asking for it may be told in Vary.
    case header(Bytes, varies: Bool)
    case headerNamed(UnsafePointer<ExprWord>, varies: Bool)
    case function(ExprFunction, UnsafePointer<ExprWord>)
    /// A variable of a module, with its name as written.
    case moduleVariable(UnsafePointer<ExprAddition>, Bytes)
    case moduleFunction(UnsafePointer<ExprAddition>, UnsafePointer<ExprWord>)
    case joined(UnsafeBufferPointer<ExprWord>)
}

/// What is true or false.
enum ExprCondition: BitwiseCopyable {
    case constant(Bool)
    case not(UnsafePointer<ExprCondition>)
    case all(UnsafeBufferPointer<ExprCondition>)
    case any(UnsafeBufferPointer<ExprCondition>)
    case texts(ExprComparison, UnsafePointer<ExprWord>, UnsafePointer<ExprWord>)
    case numbers(ExprComparison, UnsafePointer<ExprWord>, UnsafePointer<ExprWord>)
    case regex(UnsafePointer<ExprWord>, UnsafePointer<Regex>, isNegated: Bool)
    case isIn(UnsafePointer<ExprWord>, UnsafeBufferPointer<ExprWord>)
    case isInList(UnsafePointer<ExprWord>, UnsafePointer<ExprAddition>, UnsafePointer<ExprWord>)
    /// Nil: the client's address.
    case inSubnet(UnsafePointer<ExprWord>?, Subnet)
    case wildcard(ExprWildcard, UnsafePointer<ExprWord>, UnsafePointer<ExprWord>)
    case test(ExprTest, UnsafePointer<ExprWord>)
    /// An operator of a module, with one word or two.
    case moduleTest(UnsafePointer<ExprAddition>, UnsafePointer<ExprWord>?, UnsafePointer<ExprWord>)
}

enum ExprComparison: UInt8, BitwiseCopyable {
    case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual

    /// `order`: below 0 when the left side comes first.
    func holds(_ order: Int) -> Bool {
        switch self {
        case .equal: order == 0
        case .notEqual: order != 0
        case .less: order < 0
        case .lessOrEqual: order <= 0
        case .greater: order > 0
        case .greaterOrEqual: order >= 0
        }
    }
}

enum ExprWildcard: UInt8, BitwiseCopyable {
    case strmatch, strcmatch, fnmatch
}

/// Something that a module adds to the language.
struct ExprAddition: BitwiseCopyable {
    enum Kind: BitwiseCopyable {
        case value(Value)
        case list(List)
        case test(Operator)
    }

    typealias Value = @convention(c) (
        UnsafeMutableRawPointer?, OpaquePointer?, apus_str, UnsafeMutablePointer<apus_str>?
    ) -> apus_status
    typealias List = @convention(c) (
        UnsafeMutableRawPointer?, OpaquePointer?, apus_str, UnsafeMutablePointer<UnsafePointer<apus_str>?>?,
        UnsafeMutablePointer<UInt32>?
    ) -> apus_status
    typealias Operator = @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, apus_str, apus_str) -> apus_status

    var kind: Kind
    var ctx: UnsafeMutableRawPointer?
    var module: UInt32
    var isRestricted: Bool
}
