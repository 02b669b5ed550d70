import Glibc
import ModuleKit

/// "l=0.50/0.40/0.30": the load averages of 1, 5 and 15 minutes.
func load(_ pool: Pool) -> Bytes {
    withUnsafeTemporaryAllocation(of: Double.self, capacity: 3) { averages in
        let count = getloadavg(averages.baseAddress.unsafelyUnwrapped, 3)
        return pool.compose(capacity: 64) { writer in
            writer.append("l=")
            for index in 0..<3 {
                if index > 0 { writer.append("/") }
                let hundredths = index < count ? Int64((averages[index] * 100).rounded()) : 0
                writer.append(decimal: hundredths / 100)
                writer.append(".")
                writer.append(decimal: Int(hundredths % 100), width: 2)
            }
        }
    }
}
