@_exported public import ModuleKit
@_exported public import _Concurrency
