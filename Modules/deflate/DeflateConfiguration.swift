import CZlib
import ModuleKit

/// How a server compresses. Numbers are -1 where nothing is said.
struct DeflateServerConf: Configuration {
    static let isInheritedWhole = true

    var level: Int32 = -1
    var windowSize: Int32 = -1
    var memoryLevel: Int32 = -1
    var bufferSize = -1
    var padding = -1
    var encoding = EncodingSettings()

    /// What holds, with the defaults filled in.
    var settings: Settings {
        Settings(
            level: level < 0 ? Z_DEFAULT_COMPRESSION : level, windowSize: windowSize < 0 ? 15 : windowSize,
            memoryLevel: memoryLevel < 0 ? 9 : memoryLevel, bufferSize: bufferSize < 0 ? 8096 : bufferSize)
    }

    /// What a stream is made with.
    struct Settings: Equatable, BitwiseCopyable {
        var level: Int32
        var windowSize: Int32
        var memoryLevel: Int32
        var bufferSize: Int
    }

    func merged(over base: DeflateServerConf, settings: [(inout DeflateServerConf) -> Void]) -> DeflateServerConf {
        var merged = self
        if level < 0 { merged.level = base.level }
        if windowSize < 0 { merged.windowSize = base.windowSize }
        if memoryLevel < 0 { merged.memoryLevel = base.memoryLevel }
        if bufferSize < 0 { merged.bufferSize = base.bufferSize }
        if padding < 0 { merged.padding = base.padding }
        merged.encoding = encoding.merged(over: base.encoding)
        return merged
    }
}

/// How much a compressed body may become. -1: nothing is said.
struct InflateLimits: Configuration {
    var bodySize: Int64 = -1
    var ratio: Int64 = -1
    var burst: Int64 = -1

    var effectiveRatio: UInt64 { ratio < 0 ? 200 : UInt64(ratio) }
    var effectiveBurst: Int64 { burst < 0 ? 3 : burst }

    func merged(over base: InflateLimits, settings: [(inout InflateLimits) -> Void]) -> InflateLimits {
        InflateLimits(
            bodySize: bodySize < 0 ? base.bodySize : bodySize, ratio: ratio < 0 ? base.ratio : ratio,
            burst: burst < 0 ? base.burst : burst)
    }
}
