import SansIO

/// Something that goes wrong with a device: what, when it begins, how long it lasts. Data: profiles and experiments
/// write it, the physics (heat, air, supply, sensors) and both fidelities of the chips apply what concerns them.
public struct DeviceFault: Equatable, Sendable {
    public enum Kind: Equatable, Sendable {
        /// The air at the inlet is so many kelvin warmer than the room.
        case overheating(kelvin: Double)
        /// So many fans stand still whatever they are told; nil for all.
        case fanLoss(fans: Int?)
        /// The supply's output is gone; the chips forget clock and work, as after a switch-off.
        case supplyDrop
        /// The chips get so much less than the voltage that was set, as a share of it.
        case voltageSag(share: Double)
        case sensorFailure(SensorFailure)
        /// The device is at once so many years older.
        case ageing(years: Double)
        /// The last chips of one board do not answer and do not hash.
        case missingChips(board: Int, count: Int)
        /// One voltage domain of one board does not hash; its chips still answer.
        case stuckDomain(board: Int, domain: Int)
        /// Nothing comes back from one board. It still draws power and gets hot.
        case silentChain(board: Int)
        /// This share of the nonces is reported a second time.
        case duplicateNonces(share: Double)
        /// This share of the replies arrives with a wrong checksum, so that a driver drops it.
        case checksumErrors(share: Double)
        /// This share of the nonces names a job that is not theirs.
        case wrongIDs(share: Double)
    }

    /// How a temperature sensor fails.
    public enum SensorFailure: String, CaseIterable, Sendable {
        /// It does not answer.
        case silent
        /// It repeats its last reading.
        case stuck
        /// It reads 255 °C, as a bus without a driver does.
        case reads255 = "255"
    }

    public enum Onset: Equatable, Sendable {
        /// Once, so long after the device was plugged in.
        case at(Interval)
        /// Again and again, exponentially distributed with this mean number an hour, counted while it is not active.
        case perHour(Double)
    }

    public var kind: Kind
    public var onset: Onset
    /// Nil: it stays.
    public var duration: Interval?

    public init(_ kind: Kind, _ onset: Onset = .at(.zero), duration: Interval? = nil) {
        self.kind = kind
        self.onset = onset
        self.duration = duration
    }
}

extension DeviceFault.Kind {
    /// The word that files use.
    public var name: String {
        switch self {
        case .overheating: "overheating"
        case .fanLoss: "fan-loss"
        case .supplyDrop: "supply-drop"
        case .voltageSag: "voltage-sag"
        case .sensorFailure: "sensor-failure"
        case .ageing: "ageing"
        case .missingChips: "missing-chips"
        case .stuckDomain: "stuck-domain"
        case .silentChain: "silent-chain"
        case .duplicateNonces: "duplicate-nonces"
        case .checksumErrors: "checksum-errors"
        case .wrongIDs: "wrong-ids"
        }
    }

    /// Every ``name``.
    public static let names = [
        "overheating", "fan-loss", "supply-drop", "voltage-sag", "sensor-failure", "ageing", "missing-chips",
        "stuck-domain", "silent-chain", "duplicate-nonces", "checksum-errors", "wrong-ids",
    ]

    /// A fault by its ``name`` and one number: kelvin, fans, share, years, chips or domain, of the first board. For
    /// what a profile's file says with several keys.
    public init?(named name: String, value: Double) {
        switch name {
        case "overheating": self = .overheating(kelvin: value)
        case "fan-loss": self = .fanLoss(fans: value >= 1 ? Int(value) : nil)
        case "supply-drop": self = .supplyDrop
        case "voltage-sag": self = .voltageSag(share: min(1, max(0, value)))
        case "sensor-failure": self = .sensorFailure(.silent)
        case "ageing": self = .ageing(years: max(0, value))
        case "missing-chips": self = .missingChips(board: 0, count: max(1, Int(value)))
        case "stuck-domain": self = .stuckDomain(board: 0, domain: max(0, Int(value)))
        case "silent-chain": self = .silentChain(board: 0)
        case "duplicate-nonces": self = .duplicateNonces(share: min(1, max(0, value)))
        case "checksum-errors": self = .checksumErrors(share: min(1, max(0, value)))
        case "wrong-ids": self = .wrongIDs(share: min(1, max(0, value)))
        default: return nil
        }
    }
}
