import Experiments
import Foundation
import Runtime

/// What this host can honestly carry of an experiment.
struct Preflight {
    /// What does not suffice: the run is not what was asked for.
    private(set) var shortages: [String] = []
    private var advice: [String] = []

    /// Resident bytes of a device with its connection, both ends of it on this host.
    private static let bytesPerDevice: UInt64 = 48 << 10

    /// - Parameter shards: processes that share the devices; 0 for this one.
    init(_ experiment: Experiment, hasOwnPool: Bool, shards: Int) {
        let devices = experiment.deviceCount
        let limit = Descriptors.raise()
        let each = shards == 0 ? devices : (devices + shards - 1) / shards
        let translated = experiment.fleets.filter { $0.via == .translator }.reduce(0) { $0 + $1.count }
        let served = hasOwnPool ? devices + 2 * translated : 2 * translated
        let here = served + (shards == 0 ? devices : 0) + Descriptors.reserve
        if here > limit {
            shortages.append("this process needs \(here) file descriptors and may hold \(limit)")
            let remedy =
                shards == 0 && served + Descriptors.reserve <= limit
                ? "--shards auto moves the devices to processes of their own"
                : "raise the limit (ulimit -n \(here)), or serve the devices by a pool elsewhere (stack.target)"
            advice.append(remedy)
        }
        if shards > 0, each + Descriptors.reserve > limit {
            let needed = (devices + limit - Descriptors.reserve - 1) / max(1, limit - Descriptors.reserve)
            advice.append(
                "a shard of \(each) devices needs \(each + Descriptors.reserve) file descriptors and may hold \(limit): "
                    + "--shards \(needed)")
        }
        if let ports = Self.numbers("/proc/sys/net/ipv4/ip_local_port_range"), ports.count == 2 {
            let free = ports[1] - ports[0] + 1
            if each > free {
                advice.append(
                    "a source address has \(free) ports; devices dial from 127.0.0.1, 127.0.0.2 and on")
            }
        }
        if hasOwnPool, devices > 1_000, let most = Self.numbers("/proc/sys/net/core/somaxconn")?.first,
            most < Int(RuntimeLimits.backlog)
        {
            advice.append(
                "the system queues \(most) connections at a listener (net.core.somaxconn): a storm of more is delayed"
            )
        }
        let needed = UInt64(devices) * Self.bytesPerDevice
        if let available = Self.availableBytes, needed > available {
            advice.append(
                "\(devices) devices take about \(needed >> 20) MiB and \(available >> 20) MiB are available")
        }
    }

    var lines: [String] { shortages + advice }

    static var availableBytes: UInt64? {
        let text = (try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
        return line?.split(separator: " ").dropFirst().first.flatMap { UInt64($0) }.map { $0 << 10 }
    }

    private static func numbers(_ path: String) -> [Int]? {
        (try? String(contentsOfFile: path, encoding: .utf8))?.split { $0.isWhitespace }.compactMap { Int($0) }
    }
}
