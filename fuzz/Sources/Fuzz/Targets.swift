import ByteKit
import CFuzzer
import Glibc

@testable import Host

/// What can be fuzzed: a name, and what is done with an input. Answers 0, or -1 for what is not worth keeping.
struct FuzzTarget {
    let name: String
    let fn: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32

    static let all = [
        FuzzTarget(name: "head") { HeadTarget.run(input($0, $1)) },
        FuzzTarget(name: "chunked") { ChunkedTarget.run(input($0, $1)) },
        FuzzTarget(name: "target") { TargetTarget.run(input($0, $1)) },
        FuzzTarget(name: "date") { DateTarget.run(input($0, $1)) },
        FuzzTarget(name: "ranges") { RangesTarget.run(input($0, $1)) },
        FuzzTarget(name: "connection") { ConnectionTarget.run(input($0, $1)) },
        FuzzTarget(name: "proxy") { ProxyTarget.run(input($0, $1)) },
        FuzzTarget(name: "config") { ConfigTarget.run(input($0, $1)) },
        FuzzTarget(name: "include") { IncludeTarget.run(input($0, $1)) },
        FuzzTarget(name: "script") { ScriptTarget.run(input($0, $1)) },
        FuzzTarget(name: "rewrite") { RewriteTarget.run(input($0, $1)) },
        FuzzTarget(name: "typemap") { TypeMapTarget.run(input($0, $1)) },
    ]
}

private func input(_ data: UnsafePointer<UInt8>?, _ size: Int) -> Bytes {
    data.map { Bytes(UnsafeRawPointer($0), count: size) } ?? Bytes("")
}

/// `Fuzz TARGET [libFuzzer's options] [corpus]`.
func run() -> Int32 {
    signal(SIGPIPE, SIG_IGN)
    var arguments = CommandLine.arguments
    guard arguments.count > 1, let target = FuzzTarget.all.first(where: { $0.name == arguments[1] }) else {
        print("usage: Fuzz \(FuzzTarget.all.map { $0.name }.joined(separator: "|")) [options of libFuzzer] [corpus directory]")
        return 2
    }
    arguments.remove(at: 1)
    var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
    words.append(nil)
    var count = Int32(arguments.count)
    return words.withUnsafeMutableBufferPointer { buffer in
        var start = buffer.baseAddress
        return LLVMFuzzerRunDriver(&count, &start, target.fn)
    }
}

/// A property that must hold does not: the input is kept by the fuzzer.
func demand(_ condition: Bool, _ what: @autoclosure () -> String) {
    guard !condition else { return }
    Program.complain("violated: \(what())\n")
    abort()
}
