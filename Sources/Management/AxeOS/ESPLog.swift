import Firmware
import Hardware
import SansIO

/// Lines of a device's log as ESP-IDF writes them: level, milliseconds since power-on, task, text.
enum ESPLog {
    static func line(_ fact: MinerObservation, uptime: Interval) -> String? {
        guard let (level, task, text) = words(fact) else { return nil }
        return "\(level) (\(uptime.nanoseconds / 1_000_000)) \(task): \(text)\n"
    }

    private static func words(_ fact: MinerObservation) -> (String, String, String)? {
        switch fact {
        case .phaseChanged(let phase): ("I", "main", "state: \(phase.rawValue)")
        case .chipsMissing(let found, let expected):
            ("E", "SystemModule", "Chip count \(found), expected \(expected)")
        case .connected(let pool): ("I", "stratum_task", "Connected to pool \(pool)")
        case .channelOpened: ("I", "stratum_task", "Set pool difficulty")
        case .disconnected(_, let reason): ("E", "stratum_task", "Connection closed: \(reason)")
        case .backingOff(let wait): ("I", "stratum_task", "Retrying in \(Decimals.text(wait.seconds, 1)) s")
        case .workLoaded(let job, _, _):
            ("I", "create_jobs_task", "New Work Dequeued \(String(job, radix: 16))")
        case .targetChanged: ("I", "stratum_task", "Set pool difficulty")
        case .shareFound(let difficulty):
            ("I", "asic_result", "Nonce difficulty \(Decimals.text(difficulty, 6))")
        case .shareSubmitted: ("I", "stratum_api", "tx: share")
        case .sharesAccepted: ("I", "stratum_task", "message result accepted")
        case .shareRejected(_, let reason): ("W", "stratum_task", "message result rejected: \(reason.name)")
        case .hardwareError: ("W", "asic_result", "Invalid job nonce found")
        case .overheated: ("E", "power_management", "OVERHEAT!")
        case .cooledDown(let frequency):
            ("I", "power_management", "Restarting at \(Decimals.text(frequency.megahertz, 2)) MHz")
        case .fanFailed: ("E", "fan", "fan does not turn")
        default: nil
        }
    }
}
