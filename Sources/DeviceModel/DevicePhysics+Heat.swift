import Hardware
import SansIO

/// Power and heat as they are now; nothing here moves time.
extension DevicePhysics {
    var age: Double { ageYears + condition.extraYears }
    var lostFans: Int { min(constants.fanCount, constants.fanCount - workingFans + condition.lostFans) }

    /// Share of full speed that the fans are on their way to.
    var toldFanShare: Double {
        guard fanDuty > 0, !condition.isSupplyDown, lostFans < constants.fanCount else { return 0 }
        let curve = constants.fanMinShare + (1 - constants.fanMinShare) * fanDuty
        return curve * max(0, 1 - constants.ageing.fanPerYear * age)
    }

    /// Share of the full stream of air; a stopped fan lets no more through than still air. A device without fans has
    /// the stream of its profile, whoever makes it.
    func airflowShare(speed: Double) -> Double {
        guard constants.fanCount > 0 else { return 1 }
        let areAllLost = lostFans >= constants.fanCount
        let turning = areAllLost ? 1 : 1 - Double(lostFans) / Double(constants.fanCount)
        return max(speed * turning, Limits.airflowShareMin)
    }

    mutating func cool() { cool(airflowShare: airflowShare(speed: fanSpeedShare)) }

    mutating func cool(airflowShare share: Double) {
        guard share != cooling.share else { return }
        let aged = 1 + constants.ageing.resistancePerYear * age
        let resistance =
            constants.boardResistance * aged * PhysicsConstants.coolingFactor(airflowShare: share)
        let air = constants.airKelvin / max(constants.airflowMax * share, 1e-6)
        cooling = Cooling(share: share, resistance: resistance, air: air)
        decaySeconds = 0
    }

    /// Room and what faults add to it.
    func roomDegrees(at instant: Instant) -> Double {
        ambientCurve.degrees(after: instant - begun) + condition.inletKelvin
    }

    /// Watts of a board's chips that do not depend on its temperature.
    func dynamicWatts(_ board: Board) -> Double {
        let volts = volts * condition.voltsShare
        let activity = isHashing ? 1.0 : constants.idleShare
        return constants.wattsPerVolt2MHz * volts * volts * (megahertz + board.clockShift) * activity
            * board.poweredShare
    }

    func leakageWatts(_ board: Board) -> Double {
        guard constants.boardLeakage > 0 else { return 0 }
        let celsius = min(board.celsius, Limits.leakageCelsiusMax)
        let growth = DeterministicMath.exp((celsius - constants.leakageReference) / constants.leakageKelvin)
        let volts = volts * condition.voltsShare / constants.nominalVolts
        return constants.boardLeakage * board.spread * growth * volts * board.poweredShare
    }

    /// Watts that all chips turn into heat.
    var chipWatts: Double {
        guard isPowered else { return 0 }
        var sum = 0.0
        for board in boards { sum += dynamicWatts(board) + leakageWatts(board) }
        return sum
    }

    func wallWatts(chips: Double) -> Double {
        guard !condition.isSupplyDown else { return 0 }
        return chips + constants.supply.losses(at: chips) + constants.controlWatts + fanWatts(fanSpeedShare)
    }

    func fanWatts(_ speed: Double) -> Double {
        guard !condition.isSupplyDown else { return 0 }
        let turning = constants.fanCount > 0 ? 1 - Double(lostFans) / Double(constants.fanCount) : 1
        return constants.fanMaxWatts * turning * speed * speed * speed
    }

    /// Watts that leave the boards into the stream of air, from their temperatures alone.
    func heatFlow(room: Double) -> Double {
        guard constants.hasHeat else { return chipWatts }
        var conductance = 0.0
        var sum = 0.0
        for board in boards {
            let g = 1 / (cooling.resistance * board.spread)
            conductance += g
            sum += g * (board.celsius - room)
        }
        return sum / (1 + cooling.air * conductance)
    }

    /// Mean air between the boards.
    func airDegrees(room: Double) -> Double { room + cooling.air * heatFlow(room: room) }

    /// Watts that leave the boards into the air now.
    public var heatFlow: Watts { Watts(heatFlow(room: roomDegrees(at: updated))) }
    /// Air where it enters: the room, warmer by what faults and the outlet's return add.
    public var inletTemperature: Celsius {
        let room = roomDegrees(at: updated)
        let share = constants.recirculation / (1 - constants.recirculation)
        return Celsius(room + share * streamKelvin(room: room))
    }
    public var outletTemperature: Celsius {
        let room = roomDegrees(at: updated)
        return Celsius(inletTemperature.degrees + streamKelvin(room: room))
    }
    /// The hottest board's copper, where board sensors sit: between the air and the chips.
    public var boardTemperature: Celsius { Celsius(boardDegrees) }

    var boardDegrees: Double {
        let air = airDegrees(room: roomDegrees(at: updated))
        return air + 0.6 * (chipTemperature.degrees - air)
    }

    /// How much warmer the air leaves than it enters.
    private func streamKelvin(room: Double) -> Double {
        heatFlow(room: room) / (1_168 * max(constants.airflowMax * cooling.share, 1e-6))
    }
}
