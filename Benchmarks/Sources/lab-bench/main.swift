import Foundation

// Each benchmark prints what it measured and the budget that it protects, and answers whether it held.
let benchmarks: [(name: String, what: String, run: () -> Bool)] = [
    ("kernels", "SHA-256d nonce scan per core, each kernel of this CPU", KernelBenchmark.run),
    ("node", "10,000 blocks generated; a start and a rest with 100,000", NodeBenchmark.run),
    ("validate", "a block of 2,000 P2WPKH inputs against libbitcoinkernel", ValidationBenchmark.run),
    (
        "template", "templates from 50,000 waiting transactions for 100 clients",
        TemplateBenchmark.run
    ),
    ("device", "a step of physics and the memory of one device", DeviceBenchmark.run),
    ("chips", "a wire-level chain of 65 chips at 3.125 Mbaud, idle and hashing", ChipsBenchmark.run),
    (
        "devices", "events and memory of 10,000 connected devices, V1 and V2",
        DevicePathBenchmark.run
    ),
    ("sim", "1,000 devices in virtual time", SimulationBenchmark.run),
    ("pool", "shares, handshakes, memory and tips of the pool server", PoolBenchmark.run),
    ("fleet", "5,000 live devices on own connections against the pool", FleetBenchmark.run),
]

// The pool benchmark runs its servers as processes of their own.
if CommandLine.arguments.dropFirst().first == EchoServer.argument { EchoServer.run() }
if CommandLine.arguments.dropFirst().first == PoolServer.argument {
    PoolServer.run(Array(CommandLine.arguments.dropFirst(2)))
}

let wanted = CommandLine.arguments.dropFirst()
let unknown = wanted.filter { name in !benchmarks.contains { $0.name == name } }
guard unknown.isEmpty else {
    print("lab bench: no benchmark \(unknown.joined(separator: ", ")); there are:")
    for benchmark in benchmarks { print("  \(benchmark.name)  \(benchmark.what)") }
    exit(64)
}

var held = true
for benchmark in benchmarks where wanted.isEmpty || wanted.contains(benchmark.name) {
    print("== \(benchmark.name): \(benchmark.what)")
    fflush(nil)
    if !benchmark.run() { held = false }
}
exit(held ? 0 : 1)
