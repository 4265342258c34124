import Bitcoin
import Foundation
import Hardware
import SansIO

/// How fast this processor hashes.
enum MinerBenchmark {
    /// Work that no hash fulfils.
    private static var work: MiningWork {
        let header = BlockHeader(
            version: 0x2000_0000, previousBlockHash: SHA256.hash([1]), merkleRoot: SHA256.hash([2]),
            time: 1_700_000_000, bits: CompactTarget(bits: 0x1d00_ffff), nonce: 0)
        return MiningWork(id: WorkID(1), header: header, target: Target(.zero), versionMask: 0x1fff_e000)
    }

    /// Hashes on all threads until a signal comes, with a line for each thread and their sum.
    static func run(_ cores: ProcessorCores, _ report: MinerReport) async {
        let stop = StopSignal()
        let began = ContinuousClock.now
        report.note(
            "started",
            "\(cores.meters.count, as: "threads") miner threads started, using 'sha256d' algorithm "
                + "(\(HeaderScanner.kernelName, as: "kernel") kernel).")
        cores.start { _, handled in handled() }
        cores.carryOut(.load(work))
        let lines = Task {
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(ProcessorMiner.reportPause))
                if !Task.isCancelled { total(report) }
            }
        }
        _ = await stop.wait()
        lines.cancel()
        cores.stop()
        total(report)
        report.end(after: (ContinuousClock.now - began) / .seconds(1))
    }

    private static func total(_ report: MinerReport) {
        let sum = report.threads()
        report.note("total", "Total: \(sum, as: "hash_rate", shown: MinerReport.kilohashes(sum))")
    }

    /// One core's hashes a second, measured for some hundredths of a second: what pools are told.
    static func quickRate() -> Double {
        let scanner = HeaderScanner(header: work.header)
        let clock = ContinuousClock()
        var hashes: UInt64 = 0
        let began = clock.now
        while clock.now - began < .milliseconds(30), hashes < 1 << 31 {
            _ = scanner.find(target: Target(.zero), nonces: hashes..<hashes + 16_384)
            hashes += 16_384
        }
        return Double(hashes) / max((clock.now - began) / .seconds(1), 1e-6)
    }
}
