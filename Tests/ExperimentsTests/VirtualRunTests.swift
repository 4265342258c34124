import Measurement
import SansIO
import Simulation
import Testing

@testable import Experiments

@Suite("Runs in virtual time")
struct VirtualRunTests {
    private static func run(seed: UInt64) throws -> VirtualRun {
        let text = """
            name = "small"
            [network]
            block_interval = "30s"
            block_source = "clock"
            [[fleets]]
            name = "v2"
            count = 4
            profiles = ["bitaxe-gamma"]
            ramp = "5s"
            [[fleets]]
            name = "v1"
            count = 4
            protocol = "v1"
            via = "translator"
            profiles = ["bitaxe-gamma"]
            ramp = "5s"
            [[phases]]
            name = "all"
            duration = "2m"
            """
        let experiment = try ExperimentFile(path: "small.toml", text: text).experiment()
        let run = try VirtualRun(experiment, seed: seed, library: ExperimentFileTests.library)
        run.run()
        return run
    }

    @Test("two runs of one file are equal to the second, and another seed is another run")
    func repeats() throws {
        let first = try Self.run(seed: 7)
        let second = try Self.run(seed: 7)
        #expect(first.world.digest == second.world.digest)
        #expect(first.series == second.series)
        #expect(try Self.run(seed: 8).world.digest != first.world.digest)
    }

    @Test("each fleet's bytes are counted on its own links, and its hottest chip is known in every second")
    func bytesAndHeat() throws {
        let run = try Self.run(seed: 7)
        let all = 0..<run.series.seconds.count
        for fleet in 0..<2 {
            let sum = run.series.sum(all, fleet: fleet)
            let shares = sum[.sharesSubmitted]
            #expect(shares > 0)
            // A submit is 70 to 200 bytes in either protocol; more comes down, for jobs are larger.
            #expect(sum[.bytesUp] > 70 * shares)
            #expect(sum[.bytesDown] > 0)
        }
        // Native devices and translated ones do not see each other's bytes: all of them are what the world carried.
        let carried = (0..<2).reduce(UInt64(0)) {
            let sum = run.series.sum(all, fleet: $1)
            return $0 + sum[.bytesUp] + sum[.bytesDown]
        }
        #expect(carried < run.world.deliveredBytes, "the roles' own links are not the fleets'")
        let heat = run.series.levels(.temperatureMax, 30..<120, fleet: 0)
        #expect(heat.allSatisfy { $0 > 24 })
        #expect(try #require(heat.last) > heat[0] + 5, "chips warm up")
    }
}
