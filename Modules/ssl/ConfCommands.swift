import COpenSSL
import ModuleKit

/// SSLOpenSSLConfCmd: OpenSSL's own settings of a context.
enum ConfCommands {
    private static let flags =
        UInt32(SSL_CONF_FLAG_FILE | SSL_CONF_FLAG_SERVER | SSL_CONF_FLAG_CERTIFICATE)

    /// Checks a command's name and gives the command as it is to be applied, with paths made absolute.
    static func parse(_ command: Command, _ name: Bytes, _ value: Bytes) throws -> ConfCommand {
        guard let context = SSL_CONF_CTX_new() else { throw DirectiveError("OpenSSL has no memory") }
        defer { SSL_CONF_CTX_free(context) }
        _ = SSL_CONF_CTX_set_flags(context, flags)
        let text = name.string
        switch SSL_CONF_cmd_value_type(context, text) {
        case SSL_CONF_TYPE_UNKNOWN:
            throw DirectiveError(
                "SSLOpenSSLConfCmd: OpenSSL knows no command \"\(text)\"; SSL_CONF_cmd(3) lists them")
        case SSL_CONF_TYPE_FILE, SSL_CONF_TYPE_DIR:
            return ConfCommand(name: text, value: command.resolve(value).string)
        default: return ConfCommand(name: text, value: value.string)
        }
    }

    static func apply(_ commands: [Located<ConfCommand>], to ctx: OpaquePointer, _ reporter: Reporter) {
        guard !commands.isEmpty, let context = SSL_CONF_CTX_new() else { return }
        defer { SSL_CONF_CTX_free(context) }
        _ = SSL_CONF_CTX_set_flags(context, flags)
        SSL_CONF_CTX_set_ssl_ctx(context, ctx)
        for command in commands {
            ERR_clear_error()
            guard SSL_CONF_cmd(context, command.value.name, command.value.value) <= 0 else { continue }
            refuse(command, reporter)
        }
        guard SSL_CONF_CTX_finish(context) != 1, let last = commands.last else { return }
        refuse(last, reporter)
    }

    private static func refuse(_ command: Located<ConfCommand>, _ reporter: Reporter) {
        reporter.error(
            "AH02407", at: command.location,
            "SSLOpenSSLConfCmd \(command.value.name): OpenSSL refuses \"\(command.value.value)\": "
                + ErrorQueue.takeReason())
    }
}
