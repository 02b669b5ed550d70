import ByteKit
import Glibc
import ModuleABI

extension ExprVariable {
    /// The value for a request; what is not known is empty.
    func value(_ r: Request.Ref) -> Bytes {
        let found: Bytes =
            switch self {
            case .requestMethod: r.pointee.method
            case .requestScheme: r.pointee.conn.pointee.isSecure ? Bytes("https") : Bytes("http")
            case .requestURI, .documentURI: r.pointee.path
            case .requestFilename, .scriptFilename: r.pointee.filename.isSet ? r.pointee.filename : r.pointee.path
            case .lastModified: LocalTime(nanoseconds: r.pointee.file.modified).text(.time, r)
            case .scriptUser, .scriptGroup: owner(r)
            case .pathInfo: r.pointee.pathInfo
            case .queryString: r.pointee.query
            case .isSubrequest: r.pointee.main == nil ? Bytes("false") : Bytes("true")
            case .theRequest: r.pointee.requestLine
            case .remoteHost where r.pointee.peerName.isSet: r.pointee.peerName
            case .remoteAddress, .remoteHost: r.pointee.peerAddress.isSet ? r.pointee.peerAddress : r.pointee.conn.peerAddress()
            case .connRemoteAddress: r.pointee.conn.peerAddress()
            case .remotePort: decimal(Int64(r.pointee.conn.pointee.peer.port), r)
            case .remoteUser: r.pointee.user
            case .remoteIdent, .requestLogID, .connLogID: .none
            case .serverName: AbsoluteURL.host(r)
            case .serverPort: decimal(Int64(AbsoluteURL.port(r)), r)
            case .serverAdmin: r.pointee.server.pointee.core.pointee.serverAdmin
            case .serverProtocol: r.pointee.protocolName
            case .documentRoot: r.pointee.server.pointee.core.pointee.documentRoot
            case .contextDocumentRoot:
                r.pointee.localRoot.isSet ? r.pointee.localRoot : r.pointee.server.pointee.core.pointee.documentRoot
            case .contextPrefix: r.pointee.contextPrefix
            case .authType: r.pointee.authType
            case .contentType: r.pointee.contentType
            case .handler: handlerName(r)
            case .http2: r.pointee.protocolName == "HTTP/2.0" ? Bytes("on") : Bytes("off")
            case .https: r.pointee.conn.pointee.isSecure ? Bytes("on") : Bytes("off")
            case .ipv6: r.pointee.conn.pointee.peer.isIPv4 ? Bytes("off") : Bytes("on")
            case .requestStatus: decimal(Int64(r.pointee.status), r)
            case .timeYear, .timeMonth, .timeDay, .timeHour, .timeMinute, .timeSecond, .timeWeekday, .time:
                LocalTime(nanoseconds: theWorker.pointee.now &* 1000).text(self, r)
            case .serverSoftware: theWorker.pointee.serverField
            // The magic number of httpd 2.4's interface, which configurations compare with.
            case .apiVersion: Bytes("20120211")
            }
        return found.isSet ? found : Bytes("")
    }

    private func decimal(_ value: Int64, _ r: Request.Ref) -> Bytes {
        var writer = ByteWriter(r.pointee.arena.pointee.allocate(24), capacity: 24)
        writer.append(decimal: value)
        return writer.written
    }

    /// A handler that is asked by the media type bears its name, once handlers are asked.
    private func handlerName(_ r: Request.Ref) -> Bytes {
        let isAsked = r.pointee.step.rawValue >= Step.handler.rawValue
        return r.pointee.handler.isEmpty && isAsked ? r.pointee.contentType : r.pointee.handler
    }

    /// The name of the user or group that owns the file.
    private func owner(_ r: Request.Ref) -> Bytes {
        guard r.pointee.file.kind != .none, let path = r.pointee.filename.ptr else { return .none }
        var info = stat()
        guard stat(path, &info) == 0 else { return .none }
        let arena = r.pointee.arena
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4096) { buffer -> Bytes in
            guard let start = buffer.baseAddress else { return .none }
            if self == .scriptUser {
                var entry = passwd()
                var found: UnsafeMutablePointer<passwd>?
                guard getpwuid_r(info.st_uid, &entry, start, buffer.count, &found) == 0, found != nil else { return .none }
                return entry.pw_name.map { arena.copy(Bytes(cString: $0)) } ?? .none
            }
            var entry = group()
            var found: UnsafeMutablePointer<group>?
            guard getgrgid_r(info.st_gid, &entry, start, buffer.count, &found) == 0, found != nil else { return .none }
            return entry.gr_name.map { arena.copy(Bytes(cString: $0)) } ?? .none
        }
    }
}

/// A moment in the server's time zone.
private struct LocalTime {
    private var parts = tm()

    init(nanoseconds: Int64) {
        var seconds = time_t(nanoseconds / 1_000_000_000)
        localtime_r(&seconds, &parts)
    }

    func text(_ variable: ExprVariable, _ r: Request.Ref) -> Bytes {
        var writer = ByteWriter(r.pointee.arena.pointee.allocate(24), capacity: 24)
        switch variable {
        case .timeYear: writer.append(decimal: Int(parts.tm_year) + 1900, width: 4)
        case .timeMonth: writer.append(decimal: Int(parts.tm_mon) + 1, width: 2)
        case .timeDay: writer.append(decimal: Int(parts.tm_mday), width: 2)
        case .timeHour: writer.append(decimal: Int(parts.tm_hour), width: 2)
        case .timeMinute: writer.append(decimal: Int(parts.tm_min), width: 2)
        case .timeSecond: writer.append(decimal: Int(parts.tm_sec), width: 2)
        case .timeWeekday: writer.append(decimal: Int64(parts.tm_wday))
        default:
            writer.append(decimal: Int(parts.tm_year) + 1900, width: 4)
            writer.append(decimal: Int(parts.tm_mon) + 1, width: 2)
            writer.append(decimal: Int(parts.tm_mday), width: 2)
            writer.append(decimal: Int(parts.tm_hour), width: 2)
            writer.append(decimal: Int(parts.tm_min), width: 2)
            writer.append(decimal: Int(parts.tm_sec), width: 2)
        }
        return writer.written
    }
}
