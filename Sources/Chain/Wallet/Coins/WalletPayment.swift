import Bitcoin
import SansIO

/// Why a payment cannot be made, in Core's words.
struct PaymentError: Error, Equatable {
    var message: String
    /// There is not enough money.
    var isShort = false

    static let insufficient = PaymentError(message: "Insufficient funds", isShort: true)
    static let presetShort = PaymentError(
        message: "The preselected coins total amount does not cover the transaction target. "
            + "Please allow other inputs to be automatically selected or include more coins manually",
        isShort: true)
    static let tooHeavy = PaymentError(
        message:
            "The inputs size exceeds the maximum weight. Please try sending a smaller amount or manually "
            + "consolidating your wallet's UTXOs", isShort: true)
    static let unsolvable = PaymentError(
        message: "Missing solving data for estimating transaction size")
    static let keypoolRanOut = PaymentError(
        message: "Error: Keypool ran out, please call keypoolrefill first")
}

/// What a payment is to be.
struct PaymentRequest {
    struct Preset {
        var outPoint: OutPoint
        var output: TransactionOutput
        var sequence: UInt32?
        /// Of the signed input, for what the wallet cannot sign.
        var weight: Int?
    }

    var outputs: [TransactionOutput]
    /// Which outputs pay the fee, by index.
    var feePayers: [Int] = []
    /// Inputs that must be there.
    var presets: [Preset] = []
    /// Whether the wallet may add inputs.
    var addsInputs = true
    /// Satoshi per 1000 virtual bytes.
    var feeRate: Int64
    var changeType: AddressType?
    var changeScript: Script?
    /// Where the change goes; nil for a random place.
    var changePosition: Int?
    var lockTime: UInt32?
    var version: UInt32 = 2
    var isReplaceable = true
    var filter = CoinFilter()
    var maxWeight = ChainLimits.standardWeight
    /// Scripts and keys of foreign inputs.
    var knowledge = SpendingKnowledge()
}

/// A payment that is not signed yet.
struct Payment {
    var transaction: Transaction
    var spent: [TransactionOutput]
    var fee: Int64
    var changePosition: Int?
}

/// Sizes of inputs once they are signed.
struct InputWeights {
    struct Size {
        var base: Int
        var witness: Int
    }
    private var known: [Int: [Script: Size]] = [:]
    private var byForm: [Int: [ScriptKind: Size]] = [:]

    /// Nil if nobody knows how to sign it.
    mutating func size(of script: Script, in wallet: Wallet, knowing foreign: SpendingKnowledge) -> Size? {
        // Scripts of one descriptor and form are signed alike.
        let place = wallet.place(of: script)
        if let place, let size = byForm[place.descriptor]?[script.kind] { return size }
        var knowledge = wallet.knowledge(of: script, withSecrets: false) ?? SpendingKnowledge()
        knowledge.merge(foreign)
        guard let size = Self.size(of: script, knowing: knowledge, isOwn: place != nil) else { return nil }
        if let place { byForm[place.descriptor, default: [:]][script.kind] = size }
        return size
    }

    static func size(of script: Script, knowing knowledge: SpendingKnowledge, isOwn: Bool) -> Size? {
        var signer = ScriptSigner(knowledge, .dummy)
        guard signer.sign(script) else { return nil }
        let scriptSig = signer.data.scriptSig.count
        let base = 36 + 4 + BlockChecks.compactSizeLength(scriptSig) + scriptSig
        guard !signer.data.witness.isEmpty else { return Size(base: base, witness: 0) }
        let witness = signer.data.witness.reduce(BlockChecks.compactSizeLength(signer.data.witness.count)) {
            $0 + BlockChecks.compactSizeLength($1.count) + $1.count
        }
        return Size(base: base, witness: witness)
    }
}

extension WalletBook {
    /// Chooses coins, adds change and pays the fee. Takes an address for change only if there is some.
    mutating func plan(
        _ wallet: Int, _ request: PaymentRequest, _ view: WalletView
    ) throws(PaymentError) -> Payment {
        guard !request.outputs.isEmpty || request.changeScript != nil || !request.presets.isEmpty else {
            throw PaymentError(message: "Transaction must have at least one recipient")
        }
        for (index, output) in request.outputs.enumerated()
        where !request.feePayers.contains(index) && output.value < Policy.dustThreshold(output) {
            throw PaymentError(message: "Transaction amount too small")
        }
        var weights = InputWeights()
        let change = try changeOutput(wallet, request)
        let chosen = try choose(wallet, request, change, view, &weights)
        return try assemble(wallet, request, chosen, change, view)
    }

