import ModuleKit

/// A line that is being composed: text, or a JSON object.
struct LogLine {
    var text: ByteWriter
    let isJSON: Bool
    /// A dash is not written but noted: a field of JSON that has nothing to say is left out.
    var omitsDashes = false
    private(set) var hasOmitted = false

    init(_ text: ByteWriter, isJSON: Bool) {
        self.text = text
        self.isJSON = isJSON
    }

    mutating func appendDash() {
        if omitsDashes { hasOmitted = true } else { text.append(UInt8(ascii: "-")) }
    }

    /// Text that clients may have sent.
    @inline(__always)
    mutating func append(escaping bytes: Bytes) {
        if isJSON { text.append(json: bytes) } else { text.append(escaping: bytes) }
    }

    /// Text that needs no escaping but in JSON.
    @inline(__always)
    mutating func append(plain bytes: Bytes) {
        if isJSON { text.append(json: bytes) } else { text.append(bytes) }
    }

    /// Text of the format, in memory that can be read in blocks.
    @inline(__always)
    mutating func append(literal bytes: Bytes) {
        if isJSON { text.append(json: bytes) } else { text.append(literal: bytes) }
    }

    /// Writes a field by `body`, or nothing when it has nothing to say.
    mutating func appendField(_ field: UnsafePointer<LogField>, isFirst: Bool, _ body: (inout LogLine) -> Void) -> Bool {
        let start = text.count
        if !isFirst { text.append(UInt8(ascii: ",")) }
        text.append(field.pointee.name)
        let isNumber = field.pointee.isNumber
        if !isNumber { text.append(UInt8(ascii: "\"")) }
        let valueStart = text.count
        omitsDashes = field.pointee.items.count == 1
        hasOmitted = false
        body(&self)
        let isWritten = !hasOmitted && (text.count > valueStart || text.overflowed)
        if !isNumber { text.append(UInt8(ascii: "\"")) }
        if !isWritten { text.shorten(to: start) }
        return isWritten
    }
}
