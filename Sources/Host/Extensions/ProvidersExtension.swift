import ByteKit
import ModuleABI

/// apus/providers.h
enum ProvidersExtension {
    static let table = apus_providers_v1(
        size: Extensions.size(apus_providers_v1.self), reserved: 0,
        provide: { host, group, name, vtable, ctx in
            guard let host, let group, let vtable, let runtime = Runtime.current else { return APUS_E_INVALID }
            let module = LoadedModule.of(host)
            let size = vtable.load(as: UInt32.self)
            let least = FirstRevision.tables[String(cString: group)] ?? 8
            guard size >= least else {
                let message = "offers provider \"\(name.string)\" of group \(String(cString: group)) with a table of \(size) bytes; one has \(least)"
                return Extensions.refuse(module, RegistrationError(message))
            }
            let provider = ProviderRegistry.Provider(
                name: Bytes.immortal(name.string), module: module, vtable: vtable, ctx: ctx)
            do throws(RegistrationError) {
                try runtime.providers.provide(String(cString: group), provider)
                return APUS_OK
            } catch {
                return Extensions.refuse(module, error)
            }
        },
        find: { _, group, name, vtable, ctx in
            guard let group, let provider = Runtime.current?.providers.find(String(cString: group), name.string) else {
                return APUS_E_NOT_FOUND
            }
            vtable?.pointee = provider.vtable
            ctx?.pointee = provider.ctx
            return APUS_OK
        },
        each: { _, group, fn, arg in
            guard let group, let fn, let runtime = Runtime.current else { return }
            for provider in runtime.providers.all(String(cString: group)) {
                var name = provider.module.name
                name.withUTF8 { fn(arg, provider.name, Bytes(UnsafeRawBufferPointer($0)), provider.vtable, provider.ctx) }
            }
        })
}

/// apus/functions.h
enum FunctionsExtension {
    static let table = apus_functions_v1(
        size: Extensions.size(apus_functions_v1.self), reserved: 0,
        publish: { host, name, signature, fn, ctx in
            guard let host, let name, let signature, let runtime = Runtime.current else { return APUS_E_INVALID }
            let module = LoadedModule.of(host)
            let link = apus_link(fn: fn, ctx: ctx, flags: 0, reserved: UInt32(module.index))
            do throws(RegistrationError) {
                try runtime.providers.publish(String(cString: name), String(cString: signature), link, by: module)
                return APUS_OK
            } catch {
                return Extensions.refuse(module, error)
            }
        },
        find: { host, name, signature, out in
            guard let function = find(host, name, signature, out == nil) else { return APUS_E_NOT_FOUND }
            guard let link = function.link else { return APUS_E_TYPE }
            out?.pointee = link
            return APUS_OK
        },
        invoke: { host, name, signature, result, arguments in
            guard let function = find(host, name, signature, false) else { return APUS_E_NOT_FOUND }
            guard let link = function.link, let invocation = function.invocation else { return APUS_E_TYPE }
            invocation.store(invocation.call(link, arguments), result)
            return APUS_OK
        })

    private struct Found {
        var link: apus_link?
        var invocation: Invocation?
    }

    /// A function by name; without its link when the signature differs, which is logged with both.
    private static func find(
        _ host: UnsafePointer<apus_host>?, _ name: UnsafePointer<CChar>?, _ signature: UnsafePointer<CChar>?, _ quiet: Bool
    ) -> Found? {
        guard let host, let name, let signature,
            let function = Runtime.current?.providers.functions[String(cString: name)]
        else { return nil }
        let wanted = String(cString: signature)
        guard function.signature.text == wanted else {
            if !quiet {
                ErrorLog.write(
                    .error, code: "APUS1501",
                    "\(LoadedModule.of(host).name) looks for the function \(String(cString: name)) as \"\(wanted)\", "
                        + "but \(function.module.name) publishes it as \"\(function.signature.text)\"")
            }
            return Found()
        }
        return Found(link: function.link, invocation: function.invocation)
    }
}
