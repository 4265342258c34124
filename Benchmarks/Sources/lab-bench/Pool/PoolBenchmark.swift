import Bitcoin
import Foundation
import SansIO
import Stratum

/// Budgets, per core of the pool's process: 45,000 shares a second answered one at a time and 150,000 pipelined over
/// 1,000 connections; 4,000 handshakes a second; 8 KiB for an idle authorised channel on its own connection, 1 KiB for
/// a further one; a new tip at the last of 10,000 connections within 300 ms (99 of 100).
///
/// LAB_BENCH_PART (shares, crowd) runs one of its halves; LAB_BENCH_CONNECTIONS (1,000) and LAB_BENCH_ROUNDS (100) change the size, LAB_BENCH_IDLE (10,000) the number of idle
/// connections.
enum PoolBenchmark {
    private static let connections = number("LAB_BENCH_CONNECTIONS", 1_000)
    private static let rounds = number("LAB_BENCH_ROUNDS", 100)
    private static let idle = number("LAB_BENCH_IDLE", 10_000)

    static func run() -> Bool {
        do {
            var held = true
            if wants("shares") {
                try echo()
                held = try shares(batch: 1, pipelined: 1, budget: 45_000)
                held = try shares(batch: 10, pipelined: 32, budget: 150_000) && held
            }
            if wants("crowd") { held = try crowd() && held }
            return held
        } catch {
            print("\(error)")
            return false
        }
    }

    /// What the network alone costs.
    private static func echo() throws {
        let server = try Program([EchoServer.argument], of: CommandLine.arguments[0])
        guard let port = server.waitFor(/mining 127.0.0.1:([0-9]+)/, seconds: 30).flatMap({ UInt16($0) })
        else {
            throw BenchMiner.Failure.refused("the echo did not start:\n\(server.output)")
        }
        let sockets = try (0..<connections).map { _ in try BenchMiner.dial(port) }
        let message = [UInt8](repeating: 1, count: EchoServer.request)
        var answer = [UInt8](repeating: 0, count: EchoServer.request)
        let before = server.processorSeconds
        for _ in 0..<rounds {
            for socket in sockets { _ = send(socket, message, message.count, 0) }
            for socket in sockets {
                var count = 0
                while count < EchoServer.answer { count += try BenchMiner.receive(socket, &answer) }
            }
        }
        line(
            "answers per core-second of a bare echo",
            Double(connections * rounds) / (server.processorSeconds - before), "")
        for socket in sockets { close(socket) }
        server.process.terminate()
    }

    /// Shares over Noise: each connection sends `pipelined` of them and waits for their answers, all connections in
    /// turn.
    private static func shares(batch: UInt32, pipelined: Int, budget: Double) throws -> Bool {
        let stack = try Stack(network: ["--network", "labnet", "--block-hashes", "1e15"], batch: batch)
        var secrets = SecretGenerator(seed: Array("shares".utf8))
        var miners = try (0..<connections).map { _ in try BenchMiner(port: stack.port, secrets: &secrets) }
        for i in miners.indices { try miners[i].setUp() }
        let perRound = pipelined - pipelined % Int(batch)
        let turns = max(1, rounds / max(1, perRound / 4))
        let before = stack.pool.processorSeconds
        for turn in 1...turns {
            for i in miners.indices { try miners[i].submit(perRound) }
            for i in miners.indices {
                while miners[i].accepted + miners[i].rejected < turn * perRound { try miners[i].receive() }
            }
        }
        let spent = stack.pool.processorSeconds - before
        let accepted = miners.reduce(0) { $0 + $1.accepted }
        let rejected = miners.reduce(0) { $0 + $1.rejected }
        for miner in miners { miner.shut() }
        let rate = Double(accepted) / spent
        let what = pipelined == 1 ? "one at a time" : "\(perRound) pipelined"
        line("shares answered per core-second, \(what)", rate, "  (budget \(Int(budget)))")
        if rejected > 0 { print("\(rejected) of \(accepted + rejected) shares were refused") }
        return rejected == 0 && rate >= budget
    }

    /// Handshakes, memory at rest, and how long a tip takes to everybody.
    private static func crowd() throws -> Bool {
        let stack = try Stack(network: ["--network", "regtest"], batch: 10)
        var secrets = SecretGenerator(seed: Array("crowd".utf8))
        let before = stack.pool.processorSeconds
        for _ in 0..<4 {
            var storm = try (0..<1_000).map { _ in try BenchMiner(port: stack.port, secrets: &secrets) }
            for i in storm.indices { try storm[i].greet() }
            for i in storm.indices { try storm[i].finishHandshake() }
            for miner in storm { miner.shut() }
        }
        let handshakes = 4_000 / (stack.pool.processorSeconds - before)
        line("handshakes per core-second", handshakes, "  (budget 4000)")
        let base = stack.pool.privateBytes
        var miners = try (0..<idle).map { _ in
            var miner = try BenchMiner(port: stack.port, secrets: &secrets)
            try miner.setUp()
            return miner
        }
        let each = Double(stack.pool.privateBytes - base) / Double(idle)
        line("bytes per idle channel on its own connection", each, "  (budget 8192)")
        let single = stack.pool.privateBytes
        let further = 4_000
        for request in 2..<UInt32(further + 2) {
            try miners[0].open(request: request)
            if request % 8 == 0 { try miners[0].flush() }
        }
        try miners[0].flush()
        while miners[0].tips < further + 1 { try miners[0].receive() }
        let more = Double(stack.pool.privateBytes - single) / Double(further)
        line("bytes per further channel of a connection", more, "  (budget 1024)")
        let late = try fanOut(&miners, of: stack)
        for miner in miners { miner.shut() }
        return handshakes >= 4_000 && each <= 8_192 && more <= 1_024 && late <= 300
    }

