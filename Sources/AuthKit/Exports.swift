@_exported public import ByteKit
@_exported public import PasswordKit
