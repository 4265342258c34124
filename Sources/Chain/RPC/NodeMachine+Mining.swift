import Bitcoin
import JSONText
import SansIO

extension RPCMethod {
    static let mining: [RPCMethod] = [
        RPCMethod(
            "getblocktemplate",
            "template_request:obj", in: "Mining",
            "Data needed to construct a block to work on (BIP22, BIP23, BIP9, BIP145).",
            hold: { node, call throws(RPCError) in node.templateWait(call) }
        ) { node, call, _ throws(RPCError) in try node.blockTemplateRequest(call, at: call.now) },
        RPCMethod("getmininginfo", in: "Mining", "The state of mining.") { node, _, _ in node.miningInfo() },
        RPCMethod(
            "getnetworkhashps", "nblocks:num? height:num?", in: "Mining",
            "The estimated network hashes per second over the last blocks."
        ) { node, call, _ throws(RPCError) in
            let count = Int(clamping: try call.optionalInt(0) ?? 120)
            let height = Int(clamping: try call.optionalInt(1) ?? -1)
            if count < -1 || count == 0 {
                throw .parameter("Invalid nblocks. Must be a positive number or -1.")
            }
            if height < -1 || height > node.chain.height {
                throw .parameter("Block does not exist at specified height")
            }
            return .measure(
                node.chain.networkHashesPerSecond(last: count, at: height < 0 ? node.chain.height : height))
        },
        RPCMethod("submitblock", "hexdata:hex dummy:str?", in: "Mining", "Submits a block.") {
            node, call, effects throws(RPCError) in try node.submitBlock(call, at: call.now, into: &effects)
        },
        RPCMethod("submitheader", "hexdata:hex", in: "Mining", "Submits a header as a candidate for the tip.")
        {
            node, call, _ throws(RPCError) in try node.submitHeader(call, at: call.now)
        },
    ]

    static let generating: [RPCMethod] = [
        RPCMethod(
            "generatetoaddress", "nblocks:num address:str maxtries:num?", in: "",
            "Mines to an address at once."
        ) { node, call, effects throws(RPCError) in try node.generateTo(call, at: call.now, into: &effects) },
        RPCMethod(
            "generatetodescriptor", "num_blocks:num descriptor:str maxtries:num?", in: "",
            "Mines to a descriptor at once."
        ) { node, call, effects throws(RPCError) in try node.generateTo(call, at: call.now, into: &effects) },
        RPCMethod(
            "generateblock", "output:str transactions:arr submit:bool?", in: "",
            "Mines a block of these transactions, in this order, at once."
        ) { node, call, effects throws(RPCError) in try node.generateBlock(call, at: call.now, into: &effects)
        },
    ]
}

/// Templates, submissions and mining on the spot.
extension NodeMachine {
    fileprivate func miningInfo() -> JSON {
        let tip = chain.tip
        let bits = chain.nextBits(time: tip.header.time)
        var object: JSONObject = ["blocks": .int(chain.height)]
        if let last = lastTemplate {
            object.append("currentblockweight", .int(last.weight))
            object.append("currentblocktx", .int(last.transactions))
        }
        let more: JSONObject = [
            "bits": .string(chain.hex8(tip.header.bits.bits)),
            "difficulty": .measure(chain.difficulty(tip.header.bits)),
            "target": .string(tip.header.bits.target?.value.hex ?? ""),
            "networkhashps": .measure(chain.networkHashesPerSecond(last: 120, at: chain.height)),
            "pooledtx": .int(mempool.count),
            "blockmintxfee": .amount(satoshi: configuration.templates.feeRateMin),
            "chain": .string(configuration.network.name),
            "next": [
                "height": .int(chain.height + 1), "bits": .string(chain.hex8(bits.bits)),
                "difficulty": .measure(chain.difficulty(bits)),
                "target": .string(bits.target?.value.hex ?? ""),
            ],
            "warnings": [],
        ]
        for (key, value) in more.entries {
            if key == "warnings", let challenge = configuration.network.signetChallenge {
                object.append("signet_challenge", .string(challenge.hex))
            }
            object.append(key, value)
        }
        return .object(object)
    }

