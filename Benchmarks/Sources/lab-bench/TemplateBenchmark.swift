import Bitcoin
import Chain
import Foundation
import SansIO
import Stratum

/// Budget: after one new transaction in a pool of 50,000 a new NewTemplate is ready for 100 clients within 20 ms;
/// after a new block SetNewPrevHash is ready for every one of 100 clients within 10 ms of its acceptance.
///
/// The node is driven as a value, its clients speak real Noise, and what is timed is the machine's own work from
/// the input to the last client's bytes. LAB_BENCH_TRANSACTIONS and LAB_BENCH_CLIENTS change the counts.
enum TemplateBenchmark {
    private static let transactions = number("LAB_BENCH_TRANSACTIONS", 50_000)
    private static let clients = number("LAB_BENCH_CLIENTS", 100)

    static func run() -> Bool {
        var rig = NodeRig(clients: clients)
        // The same node with one client tells what acceptance alone takes.
        var twin = NodeRig(clients: 1)
        rig.fill(to: transactions)
        twin.fill(to: transactions)
        print("\(rig.poolCount) transactions in the pool, \(clients) template clients over Noise")

        var arrivals: [Double] = []
        var refreshes: [Double] = []
        for _ in 0..<21 {
            let next = rig.nextTransaction(bonus: 20_000)
            _ = twin.nextTransaction(bonus: 20_000)
            arrivals.append(rig.time { $0.handle(.submitTransaction(next)) })
            twin.handle(.submitTransaction(next))
            rig.now += .seconds(6)
            twin.now += .seconds(6)
            refreshes.append(rig.time { $0.meetDeadline() })
            twin.meetDeadline()
            guard rig.sends == clients else {
                print("only \(rig.sends) of \(clients) clients got a NewTemplate")
                return false
            }
        }
        line("one transaction accepted", median(arrivals), "")
        line("NewTemplate for all clients", median(refreshes), "  (budget 20)")

        var tips: [Double] = []
        var bare: [Double] = []
        var follows: [Double] = []
        for _ in 0..<5 {
            let block = rig.minedBlock()
            bare.append(twin.time { $0.handle(.submitBlock(block)) })
            tips.append(rig.time { $0.handle(.submitBlock(block)) })
            guard rig.sends == clients else {
                print("only \(rig.sends) of \(clients) clients got SetNewPrevHash")
                return false
            }
            follows.append(rig.time { $0.meetDeadline() })
            twin.meetDeadline()
            rig.fill(to: transactions)
            twin.fill(to: transactions)
        }
        let fanOut = max(0, median(zip(tips, bare).map { $0 - $1 }))
        line("block accepted, SetNewPrevHash for one client", median(bare), "")
        line("block accepted, SetNewPrevHash for all clients", median(tips), "")
        line("difference: the other clients", fanOut, "  (budget 10)")
        line("pool follows, full NewTemplate for all clients", median(follows), "")
        return median(refreshes) <= 20 && fanOut <= 10
    }

    private static func number(_ name: String, _ fallback: Int) -> Int {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? fallback
    }

    private static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

    private static func line(_ what: String, _ milliseconds: Double, _ note: String) {
        let name = what.padding(toLength: 50, withPad: " ", startingAt: 0)
        print("\(name)\(String(format: "%8.3f", milliseconds)) ms\(note)")
    }
}

/// A node with coins that anybody may spend, and its template clients.
private struct NodeRig: ~Copyable {
    var now = Instant.start
    private(set) var sends = 0
    private var node: NodeMachine
    private var effects = EffectBuffer<NodeObservation>()
    private var random = PRNG(seed: 5)
    private var coins: [(outPoint: OutPoint, value: Int64)] = []
    private var connections: [V2Connection] = []
    private var received: [Int: [UInt8]] = [:]

    private static let program: [UInt8] = [0x51]
    private static let script = Script(bytes: [0x00, 0x20] + SHA256.hash(program).bytes)
    private static let fanOuts = 64
    private static let outputsEach = 1_900

    init(clients: Int) {
        var configuration = NodeConfiguration(
            network: .regtest, clock: WallClock(unixSecondsAtStart: 1_700_020_000),
            secretSeed: [UInt8](repeating: 7, count: 32))
        configuration.feeThreshold = 1
        node = NodeMachine(configuration)
        handle(.generate(count: Self.fanOuts, script: Self.script, maxTries: 1 << 30))
        handle(.generate(count: 100, script: Script(bytes: [0x51]), maxTries: 1 << 30))
        prepareCoins()
        for number in 1...max(clients, 1) where clients > 0 { connect(ConnectionID(UInt64(number))) }
    }

    var poolCount: Int { node.snapshot.mempoolCount }