    private struct ChangePlan {
        var type: AddressType
        var script: Script?
        var size: Int
        var spendSize: Int
        var dust: Int64
    }

    private struct Chosen {
        var inputs: [(outPoint: OutPoint, output: TransactionOutput, sequence: UInt32?)]
        var sizes: [InputWeights.Size]
        var parameters: CoinSelection
    }

    /// Change of the kind that looks like the payments, among those that the wallet can make.
    private func changeOutput(
        _ wallet: Int, _ request: PaymentRequest
    ) throws(PaymentError) -> ChangePlan {
        let type = request.changeType ?? changeType ?? self.changeType(wallet, like: request.outputs)
        let model: Script =
            request.changeScript
            ?? {
                switch type {
                case .legacy: .p2pkh(.zero)
                case .p2shSegwit: .p2sh(.zero)
                case .bech32: .p2wpkh(.zero)
                case .bech32m: Script([0x51, 0x20] + [UInt8](repeating: 1, count: 32))
                }
            }()
        let output = TransactionOutput(value: 0, scriptPubKey: model)
        let spendSize: Int =
            switch model.kind {
            case .witnessV0KeyHash: 68
            case .witnessV1Taproot: 58
            case .scriptHash: 91
            default: 148
            }
        return ChangePlan(
            type: type, script: request.changeScript, size: 9 + model.count, spendSize: spendSize,
            dust: Policy.dustThreshold(output))
    }

    /// The type of one of the payments, the newest first; where there is none, the newest that the wallet has.
    private func changeType(_ wallet: Int, like outputs: [TransactionOutput]) -> AddressType {
        guard addressType != .legacy else { return .legacy }
        func makes(_ type: AddressType) -> Bool { wallets[wallet].active(type, isInternal: true) != nil }
        let kinds = outputs.map(\.scriptPubKey.kind)
        let alike: [(ScriptKind, AddressType)] = [
            (.witnessV1Taproot, .bech32m), (.witnessV0KeyHash, .bech32), (.scriptHash, .p2shSegwit),
            (.pubkeyHash, .legacy),
        ]
        for (kind, type) in alike where kinds.contains(kind) && makes(type) { return type }
        if makes(.bech32m) { return .bech32m }
        return makes(.bech32) ? .bech32 : addressType
    }

    private mutating func choose(
        _ wallet: Int, _ request: PaymentRequest, _ change: ChangePlan, _ view: WalletView,
        _ weights: inout InputWeights
    ) throws(PaymentError) -> Chosen {
        let outputsSize = request.outputs.reduce(BlockChecks.compactSizeLength(request.outputs.count)) {
            $0 + 8 + BlockChecks.compactSizeLength($1.scriptPubKey.count) + $1.scriptPubKey.count
        }
        let paid = request.outputs.reduce(Int64(0)) { $0 + $1.value }
        let subtracts = !request.feePayers.isEmpty
        let frameFee = subtracts ? 0 : Policy.fee(rate: request.feeRate, virtualSize: 10 + outputsSize)
        let spendFee = Policy.fee(rate: ChainLimits.dustFeeRate, virtualSize: change.spendSize)
        let changeFee = Policy.fee(rate: request.feeRate, virtualSize: change.size)
        var parameters = CoinSelection(
            target: paid + frameFee, costOfChange: spendFee + changeFee, changeFee: changeFee,
            minChange: max(spendFee + 1, change.dust), changeTarget: changeTarget(paid),
            subtractsFee: subtracts, weightLimit: request.maxWeight - 4 * (10 + outputsSize + change.size))
        guard request.maxWeight > 4 * (10 + outputsSize) else {
            throw PaymentError(
                message: "Maximum transaction weight is less than transaction weight without inputs")
        }
        guard parameters.weightLimit > 0 else {
            throw PaymentError(
                message: "Maximum transaction weight is too low, can not accommodate change output")
        }
        var inputs: [(outPoint: OutPoint, output: TransactionOutput, sequence: UInt32?)] = []
        var sizes: [InputWeights.Size] = []
        var need = parameters.target
        for preset in request.presets {
            let size = try size(of: preset, wallet, request, &weights)
            inputs.append((preset.outPoint, preset.output, preset.sequence))
            sizes.append(size)
            let fee = Policy.fee(rate: request.feeRate, virtualSize: (4 * size.base + size.witness + 3) / 4)
            need -= preset.output.value - (subtracts ? 0 : fee)
            parameters.weightLimit -= 4 * size.base + size.witness
        }
        if need > 0 {
            guard request.addsInputs else {
                throw inputs.isEmpty ? PaymentError.insufficient : PaymentError.presetShort
            }
            parameters.target = need
            let coins = try select(wallet, request, parameters, view, &weights)
            for coin in coins {
                inputs.append((coin.coin.outPoint, coin.coin.output, nil))
                guard
                    let size = weights.size(
                        of: coin.coin.output.scriptPubKey, in: wallets[wallet], knowing: request.knowledge)
                else { continue }
                sizes.append(size)
            }
        }
        return Chosen(inputs: inputs, sizes: sizes, parameters: parameters)
    }

