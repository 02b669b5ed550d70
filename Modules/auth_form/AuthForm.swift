import AuthKit
import ModuleKit

/// Asks for user names and passwords with a page, and remembers them in the client's session.
final class AuthForm: Module {
    typealias DirConf = FormConf

    static let info = ModuleInfo(
        "auth_form_module", version: "1.0",
        requires: [APUS_EXT_PROVIDERS, APUS_EXT_FUNCTIONS, APUS_EXT_TASKS, APUS_EXT_EXPR, APUS_EXT_SUBREQUEST])
    static let directives = formDirectives

    init(_ host: Host) throws {
        let desk = LoginDesk(host)
        try host.hooks.optionalFunctions { desk.findOthers() }
        try host.hooks.checkConfig { try desk.checkSessions() }
        try host.hooks.noteAuthFailure(.middle) { _, type in type.equalsIgnoringCase("form") ? .ok : .declined }
        try host.hooks.checkUserID(Order(.middle, flags: .maySuspend)) { try desk.authenticate($0) }
        try host.hooks.handler(Order(.middle, flags: .maySuspend)) { request in
            if request.handler == "form-login-handler" { return try desk.logIn(request) }
            if request.handler == "form-logout-handler" { return try desk.logOut(request) }
            return .declined
        }
    }
}

@c(apus_module_entry)
public func entry(
    _ host: UnsafePointer<apus_host>, _ name: UnsafePointer<CChar>
) -> UnsafePointer<apus_module>? {
    AuthForm.descriptor(for: host, named: name)
}
