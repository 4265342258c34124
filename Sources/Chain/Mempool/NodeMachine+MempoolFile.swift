import Bitcoin
import SansIO

/// The pool over a restart: the driver hands in the file of the last life and asks for a new one.
extension NodeMachine {
    /// The file's entries that still wait for their turn, so that a large file holds up nobody.
    struct MempoolLoad: Sendable {
        var file: MempoolFile
        var next = 0
        var accepted = 0
    }

    /// What mempool.dat should hold now. While an old file is still being read, also what is left of it.
    public var mempoolFile: MempoolFile {
        var file = MempoolFile(mempool)
        if let load = mempoolLoad {
            file.waiting += load.file.waiting[load.next...]
            file.unbroadcast += load.file.unbroadcast
            file.deltas += load.file.deltas
        }
        return file
    }

    /// Core's LoadMempool, a slice at each deadline.
    mutating func startMempoolLoad(
        _ bytes: [UInt8], at now: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        do throws(MempoolFile.Fault) {
            mempoolLoad = MempoolLoad(file: try MempoolFile(bytes: bytes))
            timers.set(.mempoolLoad, now)
        } catch {
            effects.observe(.mempoolLoaded(accepted: 0, of: 0, fault: "\(error)"))
        }
    }

    mutating func continueMempoolLoad(at now: Instant, into effects: inout EffectBuffer<NodeObservation>) {
        guard var load = mempoolLoad else { return }
        let time = unixTime(at: now)
        let end = min(load.next + ChainLimits.mempoolLoadSlice, load.file.waiting.count)
        while load.next < end {
            let entry = load.file.waiting[load.next]
            load.next += 1
            if entry.feeDelta != 0 { mempool.prioritise(entry.transaction.txid, by: entry.feeDelta) }
            let arrived = UInt32(clamping: entry.time)
            guard time < mempool.options.expiry || arrived > time - mempool.options.expiry else { continue }
            let isAccepted =
                (try? restore(entry.transaction, arrived: arrived, at: now, into: &effects)) != nil
            if isAccepted { load.accepted += 1 }
        }
        mempoolLoad = load
        guard load.next == load.file.waiting.count else { return timers.set(.mempoolLoad, now) }
        mempoolLoad = nil
        for (txid, delta) in load.file.deltas { mempool.prioritise(txid, by: delta) }
        for txid in load.file.unbroadcast where mempool[txid] != nil {
            keepBroadcasting(txid, at: peerTime(now))
        }
        effects.observe(
            .mempoolLoaded(accepted: load.accepted, of: load.file.waiting.count, fault: nil))
    }

    private mutating func restore(
        _ transaction: Transaction, arrived: UInt32, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) throws(Rejection) {
        let verdict = try mempool.accept(
            transaction, chain: chain, time: unixTime(at: now), arrived: arrived)
        transactionEntered(transaction, verdict, relays: false, at: now, into: &effects)
    }
}
