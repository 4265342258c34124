import Bitcoin
import Chain
import Foundation

/// A block of 1,000 transactions with 2,000 P2WPKH inputs, from bytes to the new tip, nothing known before. Beside
/// it libbitcoinkernel on the same blocks, where LAB_KERNEL_PYTHON names a Python that has py-bitcoinkernel.
enum ValidationBenchmark {
    static let transactions = 1_000
    static let rounds = 7
    /// Times the kernel's time that ours may take.
    static let ratioMax = 1.3

    static func run() -> Bool {
        let (chain, base, block) = prepare()
        var times: [Double] = []
        for _ in 0..<rounds {
            var copy = chain
            let start = ContinuousClock.now
            guard let parsed = try? Block(bytes: block) else { return false }
            let verdict = copy.accept(parsed, bytes: block, now: .max)
            times.append((ContinuousClock.now - start) / .milliseconds(1))
            guard verdict.submitResult == nil, copy.height == chain.height + 1 else {
                print("the block was refused: \(verdict.submitResult ?? "no reason")")
                return false
            }
        }
        let ours = median(times)
        print(
            "block of \(block.count) bytes, \(transactions * 2) signatures: \(text(ours)) ms "
                + "(median of \(rounds), best \(text(times.min() ?? 0)) ms), "
                + "\(Int(Double(transactions * 2) / ours * 1_000)) inputs per second")
        guard let python = ProcessInfo.processInfo.environment["LAB_KERNEL_PYTHON"] else {
            print(
                "libbitcoinkernel not measured: set LAB_KERNEL_PYTHON to a Python that has py-bitcoinkernel")
            return true
        }
        let kernel = measureKernel(python, base + [block])
        guard !kernel.isEmpty else {
            print("libbitcoinkernel could not be measured with \(python)")
            return false
        }
        let theirs = median(kernel)
        let ratio = ours / theirs
        print(
            "libbitcoinkernel: \(text(theirs)) ms (median of \(kernel.count), best "
                + "\(text(kernel.min() ?? 0)) ms); ours takes \(text(ratio)) times as long, budget \(ratioMax)"
        )
        return ratio <= ratioMax
    }

    private static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
    private static func text(_ value: Double) -> String { String(format: "%.2f", value) }

    // MARK: The blocks

    /// A chain whose tip has 2,000 P2WPKH outputs to spend, its blocks, and the block that spends them.
    private static func prepare() -> (chain: Chainstate, base: [[UInt8]], block: [UInt8]) {
        guard let key = SecretKey(bytes: SHA256.hash(Array("benchmark".utf8)).bytes) else { exit(70) }
        let script = Script.p2wpkh(key.publicKey.hash160)
        var chain = Chainstate(.regtest)
        var base: [[UInt8]] = []
        func extend(_ transactions: [Transaction]) -> Block {
            let block = mine(on: chain, transactions, paying: script)
            let bytes = block.bytes()
            guard chain.accept(block, bytes: bytes, now: .max).submitResult == nil else {
                print("the base chain was refused")
                exit(70)
            }
            base.append(bytes)
            return block
        }
        let first = extend([])
        for _ in 0..<100 { _ = extend([]) }
        let coinbase = first.transactions[0]
        let value = coinbase.outputs[0].value / Int64(transactions * 2)
        let fan = sign(
            [(OutPoint(txid: coinbase.txid, index: 0), coinbase.outputs[0])],
            to: (0..<transactions * 2).map { _ in TransactionOutput(value: value, scriptPubKey: script) }, key
        )
        _ = extend([fan])
        let spending = (0..<transactions).map { index in
            sign(
                [2 * index, 2 * index + 1].map {
                    (OutPoint(txid: fan.txid, index: UInt32($0)), fan.outputs[$0])
                },
                to: [TransactionOutput(value: 2 * value - 500, scriptPubKey: script)], key)
        }
        return (chain, base, mine(on: chain, spending, paying: script).bytes())
    }

    private static func sign(
        _ coins: [(OutPoint, TransactionOutput)], to outputs: [TransactionOutput], _ key: SecretKey
    ) -> Transaction {
        var inputs = coins.map { TransactionInput(previousOutput: $0.0) }
        let hasher = SignatureHasher(
            Transaction(inputs: inputs, outputs: outputs), spending: coins.map(\.1))
        let publicKey = key.publicKey
        for index in inputs.indices {
            let digest = hasher.witnessV0(
                input: index, scriptCode: Script.p2pkh(publicKey.hash160).bytes, value: coins[index].1.value,
                hashType: 1)
            inputs[index].witness = [key.signECDSA(digest) + [1], publicKey.bytes]
        }
        return Transaction(inputs: inputs, outputs: outputs)
    }

    private static func mine(on chain: Chainstate, _ transactions: [Transaction], paying script: Script)
        -> Block
    {
        let height = chain.height + 1
        let coinbase = Transaction(
            inputs: [
                TransactionInput(
                    previousOutput: .null, scriptSig: Script(Script.heightPush(height) + [0]),
                    witness: [WitnessCommitment.reservedValue])
            ],
            outputs: [
                TransactionOutput(
                    value: NetworkParameters.regtest.subsidy(at: height), scriptPubKey: script),
                TransactionOutput(
                    value: 0,
                    scriptPubKey: WitnessCommitment.script(forTransactionsAfterCoinbase: transactions)),
            ])
        let all = [coinbase] + transactions
        var block = Block(
            header: BlockHeader(
                version: 0x2000_0000, previousBlockHash: chain.tip.hash,
                merkleRoot: Merkle.root(all.map(\.txid)).root, time: 1_700_000_000 + UInt32(height) * 60,
                bits: CompactTarget(bits: 0x207f_ffff), nonce: 0),
            transactions: all)
        while !NetworkParameters.regtest.proofOfWorkLimit.isMet(by: block.hash) { block.header.nonce += 1 }
        return block
    }

    // MARK: The kernel

    /// Feeds all blocks to a fresh chain of the kernel's and times the last one; milliseconds of each round.
    private static func measureKernel(_ python: String, _ blocks: [[UInt8]]) -> [Double] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = [
            "\(Program.root)/Benchmarks/kernel_time.py", "\(rounds)",
            "\(ProcessInfo.processInfo.activeProcessorCount)",
        ]
        let input = Pipe()
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        guard (try? process.run()) != nil else { return [] }
        for block in blocks { input.fileHandleForWriting.write(Data((block.hex + "\n").utf8)) }
        try? input.fileHandleForWriting.close()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return text.split(separator: "\n").compactMap { Double($0) }
    }
}