    /// A template of the pool as miners get it; getmininginfo tells of the last one.
    mutating func makeTemplate() -> BlockTemplate {
        let template = BlockTemplate(on: chain, from: mempool, configuration.templates)
        lastTemplate = (template.weight, template.entries.count)
        return template
    }

    fileprivate mutating func blockTemplateRequest(_ arguments: RPCArguments, at now: Instant)
        throws(RPCError)
        -> JSON
    {
        guard let request = try arguments.object(0) else { throw .misc(arguments.method.help) }
        let mode = request["mode"]?.stringValue ?? "template"
        if let value = request["mode"], value.stringValue == nil, !value.isNull {
            throw .parameter("Invalid mode")
        }
        if mode == "proposal" { return try proposal(request, at: now) }
        guard mode == "template" else { throw .parameter("Invalid mode") }
        let wanted = (request["rules"]?.arrayValue ?? []).compactMap(\.stringValue)
        guard wanted.contains("segwit") || wanted.contains("!segwit") else {
            throw .parameter(
                "getblocktemplate must be called with the segwit rule set "
                    + "(call with {\"rules\": [\"segwit\"]})"
            )
        }
        return blockTemplateJSON(at: now)
    }

    /// BIP23's proposal: judged as a block on the tip, without proof of work and without a trace.
    private func proposal(_ request: JSONObject, at now: Instant) throws(RPCError) -> JSON {
        guard let text = request["data"]?.stringValue else {
            throw .type("Missing data String key for proposal")
        }
        guard let bytes = [UInt8](hex: text), let block = try? Block(bytes: bytes) else {
            throw .decode("Block decode failed")
        }
        if let id = chain.tree.id(of: block.hash) {
            if chain.tree[id].isInvalid { return "duplicate-invalid" }
            return chain.tree[id].status == .connected ? "duplicate" : "duplicate-inconclusive"
        }
        guard block.header.previousBlockHash == chain.tip.hash else { return "inconclusive-not-best-prevblk" }
        return (chain.judge(proposal: block, now: unixTime(at: now))?.reason).map { .string($0) } ?? .null
    }

    /// The template that is given out: made anew for a new tip, or once the pool changed and five seconds
    /// passed.
    mutating func blockTemplateJSON(at now: Instant) -> JSON {
        let isFresh =
            rpcTemplate.map {
                $0.template.mempoolVersion == mempool.version
                    || now - $0.made < configuration.templateInterval
            } ?? false
        if !isFresh { rpcTemplate = (makeTemplate(), now) }
        guard let template = rpcTemplate?.template else { preconditionFailure("a template was just made") }
        let time = template.time(at: unixTime(at: now))
        let (rules, available) = templateRules
        let transactions = template.transactions
        var places: [Hash256: Int] = [:]
        for (place, transaction) in transactions.enumerated() { places[transaction.txid] = place }
        return [
            "capabilities": ["proposal"], "version": .int(template.version),
            "rules": rules, "vbavailable": available, "vbrequired": 0,
            "previousblockhash": .string(template.previous.displayHex),
            "transactions": .array(transactions.indices.map { transactionEntry(template, $0, places) }),
            "coinbaseaux": [:], "coinbasevalue": .int(template.coinbaseValue),
            "longpollid": .string(template.previous.displayHex + String(template.mempoolSequence)),
            "target": .string(template.target.value.hex), "mintime": .int(template.leastTime),
            "mutable": ["time", "transactions", "prevblock"], "noncerange": "00000000ffffffff",
            "sigoplimit": .int(ChainLimits.blockSigOpsCost), "sizelimit": .int(ChainLimits.blockWeight),
            "weightlimit": .int(ChainLimits.blockWeight), "curtime": .int(time),
            "bits": .string(chain.hex8(template.bits.bits)), "height": .int(template.height),
            "default_witness_commitment": .string(template.commitment.hex),
        ]
    }