    mutating func handle(_ command: NodeCommand) {
        node.handle(command, at: now, into: &effects)
        drain()
    }

    mutating func meetDeadline() {
        node.deadlineReached(at: now, into: &effects)
        drain()
    }

    /// Milliseconds of processor time of the work, the drain included: the machine has one thread.
    mutating func time(_ work: (inout NodeRig) -> Void) -> Double {
        let start = Self.processorMilliseconds
        work(&self)
        return Self.processorMilliseconds - start
    }

    private static var processorMilliseconds: Double {
        var now = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now)
        return Double(now.tv_sec) * 1e3 + Double(now.tv_nsec) / 1e6
    }

    /// A spend of the next coin at a random rate, as bytes. The bonus, in satoshi, makes it one for the template.
    mutating func nextTransaction(bonus: Int64 = 0) -> [UInt8] {
        let coin = coins.removeLast()
        return Self.spend(coin, fee: bonus + 1_000 + Int64(random.below(9_000)), outputs: 1).bytes()
    }

    mutating func fill(to count: Int) {
        while poolCount < count, !coins.isEmpty { handle(.submitTransaction(nextTransaction())) }
    }

    /// The block that a miner would find now.
    func minedBlock() -> [UInt8] {
        let template = BlockTemplate(on: node.chain, from: node.mempool)
        let time = template.time(at: 1_700_020_000 + UInt32(now.nanoseconds / 1_000_000_000))
        var block = template.block(coinbase: template.coinbase(paying: Script(bytes: [0x51])), time: time)
        let nonce = HeaderScanner(header: block.header).find(target: template.target, nonces: 0..<(1 << 32))
        block.header.nonce = nonce ?? 0
        return block.bytes()
    }

    private static func spend(_ coin: (outPoint: OutPoint, value: Int64), fee: Int64, outputs: Int)
        -> Transaction
    {
        let value = (coin.value - fee) / Int64(outputs)
        return Transaction(
            inputs: [
                TransactionInput(previousOutput: coin.outPoint, sequence: 0xffff_fffd, witness: [program])
            ],
            outputs: (0..<outputs).map { _ in TransactionOutput(value: value, scriptPubKey: script) })
    }

    private mutating func prepareCoins() {
        for height in 1...Self.fanOuts {
            guard let block = node.chain.block(node.chain.active[height]) else { continue }
            let coinbase = block.transactions[0]
            let wide = Self.spend(
                (OutPoint(txid: coinbase.txid, index: 0), coinbase.outputs[0].value), fee: 1_000_000,
                outputs: Self.outputsEach)
            handle(.submitTransaction(wide.bytes()))
            for (index, output) in wide.outputs.enumerated() {
                coins.append((OutPoint(txid: wide.txid, index: UInt32(index)), output.value))
            }
        }
        while poolCount > 0 { handle(.generate(count: 1, script: Script(bytes: [0x51]), maxTries: 1 << 30)) }
    }

    /// Handshake, SetupConnection and constraints; afterwards what is sent is only counted.
    private mutating func connect(_ id: ConnectionID) {
        node.connectionOpened(
            id, origin: .accepted(on: .templateProvider, from: "127.0.0.1"), at: now, into: &effects)
        drain()
        var secrets = SecretGenerator(seed: id.raw.description.utf8.map { $0 })
        var connection = V2Connection.initiator(expecting: nil, secrets: &secrets)
        var out = ByteWriter()
        connection.start(into: &out)
        node.bytesReceived(out.bytes.span.bytes, on: id, at: now, into: &effects)
        let answer = drain(of: id)
        var request = ByteWriter()
        guard (try? connection.receive(answer.span.bytes, unixTime: 1_700_020_000, into: &request)) != nil
        else {
            fatalError("no handshake")
        }
        connection.send(
            Common.SetupConnection(
                protocol: .templateDistribution, minVersion: 2, maxVersion: 2, flags: 0, endpointHost: "",
                endpointPort: 0, vendor: "bench", hardwareVersion: "", firmware: "", deviceID: ""),
            into: &request)
        connection.send(
            TemplateDistribution.CoinbaseOutputConstraints(
                coinbaseOutputMaxAdditionalSize: 100, coinbaseOutputMaxAdditionalSigops: 0), into: &request)
        node.bytesReceived(request.bytes.span.bytes, on: id, at: now, into: &effects)
        drain()
    }

    private mutating func drain() {
        sends = 0
        for effect in effects.effects { if case .send = effect { sends += 1 } }
        effects.reset()
    }

    private mutating func drain(of id: ConnectionID) -> [UInt8] {
        var bytes: [UInt8] = []
        for effect in effects.effects {
            if case .send(id, let range) = effect { bytes += effects.bytes(range) }
        }
        effects.reset()
        return bytes
    }
}