    /// Milliseconds from the call that makes a block to its arrival at a connection, the 99th percentile of all.
    private static func fanOut(_ miners: inout [BenchMiner], of stack: Stack) throws -> Double {
        var sockets = miners.map { pollfd(fd: $0.socket, events: Int16(POLLIN), revents: 0) }
        var delays: [Double] = []
        var lasts: [Double] = []
        for _ in 0..<10 {
            let wanted = miners.map { $0.tips + 1 }
            var waiting = miners.count
            let start = ContinuousClock.now
            try stack.mine()
            while waiting > 0 {
                guard poll(&sockets, nfds_t(sockets.count), 10_000) > 0 else {
                    throw BenchMiner.Failure.closed
                }
                let delay = (ContinuousClock.now - start) / .milliseconds(1)
                for i in sockets.indices where sockets[i].revents != 0 {
                    let had = miners[i].tips
                    try miners[i].receive()
                    if had < wanted[i], miners[i].tips >= wanted[i] {
                        waiting -= 1
                        delays.append(delay)
                        if waiting == 0 { lasts.append(delay) }
                    }
                }
            }
        }
        delays.sort()
        lasts.sort()
        let late = delays[delays.count * 99 / 100]
        line("new tip at \(miners.count) connections, median ms", delays[delays.count / 2], "")
        line("new tip at \(miners.count) connections, 99 % ms", late, "  (budget 300)")
        line("new tip at the last of them, worst block ms", lasts.last ?? 0, "")
        return late
    }

    private static func wants(_ part: String) -> Bool {
        ProcessInfo.processInfo.environment["LAB_BENCH_PART"].map { $0 == part } ?? true
    }

    private static func number(_ name: String, _ fallback: Int) -> Int {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? fallback
    }

    private static func line(_ what: String, _ value: Double, _ note: String) {
        let name = what.padding(toLength: 52, withPad: " ", startingAt: 0)
        print("\(name)\(String(format: "%10.0f", value))\(note)")
        fflush(nil)
    }
}

/// A node, and the pool as a process of its own.
private final class Stack {
    let node: Program
    let pool: Program
    let port: UInt16
    private let data: String
    private let rpc: String
    private var caller: Int32 = -1

    init(network: [String], batch: UInt32) throws {
        data =
            FileManager.default.temporaryDirectory.appendingPathComponent("lab-bench-\(UUID().uuidString)")
            .path
        node = try Program(
            ["node", "--data", data, "--rpc-port", "0", "--p2p-port", "0", "--template-port", "0"] + network)
        guard let templates = node.waitFor(/templates (127.0.0.1:[0-9]+)/, seconds: 30),
            let rpc = node.waitFor(/rpc (?:http:\/\/)?(127.0.0.1:[0-9]+)/, seconds: 5)
        else { throw BenchMiner.Failure.refused("the node did not start:\n\(node.output)") }
        self.rpc = rpc
        pool = try Program([PoolServer.argument, templates, "\(batch)"], of: CommandLine.arguments[0])
        guard let port = pool.waitFor(/mining 127.0.0.1:([0-9]+)/, seconds: 30).flatMap({ UInt16($0) }) else {
            throw BenchMiner.Failure.refused("the pool did not start:\n\(pool.output)")
        }
        self.port = port
    }

    deinit {
        pool.process.terminate()
        node.process.terminate()
        node.process.waitUntilExit()
        try? FileManager.default.removeItem(atPath: data)
    }

    /// One block, by RPC; returns as soon as the request is sent.
    func mine() throws {
        let address = Address(script: .p2wpkh(.zero), network: .regtest)?.description ?? ""
        let body = #"{"id":1,"method":"generatetoaddress","params":[1,"\#(address)"]}"#
        let request = """
            POST / HTTP/1.1\r\nHost: \(rpc)\r\nConnection: close\r\nContent-Length: \(body.utf8.count)\r\n\
            Authorization: Basic \(Data("lab:lab".utf8).base64EncodedString())\r\n\r\n\(body)
            """
        if caller >= 0 { close(caller) }
        caller = try BenchMiner.dial(UInt16(rpc.split(separator: ":")[1])!)
        _ = request.withCString { send(caller, $0, strlen($0), 0) }
    }
}

extension Program {
    /// Memory that belongs to the process alone, in bytes.
    fileprivate var privateBytes: Int {
        let path = "/proc/\(process.processIdentifier)/smaps_rollup"
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        return text.matches(of: /Private_(?:Clean|Dirty):\s+([0-9]+) kB/).reduce(0) {
            $0 + (Int($1.1) ?? 0) * 1_024
        }
    }
}
