import CSystem
import Glibc

/// What parent and child of a trial share: what is being done, the record of a crash, and whose memory lies where.
struct SharedRecord {
    /// One piece of memory that was handed to the module, or an address that must not be touched.
    struct Region {
        var start: UInt64
        var end: UInt64
        var label: (
            UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64
        )
        /// 0: alive · 1: its time is over · 2: may not be written now · 3: never to be touched
        var state: Int64
        var reserved: Int64
    }

    static let labelBytes = 96
    static let stageBytes = 512
    static let capacity = 40_000

    let crash: UnsafeMutablePointer<cs_crash>
    let stage: UnsafeMutablePointer<CChar>
    let count: UnsafeMutablePointer<Int64>
    let regions: UnsafeMutablePointer<Region>

    /// Memory that stays shared across fork.
    init() throws {
        let crashBytes = (MemoryLayout<cs_crash>.size + 4095) & ~4095
        let length = crashBytes + 4096 + SharedRecord.capacity * MemoryLayout<Region>.stride
        guard let place = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), place != MAP_FAILED
        else { throw Problem("there is no memory for the check") }
        crash = place.bindMemory(to: cs_crash.self, capacity: 1)
        stage = (place + crashBytes).bindMemory(to: CChar.self, capacity: SharedRecord.stageBytes)
        count = (place + crashBytes + SharedRecord.stageBytes).bindMemory(to: Int64.self, capacity: 1)
        regions = (place + crashBytes + 4096).bindMemory(to: Region.self, capacity: SharedRecord.capacity)
    }

    /// For the next trial.
    func clear() {
        memset(crash, 0, MemoryLayout<cs_crash>.size)
        stage[0] = 0
        count.pointee = 0
    }

    func setStage(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            let length = min(bytes.count, SharedRecord.stageBytes - 1)
            if let base = bytes.baseAddress { memcpy(stage, base, length) }
            stage[length] = 0
        }
    }

    var stageText: String { String(cString: stage) }

    /// - Returns: its index.
    func add(start: UInt, end: UInt, label: String, state: Int64 = 0) -> Int {
        let index = Int(count.pointee) % SharedRecord.capacity
        count.pointee += 1
        let region = regions + index
        region.pointee.start = UInt64(start)
        region.pointee.end = UInt64(end)
        region.pointee.state = state
        var label = label
        withUnsafeMutableBytes(of: &region.pointee.label) { place in
            label.withUTF8 { bytes in
                let length = min(bytes.count, SharedRecord.labelBytes - 1)
                if let base = bytes.baseAddress { memcpy(place.baseAddress!, base, length) }
                place[length] = 0
            }
        }
        return index
    }

    func region(at address: UInt64) -> (label: String, state: Int64, isBehind: Bool)? {
        for index in (0..<min(Int(count.pointee), SharedRecord.capacity)).reversed() {
            let region = regions + index
            guard address >= region.pointee.start, address < region.pointee.end + 4096 else { continue }
            let label = withUnsafeBytes(of: &region.pointee.label) { String(cString: $0.bindMemory(to: CChar.self).baseAddress!) }
            return (label, region.pointee.state, address >= region.pointee.end)
        }
        return nil
    }
}

/// Memory whose end is the end of a page with nothing behind it, so that a byte too far is a fault; and that can be closed.
struct GuardedBlock {
    let mapping: UnsafeMutableRawPointer
    let mapped: Int
    let start: UnsafeMutableRawPointer
    let count: Int
    let region: Int

    init(_ count: Int, alignment: Int, fill: UInt8, label: String, _ record: SharedRecord) {
        let room = (count + alignment - 1) / alignment * alignment
        let pages = max((room + 4095) / 4096, 1)
        mapped = pages * 4096
        mapping = mmap(nil, mapped + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
        mprotect(mapping + mapped, 4096, PROT_NONE)
        start = mapping + (mapped - room)
        self.count = count
        memset(mapping, 0x5a, mapped)
        memset(start, Int32(fill), count)
        region = record.add(start: UInt(bitPattern: mapping), end: UInt(bitPattern: mapping + mapped), label: label)
    }

    /// What lies between the bytes asked for and the end of the page, which nobody may have touched.
    var isWhole: Bool {
        let tail = start + count
        let rest = (mapping + mapped) - tail
        return (0..<rest).allSatisfy { tail.load(fromByteOffset: $0, as: UInt8.self) == 0x5a }
    }

    /// From here on a touch is a fault.
    func close(_ record: SharedRecord) {
        mprotect(mapping, mapped, PROT_NONE)
        record.regions[region].state = 1
    }

    /// While it may be read and not written.
    func setReadOnly(_ isReadOnly: Bool, _ record: SharedRecord) {
        mprotect(mapping, mapped, isReadOnly ? PROT_READ : PROT_READ | PROT_WRITE)
        record.regions[region].state = isReadOnly ? 2 : 0
    }
}
