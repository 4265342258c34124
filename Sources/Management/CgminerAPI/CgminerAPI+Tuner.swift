import Firmware
import Hardware
import JSONText
import SansIO

// BOSminer's own command: how far the tuner is.

extension CgminerAPI {
    func tunerStatus(_ status: DeviceStatus) -> APIReply {
        let tuning = status.tuning
        let isRunning = tuning != nil && status.isMining
        let perBoard = status.power.watts / Double(max(1, status.boards.count))
        let chains = status.boards.indices.map { index -> JSON in
            let chips = index * labels.chipsPerBoard..<(index + 1) * labels.chipsPerBoard
            let mean = tuning?.clocks.meanFrequency(of: chips, base: status.frequency) ?? status.frequency
            return [
                "HashchainIndex": .int(index + 1), "Iteration": .int(tuning?.rounds ?? 0),
                "ApproximatePowerConsumptionWatt": .whole(perBoard),
                "FrequencyAvgMhz": .decimal(mean.megahertz, 2), "TunerRunning": .bool(isRunning),
                "PowerLimitWatt": .whole(
                    (tuning?.powerTarget.watts ?? 0) / Double(max(1, status.boards.count))),
                "Status": .string(Self.words(tuning, isRunning)),
            ]
        }
        return APIReply(
            .success, 205, "Tuner Status", section: "TUNERSTATUS",
            items: [
                [
                    "TunerRunning": .bool(tuning != nil),
                    "PowerLimit": .whole(tuning?.powerTarget.watts ?? 0),
                    "ApproximateMinerPowerConsumption": .whole(status.power.watts),
                    "ApproximateChainPowerConsumption": .whole(status.power.watts),
                    "DynamicPowerScaling": "Disabled", "TunerChainStatus": .array(chains),
                ]
            ])
    }

    private static func words(_ tuning: TuningStatus?, _ isRunning: Bool) -> String {
        guard let tuning else { return "Disabled" }
        return switch tuning.stage {
        case .waiting: "Preparing system for tuning"
        case .tuning: "Testing performance profile"
        case .stable: "Stable"
        }
    }
}
