import AuthKit
import ModuleKit

private let inSections: Scopes = [.directory, .location, .files, .htaccess]

let accessDirectives: [Directive] = [
    Directive("Order", .one, in: inSections, override: .limit, help: "allow,deny or deny,allow") { command, words in
        let order = try order(words[0])
        command.configuration(AccessConf.self).pointee.add(order, command.limit, in: command.pool)
    },
    Directive("Allow", .pairs, in: inSections, override: .limit, help: "from all, host, address or env=variable …") {
        let rule = try rule($0, $1)
        $0.configuration(AccessConf.self).pointee.add(allowed: rule, $0.limit, in: $0.pool)
    },
    Directive("Deny", .pairs, in: inSections, override: .limit, help: "from all, host, address or env=variable …") {
        let rule = try rule($0, $1)
        $0.configuration(AccessConf.self).pointee.add(denied: rule, $0.limit, in: $0.pool)
    },
    Directive("Satisfy", .one, in: inSections, override: .auth, help: "Any or All") { command, words in
        let conf = command.configuration(AccessConf.self)
        if words[0].equalsIgnoringCase("all") {
            conf.pointee.add(.all, command.limit, in: command.pool)
        } else if words[0].equalsIgnoringCase("any") {
            conf.pointee.add(.any, command.limit, in: command.pool)
            openDoors.note(command, conf)
        } else {
            throw DirectiveError("\"\(words.string(0))\" is neither Any nor All")
        }
    },
]

private func order(_ word: Bytes) throws -> AccessOrder {
    if word.equalsIgnoringCase("allow,deny") { return .allowDeny }
    if word.equalsIgnoringCase("deny,allow") { return .denyAllow }
    if word.equalsIgnoringCase("mutual-failure") { return .mutualFailure }
    throw DirectiveError("\"\(word.string)\" is none of allow,deny and deny,allow; no space may follow the comma")
}

private func rule(_ command: Command, _ words: Arguments) throws -> AccessRule {
    guard words[0].equalsIgnoringCase("from") else {
        throw DirectiveError("the word \"from\" must follow, not \"\(words.string(0))\"")
    }
    let word = words[1]
    if word.equalsIgnoringCase("all") { return AccessRule(kind: .all, range: nil, text: .none) }
    if word.hasPrefixIgnoringCase("env=!") {
        return AccessRule(kind: .noVariable, range: nil, text: command.pool.copy(word.from(5)))
    }
    if word.hasPrefixIgnoringCase("env=") {
        return AccessRule(kind: .variable, range: nil, text: command.pool.copy(word.from(4)))
    }
    do throws(Subnet.Problem) {
        return AccessRule(kind: .range, range: try Subnet(word), text: .none)
    } catch {
        if case .invalid(let reason) = error { throw DirectiveError(reason) }
        return AccessRule(kind: .domain, range: nil, text: command.pool.copy(word))
    }
}

/// The sections that say `Satisfy Any`, to be looked at when all of them have been read.
final class OpenDoors {
    struct Door {
        let conf: UnsafeMutablePointer<AccessConf>
        let file: Bytes
        let line: Int
    }

    private(set) var all: [Door] = []

    func note(_ command: Command, _ conf: UnsafeMutablePointer<AccessConf>) {
        guard command.scopeKind != APUS_SCOPE_HTACCESS else { return }
        let (file, line) = command.location
        all.append(Door(conf: conf, file: file, line: line))
    }
}

/// Touched while the configuration is read only.
nonisolated(unsafe) let openDoors = OpenDoors()
