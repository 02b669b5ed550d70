/// The hooks of the host itself, by httpd's names; apus/hooks.h documents each.
enum BuiltInHook: Int, CaseIterable {
    case optionalFnRetrieve, checkConfig, openConfig, childInit, childExit
    case preConnection, processConnection, closeConnection
    case postReadRequest, quickHandler, translateName, mapToStorage, headerParser
    case accessChecker, accessCheckerEx, checkUserID, authChecker, typeChecker, fixups
    case insertFilter, handler, logTransaction, errorPage, noteAuthFailure, responseHead

    var name: String {
        switch self {
        case .optionalFnRetrieve: "optional_fn_retrieve"
        case .checkConfig: "check_config"
        case .openConfig: "open_config"
        case .childInit: "child_init"
        case .childExit: "child_exit"
        case .preConnection: "pre_connection"
        case .processConnection: "process_connection"
        case .closeConnection: "close_connection"
        case .postReadRequest: "post_read_request"
        case .quickHandler: "quick_handler"
        case .translateName: "translate_name"
        case .mapToStorage: "map_to_storage"
        case .headerParser: "header_parser"
        case .accessChecker: "access_checker"
        case .accessCheckerEx: "access_checker_ex"
        case .checkUserID: "check_user_id"
        case .authChecker: "auth_checker"
        case .typeChecker: "type_checker"
        case .fixups: "fixups"
        case .insertFilter: "insert_filter"
        case .handler: "handler"
        case .logTransaction: "log_transaction"
        case .errorPage: "error_page"
        case .noteAuthFailure: "note_auth_failure"
        case .responseHead: "response_head"
        }
    }

    var signature: String {
        switch self {
        case .optionalFnRetrieve, .childInit, .childExit: "v(x)"
        case .checkConfig: "i(x)"
        case .openConfig: "i(xuU)"
        case .preConnection, .processConnection: "i(xC)"
        case .closeConnection: "v(xC)"
        case .insertFilter, .responseHead: "v(xR)"
        case .errorPage: "i(xRi)"
        case .noteAuthFailure: "i(xRs)"
        default: "i(xR)"
        }
    }

    var kind: RunKind {
        switch self {
        case .optionalFnRetrieve, .childInit, .childExit, .closeConnection, .insertFilter, .responseHead: .void
        case .quickHandler, .translateName, .mapToStorage, .accessCheckerEx, .checkUserID, .authChecker,
            .typeChecker, .handler, .errorPage, .noteAuthFailure:
            .first
        default: .all
        }
    }
}
