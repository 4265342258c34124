import DeviceModel
import Measurement
import SansIO
import Testing

@testable import Experiments

/// The cookbook's experiments that are short; `lab cookbook` runs them all.
@Suite("The cookbook")
struct CookbookTests {
    @Test(
        "an experiment's thresholds and references hold at every point of its sweep",
        arguments: [
            "thermal-throttling", "bandwidth", "job-interval", "declaration-fallback", "mixed-hardware",
            "empty-work",
        ])
    func holds(name: String) throws {
        let file = try ExperimentFile(path: "\(ExperimentFileTests.directory)/\(name).toml")
        for point in try file.experiments() {
            let run = try VirtualRun(
                point.experiment, seed: point.experiment.seed, library: ExperimentFileTests.library)
            run.run()
            let record = RunRecord(
                world: .virtual, experiment: point.experiment, path: file.path, source: file.text,
                sweep: point.value, seed: run.seed, startedAt: 0, series: run.series)
            let place = point.value?.description ?? ""
            for verdict in record.verdicts {
                #expect(
                    verdict.isPassed, "\(name) \(place): \(verdict.threshold.text): \(verdict.value ?? .nan)")
            }
            for (reference, value, isWithin) in record.comparisons {
                #expect(isWithin, "\(name) \(place): \(reference.measure): \(value ?? .nan)")
            }
            #expect(!record.verdicts.isEmpty || !record.comparisons.isEmpty)
        }
    }
}
