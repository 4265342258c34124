import Hardware

/// Whether energy is kept: what came in through the plug is what went out as heat and what the boards still hold.
///
/// The three are counted by themselves: the plug's from power and efficiency, the heat from temperatures and
/// resistances, the store from the boards' capacities. A model that loses energy shows in ``residual``.
public struct EnergyBalance: Equatable, Sendable {
    /// From the wall plug.
    public var supplied: Joules
    /// Into the room: through the boards' heat sinks, from supply, controller and fans.
    public var expelled: Joules
    /// In chips, sinks and boards over what they held at the beginning; negative when they are cooler.
    public var stored: Joules

    public init(supplied: Joules, expelled: Joules, stored: Joules) {
        self.supplied = supplied
        self.expelled = expelled
        self.stored = stored
    }

    /// In less out less stored.
    public var residual: Joules { Joules(supplied.joules - expelled.joules - stored.joules) }

    /// The residual's size over the largest of the three; zero when nothing has flown.
    public var relativeResidual: Double {
        let largest = max(abs(supplied.joules), abs(expelled.joules), abs(stored.joules))
        return largest > 0 ? abs(residual.joules) / largest : 0
    }

    /// What has flown since an earlier look.
    public func since(_ earlier: EnergyBalance) -> EnergyBalance {
        EnergyBalance(
            supplied: Joules(supplied.joules - earlier.supplied.joules),
            expelled: Joules(expelled.joules - earlier.expelled.joules),
            stored: Joules(stored.joules - earlier.stored.joules))
    }
}

/// Joules since the beginning.
struct EnergyMeters: Sendable {
    var supplied = 0.0
    var expelled = 0.0
    var stored = 0.0

    /// - Parameter flow: watts from the boards into the air; all else that the wall gives becomes heat at once.
    mutating func count(chips: Double, wall: Double, flow: Double, seconds: Double) {
        supplied += wall * seconds
        expelled += (wall - chips + flow) * seconds
    }

    var balance: EnergyBalance {
        EnergyBalance(supplied: Joules(supplied), expelled: Joules(expelled), stored: Joules(stored))
    }
}