    /// What an input that the caller chose takes once it is signed.
    private func size(
        of preset: PaymentRequest.Preset, _ wallet: Int, _ request: PaymentRequest,
        _ weights: inout InputWeights
    ) throws(PaymentError) -> InputWeights.Size {
        if let parent = wallets[wallet].transaction(preset.outPoint.txid), !parent.isConfirmed,
            (parent.transaction.version == 3) != (request.version == 3)
        {
            throw PaymentError(
                message: "Can't spend unconfirmed version \(parent.transaction.version) pre-selected input "
                    + "with a version \(request.version) tx")
        }
        if let weight = preset.weight {
            return InputWeights.Size(base: 41, witness: max(0, weight - 164))
        }
        guard
            let found = weights.size(
                of: preset.output.scriptPubKey, in: wallets[wallet], knowing: request.knowledge)
        else {
            throw PaymentError(
                message: "Not solvable pre-selected input COutPoint("
                    + "\(preset.outPoint.txid.displayHex.prefix(10)), \(preset.outPoint.index))")
        }
        return found
    }

    /// Core's GenerateChangeTarget: between 0.0005 and 0.01 BTC, so that change is not told by its size.
    private mutating func changeTarget(_ paid: Int64) -> Int64 {
        let low: Int64 = 50_000
        guard paid > low / 2 else { return low }
        let high = min(paid * 2, 1_000_000)
        return low + Int64(random.below(UInt64(max(1, high - low))))
    }

    /// First of coins that are sure, then of less sure ones.
    private mutating func select(
        _ wallet: Int, _ request: PaymentRequest, _ parameters: CoinSelection, _ view: WalletView,
        _ weights: inout InputWeights
    ) throws(PaymentError) -> [CoinCandidate] {
        let taken = request.presets.map(\.outPoint)
        var candidates: [CoinCandidate] = []
        // What is there but cannot be measured.
        var unsolvable: Int64 = 0
        var filter = request.filter
        filter.version = request.version
        for coin in wallets[wallet].coins(view, filter) where !taken.contains(coin.outPoint) {
            guard
                let size = weights.size(
                    of: coin.output.scriptPubKey, in: wallets[wallet], knowing: request.knowledge)
            else {
                unsolvable += coin.output.value
                continue
            }
            let weight = 4 * size.base + size.witness
            candidates.append(
                CoinCandidate(
                    coin: coin, weight: weight,
                    fee: Policy.fee(rate: request.feeRate, virtualSize: (weight + 3) / 4),
                    longTermFee: Policy.fee(
                        rate: ChainLimits.longTermFeeRate, virtualSize: (weight + 3) / 4)))
        }
        var isOverweight = false
        for (own, foreign) in [(1, 6), (1, 1), (0, 1), (0, 0)] {
            let eligible = candidates.filter { $0.coin.depth >= ($0.coin.isOwn ? own : foreign) }
            // Coins of one kind together tell least; kinds are mixed only where none suffices alone.
            var best: CoinSelection.Result?
            for kind in ScriptKind.spendable {
                let alike = eligible.filter { $0.coin.output.scriptPubKey.kind == kind }
                guard !alike.isEmpty, let found = parameters.select(alike, random: &random) else { continue }
                if best.map({ found.waste < $0.waste }) ?? true { best = found }
            }
            if let best { return best.coins }
            if (own, foreign) != (1, 6), let found = parameters.select(eligible, random: &random) {
                return found.coins
            }
            isOverweight = parameters.isOverweight(eligible)
        }
        if unsolvable > 0, candidates.reduce(unsolvable, { $0 + $1.effectiveValue }) >= parameters.target {
            throw PaymentError.unsolvable
        }
        throw isOverweight ? PaymentError.tooHeavy : PaymentError.insufficient
    }

    // MARK: Putting together

