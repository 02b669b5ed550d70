/// The operators that take one word after them.
enum ExprTest: UInt8, BitwiseCopyable {
    case isEmpty, isNotEmpty, isTrue
    case isDirectory, exists, isFile, isNotEmptyFile, isLink, isExecutable
    case fileIsAccessible, urlIsAccessible

    init?(letter: UInt8) {
        switch letter {
        case UInt8(ascii: "z"): self = .isEmpty
        case UInt8(ascii: "n"): self = .isNotEmpty
        case UInt8(ascii: "T"): self = .isTrue
        case UInt8(ascii: "d"): self = .isDirectory
        case UInt8(ascii: "e"): self = .exists
        case UInt8(ascii: "f"): self = .isFile
        case UInt8(ascii: "s"): self = .isNotEmptyFile
        case UInt8(ascii: "L"), UInt8(ascii: "h"): self = .isLink
        case UInt8(ascii: "x"): self = .isExecutable
        case UInt8(ascii: "F"): self = .fileIsAccessible
        case UInt8(ascii: "U"), UInt8(ascii: "A"): self = .urlIsAccessible
        default: return nil
        }
    }

    /// Whether it tells something of the file system, which the writer of an .htaccess file is not to ask.
    var isRestricted: Bool {
        switch self {
        case .isDirectory, .exists, .isFile, .isNotEmptyFile, .isLink, .isExecutable: true
        default: false
        }
    }
}
