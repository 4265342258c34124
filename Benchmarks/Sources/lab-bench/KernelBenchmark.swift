import CSHA256
import Foundation

/// Budget: 1.8 times pooler's cpuminer with SHA-NI, 2.2 with AVX-512, 1.05 with AVX2 alone. LAB_MINERD names a
/// minerd to compare with in the same run.
enum KernelBenchmark {
    private static let rounds = 5
    private static let nonces: UInt64 = 8_000_000

    static func run() -> Bool {
        let baseline = Minerd.megahashes()
        if let baseline { print("minerd (LAB_MINERD)  \(format(baseline)) MH/s") }
        let kernels = (0..<Int32(CSHA256_KERNEL_COUNT)).map { csha256_kernel(rawValue: UInt32($0)) }
            .filter { csha256_kernel_supported($0) }
        var best = [UInt32: Double]()
        // Alternating, so that a busy moment of the machine hits all kernels alike.
        for _ in 0..<rounds {
            for kernel in kernels {
                best[kernel.rawValue] = max(best[kernel.rawValue] ?? 0, rate(of: kernel))
            }
        }
        var held = true
        for kernel in kernels {
            let rate = best[kernel.rawValue] ?? 0
            let name = String(cString: csha256_kernel_name(kernel))
            var line =
                "\(name.padding(toLength: 20, withPad: " ", startingAt: 0)) \(format(rate)) MH/s per core"
            if let baseline, let wanted = budget[kernel.rawValue] {
                let ratio = rate / baseline
                line += "  \(format(ratio)) times minerd (budget \(wanted))"
                held = held && ratio >= wanted
            }
            print(line)
        }
        if baseline == nil { print("set LAB_MINERD to the path of a minerd to compare in the same run") }
        return held
    }

    private static let budget: [UInt32: Double] = [
        CSHA256_SHA_NI.rawValue: 1.8, CSHA256_AVX512.rawValue: 2.2, CSHA256_AVX2.rawValue: 1.05,
    ]

    /// Millions of nonces per second of processor time.
    private static func rate(of kernel: csha256_kernel) -> Double {
        var job = csha256_job()
        let header = (0..<76).map { UInt8(truncatingIfNeeded: $0 * 37) }
        csha256_job_init(&job, header)
        var candidates = [UInt32](repeating: 0, count: 64)
        var found = 0
        let count = kernel == CSHA256_PORTABLE ? nonces / 8 : nonces
        let started = processorSeconds()
        var done: UInt64 = 0
        while done < count {
            done += csha256_scan_with(
                kernel, &job, UInt32(truncatingIfNeeded: done), 1, count - done, 0, &candidates,
                candidates.count, &found)
        }
        return Double(count) / (processorSeconds() - started) / 1e6
    }

    private static func processorSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    private static func format(_ value: Double) -> String { String(format: "%.2f", value) }
}

/// Somebody else's miner as the yardstick.
enum Minerd {
    /// What `minerd --benchmark -a sha256d -t 1` says after some seconds, in MH/s; nil without LAB_MINERD.
    static func megahashes() -> Double? {
        guard let path = ProcessInfo.processInfo.environment["LAB_MINERD"] else { return nil }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = ["--benchmark", "-a", "sha256d", "-t", "1"]
        let pipe = Pipe()
        process.standardError = pipe
        process.standardOutput = pipe
        guard (try? process.run()) != nil else { return nil }
        DispatchQueue.global().asyncAfter(deadline: .now() + 25) { process.terminate() }
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        let rates = text.matches(of: /([0-9.]+) (k|M)hash\/s/).compactMap { match in
            Double(match.1).map { match.2 == "k" ? $0 / 1_000 : $0 }
        }
        return rates.max()
    }
}
