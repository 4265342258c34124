import Bitcoin
import SansIO
import Testing

@testable import Chain

/// The incremental structure against one that is built from nothing.
@Suite struct MempoolIndexTests {
    struct World {
        var random: PRNG
        var pool = Mempool()
        var nextCoin: UInt32 = 0

        /// A transaction that spends some outputs of the pool and a fresh coin, if the cluster limits allow it.
        mutating func add() {
            let entries = pool.slots.indices.filter { pool.slots[$0] != nil }
            var inputs: [OutPoint] = []
            for _ in 0..<random.below(4) where !entries.isEmpty {
                let slot = entries[Int(random.below(UInt64(entries.count)))]
                let output = OutPoint(txid: pool.entry(slot).txid, index: UInt32(random.below(3)))
                if pool.spenderSlot(of: output) == nil, !inputs.contains(output) { inputs.append(output) }
            }
            nextCoin += 1
            inputs.append(OutPoint(txid: .zero, index: nextCoin))
            let transaction = Transaction(
                inputs: inputs.map { TransactionInput(previousOutput: $0) },
                outputs: (0..<3).map { _ in TransactionOutput(value: 1, scriptPubKey: Script(bytes: [0x51]))
                },
                lockTime: nextCoin)
            let joined = Set(pool.parentSlots(of: transaction).map { pool.entry($0).cluster }).sorted()
            guard joined.reduce(1, { $0 + pool.cluster($1).order.count }) <= 64 else { return }
            let fee = Int64(random.below(random.chance(1, in: 3) ? 5 : 5_000)) * 100
            pool.insert(
                PooledTransaction(transaction, fee: fee, sigOpsCost: Int(random.below(10))), time: 1,
                height: 1)
        }

        mutating func step() {
            let entries = pool.slots.indices.filter { pool.slots[$0] != nil }
            switch random.below(20) {
            case 0 where !entries.isEmpty:
                pool.removeWithDescendants(entries[Int(random.below(UInt64(entries.count)))])
            case 1:
                // A block: what a template would take, and perhaps back again by a reorganisation.
                let chosen = pool.transactions(of: pool.selection(weight: 4_000, sigOps: 80_000))
                pool.remove(chosen.compactMap { pool.slot(of: $0.txid) }, byBlock: true)
                if random.chance(1, in: 2) {
                    for pooled in chosen {
                        guard pool.makeRoom(for: pooled).fits else { continue }
                        pool.insert(pooled, time: 1, height: 1, fromBlock: true)
                    }
                }
            case 2 where !entries.isEmpty:
                let slot = entries[Int(random.below(UInt64(entries.count)))]
                pool.setDelta(Int64(random.below(100_000)) - 20_000, of: slot)
            default: add()
            }
        }

        func check() {
            var clusters = Set<Int>()
            var keys: [ChunkKey] = []
            var (count, fees, size, bytes, usage) = (0, Int64(0), 0, 0, 0)
            for slot in pool.slots.indices {
                guard let entry = pool.slots[slot] else { continue }
                count += 1
                fees += entry.fee
                size += entry.virtualSize
                bytes += entry.transaction.totalSize
                usage += entry.usage
                #expect(entry.parents == pool.parentSlots(of: entry.transaction))
                #expect(entry.children.sorted() == pool.childSlots(of: entry.transaction))
                guard clusters.insert(entry.cluster).inserted else { continue }
                var members = [slot]
                var at = 0
                while at < members.count {
                    for next in pool.entry(members[at]).parents + pool.entry(members[at]).children
                    where !members.contains(next) { members.append(next) }
                    at += 1
                }
                let fresh = Mempool.cluster(of: members.sorted(), numbered: entry.cluster) { pool.entry($0) }
                let kept = pool.cluster(entry.cluster)
                #expect(kept.order == fresh.order)
                #expect(kept.chunks == fresh.chunks)
                #expect(kept.keys == fresh.keys)
                #expect(kept.adjustedWeight == fresh.adjustedWeight)
                keys += fresh.keys
            }
            #expect(pool.count == count && pool.totalFees == fees && pool.totalVirtualSize == size)
            #expect(pool.totalBytes == bytes && pool.usage == usage)
            keys.sort { $0.comes(before: $1) }
            #expect(pool.index.keys == keys)
            #expect(pool.index.count == keys.count)
            for limit in [3_000, 20_000, 4_000_000] {
                let chosen = pool.selection(weight: limit, sigOps: 500)
                #expect(pool.transactions(of: chosen).map(\.txid) == naive(keys, weight: limit, sigOps: 500))
                let listed = pool.transactions(of: chosen)
                #expect(chosen.fees == listed.reduce(0) { $0 + $1.fee })
                #expect(chosen.weight == listed.reduce(0) { $0 + $1.weight } && chosen.count == listed.count)
            }
        }

        private func naive(_ keys: [ChunkKey], weight: Int, sigOps: Int) -> [Hash256] {
            var (sum, operations) = (0, 0)
            var chosen: [Hash256] = []
            var skipped: [Int32] = []
            for key in keys where !skipped.contains(key.cluster) {
                if key.rate.fee * 4_000 < key.rate.size { break }
                guard sum + Int(key.weight) < weight, operations + Int(key.sigOps) < sigOps else {
                    skipped.append(key.cluster)
                    continue
                }
                sum += Int(key.weight)
                operations += Int(key.sigOps)
                chosen += pool.slots(of: key).map { pool.entry($0).txid }
            }
            return chosen
        }
    }

    @Test(
        "After any arrivals, departures, blocks and reorganisations all is as if built anew", arguments: 1...8
    )
    func equalsRebuild(seed: UInt64) {
        var world = World(random: PRNG(seed: seed))
        for step in 0..<1_200 {
            world.step()
            if step % 40 == 0 { world.check() }
        }
        world.check()
    }
}
