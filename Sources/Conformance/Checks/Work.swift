import Bitcoin
import SansIO
import Stratum

/// A channel as the client knows it.
struct OpenChannel: Sendable, Equatable {
    var id: UInt32
    var group: UInt32
    var isExtended: Bool
    var prefix: [UInt8]
    /// Bytes that the client chooses; 0 for a standard channel.
    var size: Int
    var target: Target
}

/// Something to hash.
struct Work: Sendable {
    var channel: OpenChannel
    var jobID: UInt32
    var header: BlockHeader
    var extranonce: [UInt8]
    /// What a share must meet.
    var target: Target
    /// What a block must meet.
    var network: Target
}

extension ProbeNotes {
    /// In the order of opening.
    func channels(_ slot: Int = 0) -> [OpenChannel] {
        frames(slot).compactMap { frame in
            if let open = try? Mining.OpenStandardMiningChannelSuccess(frame: frame) {
                return OpenChannel(
                    id: open.channelID, group: open.groupChannelID, isExtended: false,
                    prefix: open.extranoncePrefix, size: 0, target: open.target)
            }
            if let open = try? Mining.OpenExtendedMiningChannelSuccess(frame: frame) {
                return OpenChannel(
                    id: open.channelID, group: open.groupChannelID, isExtended: true,
                    prefix: open.extranoncePrefix, size: Int(open.extranonceSize), target: open.target)
            }
            return nil
        }
    }

    /// The newest work of a channel, by the rules of SV2 sections 5.3.15 to 5.3.17; nil before there is any.
    func work(on channel: OpenChannel, slot: Int = 0, counter: UInt64 = 1) -> Work? {
        let own = [channel.id, channel.group]
        guard
            let tip = all(Mining.SetNewPrevHash.self, slot: slot).last(where: { own.contains($0.channelID) })
        else { return nil }
        let extranonce = (0..<channel.size).map { index in
            index < 8 ? UInt8(truncatingIfNeeded: counter >> (8 * UInt64(index))) : 0
        }
        var found: (id: UInt32, version: UInt32, root: Hash256, time: UInt32)?
        for frame in frames(slot) {
            if let job = try? Mining.NewMiningJob(frame: frame), job.channelID == channel.id {
                guard job.jobID == tip.jobID || job.minNTime != nil else { continue }
                found = (job.jobID, job.version, job.merkleRoot, job.minNTime ?? tip.minNTime)
            } else if let job = try? Mining.NewExtendedMiningJob(frame: frame), own.contains(job.channelID) {
                guard job.jobID == tip.jobID || job.minNTime != nil else { continue }
                let root = StratumMath.extendedMerkleRoot(
                    prefix: job.coinbaseTxPrefix, extranonce: channel.prefix + extranonce,
                    suffix: job.coinbaseTxSuffix, path: job.merklePath)
                found = (job.jobID, job.version, root, job.minNTime ?? tip.minNTime)
            }
        }
        guard let found else { return nil }
        let announced = all(Mining.SetTarget.self, slot: slot)
            .filter { own.contains($0.channelID) }.map(\.maximumTarget)
        return Work(
            channel: channel, jobID: found.id,
            header: BlockHeader(
                version: found.version, previousBlockHash: tip.prevHash, merkleRoot: found.root,
                time: max(found.time, tip.minNTime), bits: CompactTarget(bits: tip.nBits), nonce: 0),
            extranonce: extranonce, target: announced.reduce(channel.target, min),
            network: CompactTarget(bits: tip.nBits).target ?? Target(.one))
    }

    /// The message of a share.
    mutating func share(_ work: Work, nonce: UInt32, tlvs: [TLV] = []) -> V2Frame {
        sequence += 1
        guard work.channel.isExtended else {
            return V2Frame(
                Mining.SubmitSharesStandard(
                    channelID: work.channel.id, sequenceNumber: sequence, jobID: work.jobID, nonce: nonce,
                    nTime: work.header.time, version: work.header.version))
        }
        var message = Mining.SubmitSharesExtended(
            channelID: work.channel.id, sequenceNumber: sequence, jobID: work.jobID, nonce: nonce,
            nTime: work.header.time, version: work.header.version, extranonce: work.extranonce)
        message.tlvs = tlvs
        return V2Frame(message)
    }
}

extension Work {
    /// A nonce from `start` on whose hash meets the channel's target, but not the network's where that can be
    /// avoided: a check should not end a round. Nil when the search would cost more than
    /// ``ConformanceLimits/hashesPerShare``.
    func nonce(from start: UInt32 = 0) -> UInt32? {
        guard target.expectedHashes < ConformanceLimits.hashesPerShare else { return nil }
        let scanner = HeaderScanner(header: header)
        let end = UInt64(min(Double(UInt32.max), Double(start) + target.expectedHashes * 64 + 1_000))
        var next = UInt64(start)
        var block: UInt32?
        var tries = 0
        while next < end, let found = scanner.find(target: target, nonces: next..<end) {
            if !network.isMet(by: scanner.hash(nonce: found)) { return found }
            block = block ?? found
            tries += 1
            if tries > 64 { break }
            next = UInt64(found) + 1
        }
        return block
    }

    /// A nonce whose hash does not meet the target.
    func missingNonce() -> UInt32? {
        let scanner = HeaderScanner(header: header)
        return (0..<4_096).first { !target.isMet(by: scanner.hash(nonce: $0)) }
    }
}