    private func transactionEntry(
        _ template: BlockTemplate, _ index: Int, _ places: [Hash256: Int]
    ) -> JSON {
        let transaction = template.entries[index].transaction
        var depends: [Int] = []
        for input in transaction.inputs {
            if let place = places[input.previousOutput.txid], !depends.contains(place) {
                depends.append(place)
            }
        }
        depends.sort()
        return [
            "data": .string(transaction.bytes().hex), "txid": .string(transaction.txid.displayHex),
            "hash": .string(transaction.wtxid.displayHex), "depends": .array(depends.map { .int($0 + 1) }),
            "fee": .int(template.entries[index].fee), "sigops": .int(template.entries[index].sigOpsCost),
            "weight": .int(transaction.weight),
        ]
    }

    fileprivate mutating func submitBlock(
        _ arguments: RPCArguments, at now: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) throws(RPCError) -> JSON {
        // What follows a block is not looked at, as by Core.
        guard let bytes = [UInt8](hex: try arguments.string(0)), let block = Self.leadingBlock(bytes) else {
            throw .decode("Block decode failed")
        }
        let repaired = CoinbaseRepair.repair(block, on: chain)
        let verdict = submit(repaired, bytes: repaired.bytes(), from: .rpc, at: now, into: &effects)
        return verdict.submitResult.map { .string($0) } ?? .null
    }

    private static func leadingBlock(_ bytes: [UInt8]) -> Block? {
        var reader = ByteReader(bytes.span.bytes)
        return try? Block(from: &reader)
    }

    fileprivate mutating func submitHeader(_ arguments: RPCArguments, at now: Instant) throws(RPCError)
        -> JSON
    {
        guard let bytes = [UInt8](hex: try arguments.string(0)) else {
            throw .decode("Block header decode failed")
        }
        var reader = ByteReader(bytes.span.bytes)
        guard let header = try? BlockHeader(from: &reader) else {
            throw .decode("Block header decode failed")
        }
        guard chain.tree.id(of: header.previousBlockHash) != nil else {
            throw .verify("Must submit previous header (\(header.previousBlockHash.displayHex)) first")
        }
        do throws(Rejection) { _ = try chain.accept(header, hash: header.hash, now: unixTime(at: now)) } catch
        {
            throw .verify(error.reason)
        }
        return .null
    }

    // MARK: Mining on the spot

    fileprivate mutating func generateTo(
        _ arguments: RPCArguments, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) throws(RPCError) -> JSON {
        let count = try arguments.int(0)
        let text = try arguments.string(1)
        let script =
            arguments.method.name == "generatetoaddress"
            ? try address(text, or: "Error: Invalid address") : try minedScript(text)
        var tries = UInt64(clamping: try arguments.optionalInt(2) ?? 1_000_000)
        guard count <= ChainLimits.generateBlocks else {
            throw .parameter("nblocks of more than \(ChainLimits.generateBlocks); call again instead")
        }
        let hashes: [Hash256]
        do throws(Rejection) {
            hashes = try generate(
                Int(max(count, 0)), paying: script, tries: &tries, at: now, into: &effects)
        } catch {
            throw RPCError(code: -1, message: "TestBlockValidity failed: \(error.reason)")
        }
        return .array(hashes.map { .string($0.displayHex) })
    }

