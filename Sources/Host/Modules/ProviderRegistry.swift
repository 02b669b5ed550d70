import ByteKit
import ModuleABI

/// Named implementations of groups, and optional functions: what modules offer each other.
final class ProviderRegistry {
    struct Provider {
        let name: Bytes
        let module: LoadedModule
        let vtable: UnsafeRawPointer
        let ctx: UnsafeMutableRawPointer?
    }

    struct Function {
        let module: LoadedModule
        let signature: Signature
        let link: apus_link
        let invocation: Invocation?
    }

    private(set) var groups: [String: [String: Provider]] = [:]
    private(set) var functions: [String: Function] = [:]

    func provide(_ group: String, _ provider: Provider) throws(RegistrationError) {
        let name = provider.name.string
        if let other = groups[group]?[name] {
            throw RegistrationError(
                status: APUS_E_EXISTS,
                "offers provider \"\(name)\" of group \(group), which \(other.module.name) already offers")
        }
        groups[group, default: [:]][name] = provider
    }

    func find(_ group: String, _ name: String) -> Provider? { groups[group]?[name] }

    /// The providers of a group in order of their names.
    func all(_ group: String) -> [Provider] {
        (groups[group] ?? [:]).sorted { $0.key < $1.key }.map(\.value)
    }

    func publish(_ name: String, _ signature: String, _ link: apus_link, by module: LoadedModule) throws(RegistrationError) {
        if let other = functions[name] {
            throw RegistrationError(
                status: APUS_E_EXISTS, "publishes function \"\(name)\", which \(other.module.name) already publishes")
        }
        guard let parsed = Signature(signature) else {
            throw RegistrationError("publishes function \"\(name)\" with \"\(signature)\", which is no signature")
        }
        functions[name] = Function(
            module: module, signature: parsed, link: link, invocation: Invocation(parsed))
    }
}
