import ByteKit
import Glibc
import ModuleABI

extension ExprFunction {
    /// The longest file that `file()` reads.
    private static let longestFile = 10 << 20

    func value(of argument: Bytes, _ run: inout ExprRun) -> Bytes {
        let r = run.r
        let found: Bytes =
            switch self {
            case .resp: responseField(argument, r)
            case .reqenv: r.pointee.environment.first(argument) ?? .none
            case .osenv: systemVariable(argument, r)
            case .note: r.pointee.notes.first(argument) ?? .none
            case .env: r.pointee.notes.first(argument) ?? r.pointee.environment.first(argument) ?? systemVariable(argument, r)
            case .noteOrReqenv: r.pointee.notes.first(argument) ?? r.pointee.environment.first(argument) ?? .none
            case .tolower: mapped(argument, r) { $0.asciiLowercased }
            case .toupper: mapped(argument, r) { $0 &- 0x61 < 26 ? $0 & 0xdf : $0 }
            case .escape: Escapes.escaped(argument, r.pointee.arena)
            case .unescape: Escapes.unescaped(argument, r.pointee.arena)
            case .ldap: Escapes.ldap(argument, r.pointee.arena)
            case .base64: written(Base64.encodedLength(argument.count), r) { Base64.encode(argument, &$0) }
            case .unbase64: Escapes.upToNUL(written(argument.count, r) { Base64.decode(argument, &$0) })
            case .md5: digest(MD5.self, argument, r)
            case .sha1: digest(SHA1.self, argument, r)
            case .file: content(of: argument, &run)
            case .filesize: size(of: argument, r)
            }
        return found.isSet ? found : Bytes("")
    }

    private func written(_ capacity: Int, _ r: Request.Ref, _ body: (inout ByteWriter) -> Void) -> Bytes {
        var writer = ByteWriter(r.pointee.arena.pointee.allocate(capacity + 1), capacity: capacity + 1)
        body(&writer)
        return writer.written
    }

    private func mapped(_ text: Bytes, _ r: Request.Ref, _ map: (UInt8) -> UInt8) -> Bytes {
        written(text.count, r) { for byte in text.buffer { $0.append(map(byte)) } }
    }

    private func digest<Function: BlockHash>(_ function: Function.Type, _ argument: Bytes, _ r: Request.Ref) -> Bytes {
        written(Function.length * 2, r) { writer in
            Function.digest(argument) { writer.append(hexadecimal: $0) }
        }
    }

    private func responseField(_ name: Bytes, _ r: Request.Ref) -> Bytes {
        r.pointee.headersOut.first(name) ?? r.pointee.errorHeadersOut.first(name) ?? .none
    }

    private func systemVariable(_ name: Bytes, _ r: Request.Ref) -> Bytes {
        guard let name = r.pointee.arena.copy(name).ptr, let value = getenv(name) else { return .none }
        return r.pointee.arena.copy(Bytes(cString: value))
    }

    private func size(of path: Bytes, _ r: Request.Ref) -> Bytes {
        var info = stat()
        let isFile = stat(r.pointee.arena.copy(path).ptr.unsafelyUnwrapped, &info) == 0 && info.st_mode & S_IFMT == S_IFREG
        return written(20, r) { $0.append(decimal: isFile ? Int64(info.st_size) : 0) }
    }

    private func content(of path: Bytes, _ run: inout ExprRun) -> Bytes {
        let file = open(run.r.pointee.arena.copy(path).ptr.unsafelyUnwrapped, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else {
            run.fail("the file \(path.string) cannot be opened: \(systemError(errno))")
            return .none
        }
        defer { close(file) }
        var info = stat()
        guard fstat(file, &info) == 0, info.st_mode & S_IFMT == S_IFREG else {
            run.fail("\(path.string) is no file")
            return .none
        }
        guard info.st_size <= ExprFunction.longestFile else {
            run.fail("the file \(path.string) is longer than \(ExprFunction.longestFile) bytes")
            return .none
        }
        let length = Int(info.st_size)
        let place = run.r.pointee.arena.pointee.allocate(length + 1)
        var end = 0
        while end < length {
            let count = read(file, place + end, length - end)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            end += count
        }
        place.storeBytes(of: 0, toByteOffset: end, as: UInt8.self)
        return Bytes(place, count: end)
    }
}

/// What escapes stand for, as expressions need them.
private enum Escapes {
    /// Percent-encodes what may not stand in the path of a URL, as httpd does.
    static func escaped(_ text: Bytes, _ arena: Arena.Ref) -> Bytes {
        var writer = ByteWriter(arena.pointee.allocate(text.count * 3 + 1), capacity: text.count * 3 + 1)
        for byte in text.buffer {
            if isPlain(byte) {
                writer.append(byte)
            } else {
                append(hex: byte, after: UInt8(ascii: "%"), &writer)
            }
        }
        return writer.written
    }

    /// Decodes %xx but leaves encoded slashes; empty when an escape is broken or hides a NUL.
    static func unescaped(_ text: Bytes, _ arena: Arena.Ref) -> Bytes {
        var writer = ByteWriter(arena.pointee.allocate(text.count + 1), capacity: text.count + 1)
        var at = 0
        while at < text.count {
            guard text[at] == UInt8(ascii: "%") else {
                writer.append(text[at])
                at += 1
                continue
            }
            guard at + 2 < text.count, let high = text[at + 1].hexValue, let low = text[at + 2].hexValue else { return .none }
            let byte = high << 4 | low
            if byte == 0 { return .none }
            if byte == UInt8(ascii: "/") { writer.append(text[at..<at + 3]) } else { writer.append(byte) }
            at += 3
        }
        return writer.written
    }

    /// For distinguished names (RFC 4514) and filters (RFC 4515).
    static func ldap(_ text: Bytes, _ arena: Arena.Ref) -> Bytes {
        var writer = ByteWriter(arena.pointee.allocate(text.count * 3 + 1), capacity: text.count * 3 + 1)
        for byte in text.buffer {
            if byte == 0 || Bytes("()*+,;<>\\\"").contains(byte) {
                append(hex: byte, after: UInt8(ascii: "\\"), &writer)
            } else {
                writer.append(byte)
            }
        }
        return writer.written
    }

    static func upToNUL(_ text: Bytes) -> Bytes { text.firstIndex(of: 0).map { text.upTo($0) } ?? text }

    private static func append(hex byte: UInt8, after mark: UInt8, _ writer: inout ByteWriter) {
        writer.append(mark)
        if byte < 16 { writer.append(UInt8(ascii: "0")) }
        writer.append(hex: UInt64(byte))
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        byte.isASCIILetter || byte.isDigit || byte > 0x20 && byte < 0x7f && Bytes("!&()*+,-./:;=@_~$'").contains(byte)
    }
}
