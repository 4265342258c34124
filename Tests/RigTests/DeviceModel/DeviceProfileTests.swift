import DeviceModel
import Hardware
import Testing

@Suite struct DeviceProfileTests {
    @Test(arguments: ["bitaxe-gamma", "antminer-s19j-pro"])
    func `a profile file uses only keys of the schema`(name: String) throws {
        let values = try ProfileFile.values(of: name)
        for key in values.keys.sorted() { try DeviceProfile.check(key: key) }
        let profile = try DeviceProfile(values: { values[$0] })
        #expect(profile.nominalHashRate > .zero)
    }

    @Test func `the files describe the devices of the data sheets`() {
        #expect(TestRigs.bitaxe.chip.family == "BM1370")
        #expect(abs(TestRigs.bitaxe.nominalHashRate.terahashes - 1.071) < 0.001)
        #expect(TestRigs.antminer.chip.family == "BM1362")
        #expect(TestRigs.antminer.chipCount == 378)
        #expect(abs(TestRigs.antminer.nominalHashRate.terahashes - 104) < 0.5)
    }

    @Test func `a missing key, a wrong value and a misspelt key are named`() throws {
        var values = try ProfileFile.values(of: "bitaxe-gamma")
        values["chip.units"] = nil
        #expect(throws: ProfileError.missing(key: "chip.units", expected: "a number from 1e-06 to 1000000.0"))
        {
            try DeviceProfile(values: { values[$0] })
        }
        values["chip.units"] = .text("many")
        #expect(
            throws: ProfileError.wrong(
                key: "chip.units", expected: "a number from 1e-06 to 1000000.0", found: "\"many\"")
        ) { try DeviceProfile(values: { values[$0] }) }
        #expect(throws: ProfileError.unknown(key: "chip.nominal_mhs", nearest: "chip.nominal_mhz")) {
            try DeviceProfile.check(key: "chip.nominal_mhs")
        }
        #expect(throws: ProfileError.unknown(key: "weather", nearest: nil)) {
            try DeviceProfile.check(key: "weather")
        }
    }

    @Test func `values that contradict each other are refused`() throws {
        var values = try ProfileFile.values(of: "antminer-s19j-pro")
        values["limits.throttle_celsius"] = .integer(120)
        #expect(
            throws: ProfileError.contradiction(
                key: "limits.throttle_celsius", reason: "above limits.shutdown_celsius")
        ) { try DeviceProfile(values: { values[$0] }) }
    }

    @Test func `every key of the schema is unique and says what it wants`() {
        let paths = DeviceProfile.schema.map(\.path)
        #expect(Set(paths).count == paths.count)
        #expect(DeviceProfile.schema.allSatisfy { !$0.documentation.isEmpty && !$0.expectation.isEmpty })
    }
}
