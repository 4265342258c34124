import Bitcoin
import JSONText
import SansIO

extension RPCMethod {
    static let mempoolFiles: [RPCMethod] = [
        RPCMethod(
            "savemempool", in: "Blockchain", "Writes the memory pool to disk.",
            hold: { node, _ throws(RPCError) in
                let path = node.configuration.mempoolPath
                guard node.mempoolLoad == nil, node.configuration.rpc.readsFiles else { return nil }
                return .writing(
                    RPCFile(
                        path: path, bytes: node.mempoolFile.bytes(), answer: ["filename": .string(path)],
                        replaces: true))
            }
        ) { node, _, effects throws(RPCError) in
            guard node.mempoolLoad == nil else { throw .misc("The mempool was not loaded yet") }
            let path = node.configuration.mempoolPath
            if let answer = node.rpc.prepared {
                guard node.rpc.written[path] == .some(nil) else {
                    throw .misc("Unable to dump mempool to disk")
                }
                return answer
            }
            // One of several calls in a batch does not wait.
            effects.observe(.mempoolSaveRequested(node.mempoolFile.bytes()))
            return ["filename": .string(path)]
        },
        RPCMethod(
            "importmempool",
            "filepath:str options:obj(use_current_time:bool,apply_fee_delta_priority:bool,"
                + "apply_unbroadcast_set:bool)?",
            in: "Blockchain", "Takes in a mempool.dat.",
            hold: { node, call throws(RPCError) in
                node.configuration.rpc.readsFiles ? .file(path: try call.string(0)) : nil
            }
        ) { node, call, effects throws(RPCError) in try node.importMempool(call, into: &effects) },
    ]
}

extension NodeMachine {
    /// The driver read a file that a call asked for; nil when it could not.
    mutating func fileRead(
        _ path: String, _ content: [UInt8]?, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        let isWanted = rpc.connections.contains { $0.held?.wait == .file(path: path) }
        guard isWanted else { return }
        rpc.files[path] = .some(content)
        checkLongPolls(at: now, into: &effects)
        rpc.files[path] = nil
    }

    /// The driver wrote a file for a call, or could not.
    mutating func fileWritten(
        _ path: String, _ fault: FileWriteFault?, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        rpc.written[path] = .some(fault)
        checkLongPolls(at: now, into: &effects)
        rpc.written[path] = nil
    }

    fileprivate mutating func importMempool(
        _ call: RPCArguments, into effects: inout EffectBuffer<NodeObservation>
    ) throws(RPCError) -> JSON {
        let options = try call.object(1)
        func isOn(_ name: String, default fallback: Bool) -> Bool { options?[name]?.boolValue ?? fallback }
        guard let content = rpc.files[try call.string(0)] ?? nil, let file = try? MempoolFile(bytes: content)
        else { throw .misc("Unable to import mempool file, see debug log for details.") }
        let now = unixTime(at: call.now)
        for entry in file.waiting {
            let txid = entry.transaction.txid
            if isOn("apply_fee_delta_priority", default: false), entry.feeDelta != 0 {
                mempool.prioritise(txid, by: entry.feeDelta)
            }
            let arrived = isOn("use_current_time", default: true) ? now : UInt32(clamping: entry.time)
            guard now < mempool.options.expiry || arrived > now - mempool.options.expiry else { continue }
            do throws(Rejection) {
                let verdict = try mempool.accept(entry.transaction, chain: chain, time: now, arrived: arrived)
                transactionEntered(entry.transaction, verdict, relays: false, at: call.now, into: &effects)
            } catch { continue }
        }
        if isOn("apply_fee_delta_priority", default: false) {
            for (txid, delta) in file.deltas { mempool.prioritise(txid, by: delta) }
        }
        if isOn("apply_unbroadcast_set", default: false) {
            for txid in file.unbroadcast where mempool[txid] != nil {
                keepBroadcasting(txid, at: peerTime(call.now))
            }
        }
        return [:]
    }
}
