public import ByteKit
import ModuleABI
import ModuleABI.Draft

/// What generations leave each other; see apus/draft/handover.h, whose id belongs into `ModuleInfo.requires`.
@_spi(Draft) extension Host {
    /// Leaves bytes for the generations to come. From open_config, or in the leader.
    public func leave(_ name: String, _ bytes: Bytes) throws {
        var name = name
        let status = name.withUTF8 { handoverTable.pointee.put(raw, Bytes(UnsafeRawBufferPointer($0)), bytes) }
        try check(status, "cannot leave \(name) to the next generation")
    }

    /// What a generation before this one left, in the configuration's memory; it stays for the next. From open_config.
    public func inherited(_ name: String) -> Bytes? {
        var name = name
        var bytes = Bytes.none
        let status = name.withUTF8 { handoverTable.pointee.get(raw, Bytes(UnsafeRawBufferPointer($0)), pool.raw, &bytes) }
        return status == APUS_OK ? bytes : nil
    }
}
