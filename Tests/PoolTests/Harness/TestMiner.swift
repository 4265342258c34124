import Bitcoin
import SansIO
import Stratum
import Testing

/// A world in memory that delivers what its peers have to say.
protocol PumpedWorld: AnyObject {
    /// Delivers everything until nobody has anything to say.
    func pump() throws
}

/// What a device knows of one channel, taken from the messages it got.
struct TestMiner {
    let peer: WirePeer
    var channelID: UInt32
    var isExtended: Bool
    var extranoncePrefix: [UInt8]
    var extranonceSize: Int
    var target: Target
    var sequence: UInt32 = 0
    var extranonceCounter: UInt64 = 0

    struct Work {
        var jobID: UInt32
        var version: UInt32
        var prevHash: Hash256
        var nTime: UInt32
        var bits: UInt32
        var root: Hash256
        var extranonce: [UInt8]
    }

    /// Opens a channel and takes the answer.
    static func open(
        _ world: some PumpedWorld, _ peer: WirePeer, extended: Bool, hashRate: Float = 20,
        maxTarget: Target = .max, identity: String = "alice.w1"
    ) throws -> TestMiner {
        if extended {
            peer.send(
                Mining.OpenExtendedMiningChannel(
                    requestID: 77, userIdentity: identity, nominalHashRate: hashRate, maxTarget: maxTarget,
                    minExtranonceSize: 8))
            try world.pump()
            let answer = try #require(try peer.last(Mining.OpenExtendedMiningChannelSuccess.self))
            return TestMiner(
                peer: peer, channelID: answer.channelID, isExtended: true,
                extranoncePrefix: answer.extranoncePrefix, extranonceSize: Int(answer.extranonceSize),
                target: answer.target)
        }
        peer.send(
            Mining.OpenStandardMiningChannel(
                requestID: 77, userIdentity: identity, nominalHashRate: hashRate, maxTarget: maxTarget))
        try world.pump()
        let answer = try #require(try peer.last(Mining.OpenStandardMiningChannelSuccess.self))
        return TestMiner(
            peer: peer, channelID: answer.channelID, isExtended: false,
            extranoncePrefix: answer.extranoncePrefix, extranonceSize: 0, target: answer.target)
    }

    /// The work of a job, by default the newest that may be mined.
    mutating func work(jobID: UInt32? = nil) throws -> Work {
        let tip = try #require(
            try peer.all(Mining.SetNewPrevHash.self).last { [1, channelID].contains($0.channelID) })
        let wanted = try jobID ?? newestJob(tip)
        if let job = try peer.all(Mining.NewMiningJob.self).last(where: {
            $0.channelID == channelID && $0.jobID == wanted
        }) {
            return Work(
                jobID: wanted, version: job.version, prevHash: tip.prevHash, nTime: tip.minNTime,
                bits: tip.nBits, root: job.merkleRoot, extranonce: [])
        }
        let job = try #require(
            try peer.all(Mining.NewExtendedMiningJob.self).last {
                [1, channelID].contains($0.channelID) && $0.jobID == wanted
            })
        extranonceCounter += 1
        var extranonce = [UInt8](repeating: 0, count: extranonceSize)
        for i in 0..<min(8, extranonceSize) {
            extranonce[i] = UInt8(truncatingIfNeeded: extranonceCounter >> (8 * UInt64(i)))
        }
        let root = StratumMath.extendedMerkleRoot(
            prefix: job.coinbaseTxPrefix, extranonce: try prefix(of: wanted) + extranonce,
            suffix: job.coinbaseTxSuffix, path: job.merklePath)
        return Work(
            jobID: wanted, version: job.version, prevHash: tip.prevHash, nTime: tip.minNTime,
            bits: tip.nBits, root: root, extranonce: extranonce)
    }

    /// The extranonce prefix that was in force when the job came.
    private func prefix(of jobID: UInt32) throws -> [UInt8] {
        var prefix = extranoncePrefix
        for frame in peer.frames where frame.extensionNumber == 0 {
            if frame.messageType == Mining.SetExtranoncePrefix.messageType {
                let change = try Mining.SetExtranoncePrefix(frame: frame)
                if change.channelID == channelID { prefix = change.extranoncePrefix }
            } else if frame.messageType == Mining.NewExtendedMiningJob.messageType,
                try Mining.NewExtendedMiningJob(frame: frame).jobID == jobID
            {
                break
            }
        }
        return prefix
    }

    private func newestJob(_ tip: Mining.SetNewPrevHash) throws -> UInt32 {
        let active =
            try peer.all(Mining.NewMiningJob.self).filter { $0.channelID == channelID && $0.minNTime != nil }
            .map(\.jobID)
            + peer.all(Mining.NewExtendedMiningJob.self).filter {
                [1, channelID].contains($0.channelID) && $0.minNTime != nil
            }.map(\.jobID)
        return max(active.max() ?? 0, tip.jobID)
    }

    func header(_ work: Work, nonce: UInt32 = 0) -> BlockHeader {
        BlockHeader(
            version: work.version, previousBlockHash: work.prevHash, merkleRoot: work.root, time: work.nTime,
            bits: CompactTarget(bits: work.bits), nonce: nonce)
    }

    /// A nonce whose hash meets `target` and, if given, does not meet `not`.
    func nonce(_ work: Work, meeting target: Target, not: Target? = nil, from start: UInt32 = 0) throws
        -> UInt32
    {
        let scanner = HeaderScanner(header: header(work))
        var next = UInt64(start)
        while true {
            let found = try #require(scanner.find(target: target, nonces: next..<(1 << 32)))
            if let not, not.isMet(by: scanner.hash(nonce: found)) {
                next = UInt64(found) + 1
                continue
            }
            return found
        }
    }

    mutating func submit(_ work: Work, nonce: UInt32) {
        sequence += 1
        if isExtended {
            peer.send(
                Mining.SubmitSharesExtended(
                    channelID: channelID, sequenceNumber: sequence, jobID: work.jobID, nonce: nonce,
                    nTime: work.nTime, version: work.version, extranonce: work.extranonce))
        } else {
            peer.send(
                Mining.SubmitSharesStandard(
                    channelID: channelID, sequenceNumber: sequence, jobID: work.jobID, nonce: nonce,
                    nTime: work.nTime, version: work.version))
        }
    }

    /// Finds and submits one share; returns what it was.
    @discardableResult
    mutating func mine(jobID: UInt32? = nil, from start: UInt32 = 0, target other: Target? = nil) throws -> (
        Work, UInt32
    ) {
        let work = try work(jobID: jobID)
        let nonce = try nonce(work, meeting: other ?? target, from: start)
        submit(work, nonce: nonce)
        return (work, nonce)
    }

    func errors() throws -> [String] {
        try peer.all(Mining.SubmitSharesError.self).filter { $0.channelID == channelID }.map(\.errorCode)
    }

    func acknowledgements() throws -> [Mining.SubmitSharesSuccess] {
        try peer.all(Mining.SubmitSharesSuccess.self).filter { $0.channelID == channelID }
    }
}
