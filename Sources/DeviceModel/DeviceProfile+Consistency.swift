/// Values that are possible each for itself and impossible together, or impossible for what they describe.
extension DeviceProfile {
    /// Empty for a device that could be built.
    var contradictions: [ProfileError] { familyContradictions + limitContradictions + bodyContradictions }

    private var familyContradictions: [ProfileError] {
        var found: [ProfileError] = []
        if let facts = ChipFamilyFacts.named(chip.family) {
            if chip.units > facts.unitsMax {
                found.append(
                    .contradiction(
                        key: "chip.units", reason: "a \(facts.name) has at most \(whole(facts.unitsMax))"))
            }
            if chip.nominalMegahertz > facts.megahertzMax {
                found.append(
                    .contradiction(
                        key: "chip.nominal_mhz",
                        reason: "a \(facts.name) runs at most \(whole(facts.megahertzMax)) MHz"))
            }
            if boards.chipsPerBoard > facts.chipsPerBoardMax {
                found.append(
                    .contradiction(
                        key: "boards.chips_per_board",
                        reason: "a chain of \(facts.name) addresses at most \(facts.chipsPerBoardMax)"))
            }
        }
        for (name, most) in FirmwareParameters.personalities
        where name == firmware.personality && boards.count > most {
            let boards = most == 1 ? "one board" : "\(most) boards"
            found.append(
                .contradiction(
                    key: "boards.count", reason: "a device of the \(name) family has at most \(boards)"))
        }
        return found
    }

    private var limitContradictions: [ProfileError] {
        var found: [ProfileError] = []
        if limits.throttleCelsius > limits.shutdownCelsius {
            found.append(
                .contradiction(key: "limits.throttle_celsius", reason: "above limits.shutdown_celsius"))
        }
        if limits.targetCelsius > limits.throttleCelsius {
            found.append(
                .contradiction(key: "limits.target_celsius", reason: "above limits.throttle_celsius"))
        }
        if limits.restartCelsius >= limits.shutdownCelsius {
            found.append(
                .contradiction(
                    key: "limits.restart_celsius",
                    reason: "not below limits.shutdown_celsius, so it could never rest"))
        }
        if limits.minimumMegahertz > chip.nominalMegahertz {
            found.append(.contradiction(key: "limits.minimum_mhz", reason: "above chip.nominal_mhz"))
        }
        if firmware.telemetrySecondsMin > firmware.telemetrySecondsMax {
            found.append(
                .contradiction(
                    key: "firmware.telemetry_seconds_min", reason: "above firmware.telemetry_seconds_max"))
        }
        if nameplate.normalCelsiusMin > nameplate.normalCelsiusMax {
            found.append(
                .contradiction(
                    key: "nameplate.normal_celsius_min", reason: "above nameplate.normal_celsius_max"))
        }
        return found
    }

    private var bodyContradictions: [ProfileError] {
        var found: [ProfileError] = []
        if boards.chipsPerBoard % boards.domains != 0 {
            found.append(
                .contradiction(key: "boards.domains", reason: "does not divide boards.chips_per_board"))
        }
        if fan.minRPM > fan.maxRPM {
            found.append(.contradiction(key: "fan.min_rpm", reason: "above fan.max_rpm"))
        }
        if fan.count > 0, fan.maxRPM <= 0 {
            found.append(.contradiction(key: "fan.max_rpm", reason: "zero, but fan.count is \(fan.count)"))
        }
        if power.ratedWatts > 0, supplyCurve == nil {
            found.append(
                .contradiction(
                    key: "power.rated_watts",
                    reason: "asks for efficiency_fifth, efficiency_half and efficiency that a supply can have"
                ))
        }
        return found
    }

    /// Nil where the efficiencies are those of no supply.
    var supplyCurve: SupplyCurve? {
        guard power.ratedWatts > 0 else { return SupplyCurve(efficiency: power.efficiency) }
        return SupplyCurve(
            ratedWatts: power.ratedWatts, fifth: power.efficiencyFifth, half: power.efficiencyHalf,
            full: power.efficiency)
    }

    private func whole(_ value: Double) -> Int { Int(value) }
}