    private mutating func assemble(
        _ wallet: Int, _ request: PaymentRequest, _ chosen: Chosen, _ change: ChangePlan, _ view: WalletView
    ) throws(PaymentError) -> Payment {
        let sum = chosen.inputs.reduce(Int64(0)) { $0 + $1.output.value }
        let paid = request.outputs.reduce(Int64(0)) { $0 + $1.value }
        let subtracts = !request.feePayers.isEmpty
        let bareFee = Policy.fee(rate: request.feeRate, virtualSize: size(request, chosen, nil))
        let changeFee = Policy.fee(rate: request.feeRate, virtualSize: size(request, chosen, change))
        var changeValue = sum - paid - (subtracts ? 0 : changeFee)
        if changeValue < chosen.parameters.minChange { changeValue = 0 }
        let needed = changeValue > 0 ? changeFee : bareFee
        var outputs = request.outputs
        if subtracts {
            try reduce(&outputs, request.feePayers, by: needed + changeValue + paid - sum)
        } else if changeValue == 0, sum - paid < needed {
            throw PaymentError.insufficient
        }
        var position: Int?
        if changeValue > 0 {
            guard let script = change.script ?? issue(wallet, change.type, isInternal: true) else {
                throw PaymentError.keypoolRanOut
            }
            let at = request.changePosition ?? Int(random.below(UInt64(outputs.count + 1)))
            guard at <= outputs.count else {
                throw PaymentError(message: "Transaction change output index out of range")
            }
            outputs.insert(TransactionOutput(value: changeValue, scriptPubKey: script), at: at)
            position = at
        }
        let fee = sum - outputs.reduce(Int64(0)) { $0 + $1.value }
        guard fee <= ChainLimits.walletFeeMax else {
            throw PaymentError(
                message: "Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)")
        }
        return build(request, chosen, outputs, fee: fee, changePosition: position, view)
    }

    private func reduce(
        _ outputs: inout [TransactionOutput], _ payers: [Int], by fee: Int64
    ) throws(PaymentError) {
        guard fee > 0 else { return }
        var isFirst = true
        for index in payers {
            outputs[index].value -= fee / Int64(payers.count)
            if isFirst { outputs[index].value -= fee % Int64(payers.count) }
            isFirst = false
            if outputs[index].value < 0 {
                throw PaymentError(message: "The transaction amount is too small to pay the fee")
            }
            if outputs[index].value < Policy.dustThreshold(outputs[index]) {
                throw PaymentError(
                    message: "The transaction amount is too small to send after the fee has been deducted")
            }
        }
    }

    private func size(_ request: PaymentRequest, _ chosen: Chosen, _ change: ChangePlan?) -> Int {
        let count = request.outputs.count + (change == nil ? 0 : 1)
        let outputs = request.outputs.reduce(change?.size ?? 0) {
            $0 + 8 + BlockChecks.compactSizeLength($1.scriptPubKey.count) + $1.scriptPubKey.count
        }
        let base =
            8 + BlockChecks.compactSizeLength(chosen.inputs.count) + BlockChecks.compactSizeLength(count)
            + outputs + chosen.sizes.reduce(0) { $0 + $1.base }
        let hasWitness = chosen.sizes.contains { $0.witness > 0 }
        let witness = hasWitness ? chosen.sizes.reduce(2) { $0 + max(1, $1.witness) } : 0
        return (4 * base + witness + 3) / 4
    }

    private mutating func build(
        _ request: PaymentRequest, _ chosen: Chosen, _ outputs: [TransactionOutput], fee: Int64,
        changePosition: Int?, _ view: WalletView
    ) -> Payment {
        var inputs = chosen.inputs
        // What the caller chose keeps its place; the order of the rest tells nothing.
        if request.presets.isEmpty { random.permute(&inputs) }
        var lockTime = request.lockTime ?? UInt32(clamping: view.height)
        if request.lockTime == nil, random.chance(1, in: 10) {
            // As Core: now and then a lock further back, as of a payment that was signed offline.
            lockTime -= min(lockTime, UInt32(random.below(100)))
        }
        let sequence: UInt32 = request.isReplaceable ? 0xffff_fffd : 0xffff_fffe
        let transaction = Transaction(
            version: request.version,
            inputs: inputs.map {
                TransactionInput(previousOutput: $0.outPoint, sequence: $0.sequence ?? sequence)
            },
            outputs: outputs, lockTime: lockTime)
        return Payment(
            transaction: transaction, spent: inputs.map(\.output), fee: fee, changePosition: changePosition)
    }
}

extension ScriptKind {
    /// Kinds that coins are grouped by.
    fileprivate static let spendable: [ScriptKind] = [
        .pubkeyHash, .scriptHash, .witnessV0KeyHash, .witnessV0ScriptHash, .witnessV1Taproot,
    ]
}
