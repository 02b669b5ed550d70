import AuthKit
import Glibc
import ModuleKit

let remoteIPDirectives: [Directive] = [
    Directive("RemoteIPHeader", .one, in: .server, help: "a header field such as X-Forwarded-For") {
        $0.serverConfiguration(RemoteIPConf.self).pointee.header = try fieldName($1[0], in: $0)
    },
    Directive("RemoteIPProxiesHeader", .one, in: .server, help: "a header field for the proxies on the way") {
        $0.serverConfiguration(RemoteIPConf.self).pointee.proxiesHeader = try fieldName($1[0], in: $0)
    },
    Directive("RemoteIPInternalProxy", .each, in: .server, help: "address[/bits], or name …") {
        try trust($1[0], isInternal: true, $0)
    },
    Directive("RemoteIPTrustedProxy", .each, in: .server, help: "address[/bits], or name …") {
        try trust($1[0], isInternal: false, $0)
    },
    Directive("RemoteIPInternalProxyList", .one, in: .server, help: "a file of addresses and names") {
        try trustAll(in: $1[0], isInternal: true, $0)
    },
    Directive("RemoteIPTrustedProxyList", .one, in: .server, help: "a file of addresses and names") {
        try trustAll(in: $1[0], isInternal: false, $0)
    },
    Directive("RemoteIPProxyProtocol", .flag, in: .server, help: "On or Off") {
        let (file, line) = $0.location
        $0.serverConfiguration(RemoteIPConf.self).pointee.proxyProtocol = RemoteIPConf.ProxyProtocol(
            isOn: try Bool(word: $1[0]), file: $0.pool.copy(file), line: line)
    },
    Directive("RemoteIPProxyProtocolExceptions", .each, in: .server, help: "address[/bits], or name …") { command, words in
        let conf = command.serverConfiguration(RemoteIPConf.self)
        for range in try ranges(words[0]) { conf.pointee.exceptions.append(range, in: command.pool) }
    },
]

private func fieldName(_ word: Bytes, in command: Command) throws -> Bytes {
    guard !word.isEmpty, word.buffer.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: ":") }) else {
        throw DirectiveError("\"\(word.string)\" is no name of a header field, such as X-Forwarded-For")
    }
    return command.pool.copy(word)
}

private func trust(_ word: Bytes, isInternal: Bool, _ command: Command) throws {
    let conf = command.serverConfiguration(RemoteIPConf.self)
    for range in try ranges(word) {
        conf.pointee.proxies.append(TrustedProxy(range: range, isInternal: isInternal), in: command.pool)
    }
}

/// Each line may hold several, and a comment behind a '#'.
private func trustAll(in file: Bytes, isInternal: Bool, _ command: Command) throws {
    let path = command.resolve(file)
    var problem: (any Error)?
    var faults = LineFile.Faults()
    let longest = 8192
    let code = LineFile.read(path, longest: longest, &faults) { line in
        var rest = line.split(at: UInt8(ascii: "#")).0
        while !rest.isEmpty, problem == nil {
            let end = rest.buffer.firstIndex { $0 == 0x20 || $0 == 0x09 } ?? rest.count
            let word = rest.upTo(end)
            rest = rest.from(end).trimmed
            guard !word.isEmpty else { continue }
            do { try trust(word, isInternal: isInternal, command) } catch { problem = error }
        }
        return problem == nil
    }
    if let problem {
        throw DirectiveError("\(path.string): \((problem as? DirectiveError)?.message ?? "\(problem)")")
    }
    guard code == 0 else {
        throw DirectiveError("cannot read \(path.string): \(String(cString: strerror(code)))")
    }
    if faults.firstLine > 0 { throw DirectiveError(faults.message(path, longest: longest)) }
}

/// A network, or all addresses of a name as they are now.
private func ranges(_ word: Bytes) throws -> [Subnet] {
    do throws(Subnet.Problem) {
        return [try Subnet(word)]
    } catch {
        guard case .noAddress = error else { throw DirectiveError(described(error, word)) }
    }
    let addresses = NameLookup.addresses(of: Array(word.buffer))
    guard !addresses.isEmpty else {
        throw DirectiveError("\"\(word.string)\" is neither an address, a network such as 192.0.2.0/24, nor a name that is known")
    }
    return addresses.map { Subnet($0) }
}

private func described(_ problem: Subnet.Problem, _ word: Bytes) -> String {
    guard case .invalid(let reason) = problem else { return "\"\(word.string)\" is no address" }
    return reason
}
