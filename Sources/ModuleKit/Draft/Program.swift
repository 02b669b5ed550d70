import ByteKit
import ModuleABI

/// Where to write to a helper program, and where to read its answers; the same in every worker.
@_spi(Draft) public struct HelperProgram: Sendable, BitwiseCopyable {
    /// Where to write what it reads.
    public let input: Int32
    /// Where to read what it writes.
    public let output: Int32
}

@_spi(Draft) extension Host {
    /// Starts a program that lives as long as this generation; see apus/draft/program.h, whose id belongs into
    /// `ModuleInfo.requires`. From open_config, never with reason CHECK.
    public func startProgram(_ words: [Bytes], user: Bytes, group: Bytes) throws -> HelperProgram {
        var input: Int32 = -1
        var output: Int32 = -1
        let status = words.withUnsafeBufferPointer {
            programTable.pointee.start(raw, $0.baseAddress, UInt32($0.count), user, group, &input, &output)
        }
        try check(status, "cannot start \(words.first?.string ?? "a program")")
        return HelperProgram(input: input, output: output)
    }
}