    /// The one script of a descriptor that is not ranged; of a combo the witness one, as Core chooses.
    private func minedScript(_ text: String) throws(RPCError) -> Script {
        let all = try descriptors(text)
        guard all.count == 1 else {
            throw .parameter("Multipath descriptor not accepted")
        }
        guard !all[0].isRanged else {
            throw .parameter(
                "Ranged descriptor not accepted. Maybe pass through deriveaddresses first?")
        }
        guard let scripts = DescriptorExpander(all[0])?.expand(at: 0)?.scripts, let first = scripts.first
        else {
            throw .notFound("Cannot derive script without private keys")
        }
        // Core's order of a combo: bare key, key hash, witness key hash, wrapped; a compressed key takes the third.
        return scripts.count == 4 ? scripts[2] : scripts.count == 2 ? scripts[1] : first
    }

    /// A block of exactly these transactions, on the tip.
    fileprivate mutating func generateBlock(
        _ arguments: RPCArguments, at now: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) throws(RPCError) -> JSON {
        let text = try arguments.string(0)
        let network = configuration.network.addressNetwork
        let script: Script
        if let address = Address(text, network: network) {
            script = address.scriptPubKey
        } else {
            do throws(RPCError) { script = try minedScript(text) } catch {
                let isUnderived = error.message.hasPrefix("Cannot derive")
                throw error.code == -8 || isUnderived
                    ? error : .notFound("Error: Invalid address or descriptor")
            }
        }
        var chosen: [Transaction] = []
        for item in try arguments.array(1) ?? [] {
            guard let text = item.stringValue else { throw .type("Transaction is not a string") }
            if text.utf8.count == 64, let txid = Hash256(displayHex: text) {
                guard let entry = mempool[txid] else {
                    throw .notFound("Transaction \(text) not in mempool.")
                }
                chosen.append(entry.transaction)
            } else {
                chosen.append(
                    try transaction(
                        text,
                        or: "Transaction decode failed for \(text). Make sure the tx has at least one input.")
                )
            }
        }
        var block = BlockTemplate(on: chain, holding: chosen).block(paying: script, now: unixTime(at: now))
        if let rejection = chain.judge(proposal: block, now: unixTime(at: now)) {
            throw .verify(
                "TestBlockValidity failed: \(rejection.reason)"
                    + (rejection.detail.isEmpty ? "" : ", \(rejection.detail)")
            )
        }
        var tries: UInt64 = 1 << 32
        guard let target = block.header.bits.target, mine(&block, target: target, tries: &tries) else {
            throw .misc("Failed to make block.")
        }
        let isSubmitted = try arguments.optionalBool(2) ?? true
        var object: JSONObject = ["hash": .string(block.hash.displayHex)]
        if isSubmitted {
            let verdict = submit(block, bytes: block.bytes(), from: .generated, at: now, into: &effects)
            if let reason = verdict.submitResult {
                throw .verify("ProcessNewBlock, block not accepted: \(reason)")
            }
        } else {
            object.append("hex", .string(block.bytes().hex))
        }
        return .object(object)
    }
}

extension BlockTemplate {
    /// A template of exactly these transactions, without fees of theirs being claimed.
    init(on chain: Chainstate, holding transactions: [Transaction]) {
        self.init(on: chain, from: Mempool())
        replaceTransactions(transactions)
    }

    /// A block that pays everything to `script`, its nonce still zero.
    func block(paying script: Script, now: UInt32) -> Block {
        block(coinbase: coinbase(paying: script), time: time(at: now))
    }
}

extension Chainstate {
    /// Judges a block on the tip as BIP23's proposals ask: everything but the proof of work; leaves no trace.
    func judge(proposal block: Block, now: UInt32) -> Rejection? {
        var scratch = self
        do throws(Rejection) {
            try BlockChecks.contextFree(block)
            try BlockChecks.header(block.header, after: tipID, in: tree, parameters, now: now)
            try BlockChecks.contextual(
                block, height: height + 1, medianTime: tip.medianTime, parameters.softForks)
            let id = scratch.tree.insert(block.header, hash: block.hash, after: tipID)
            _ = try scratch.connect(block, as: id) { _ in false }
            return nil
        } catch {
            return error
        }
    }
}
