import SansIO
import Stratum
import Vardiff

/// Difficulty control of the channels.
extension PoolMachine {
    /// Wakes when the control of a channel wants to look.
    mutating func scheduleVardiff(_ index: Int) {
        guard configuration.isVardiffEnabled else { return }
        if let deadline = channels[index]!.vardiff.nextDeadline {
            timers.set(.vardiff(index), deadline)
        } else {
            timers.stop(.vardiff(index))
        }
    }

    /// Tells a channel's control that the target it waits for is being mined on, if that is so.
    mutating func noteTargetInForce(_ index: Int) {
        guard channels[index]!.vardiff.awaitsTarget else { return }
        let since = channels[index]!.targets.latest.since
        let custom = channels[index]!.customJobs
        let instant = custom.isUsed ? custom.firstActive(since: since) : store.firstActive(since: since)
        guard let instant else { return }
        channels[index]!.vardiff.targetInForce(since: instant)
    }

    /// A channel's difficulty control looks.
    mutating func lookAtVardiff(
        _ index: Int, at now: Instant, into effects: inout EffectBuffer<PoolObservation>
    ) {
        guard index < channels.count, channels[index] != nil else { return }
        noteTargetInForce(index)
        let decided = channels[index]!.vardiff.decide(goal: configuration.vardiffGoal, at: now)
        scheduleVardiff(index)
        guard decided != nil else { return }
        let place = channels[index]!.connectionIndex
        retarget(index, on: place, into: &effects)
        flush(channels[index]!.key.connection, into: &effects)
    }

    /// SetTarget if the hash rate calls for another one than the last. It applies to jobs that become active
    /// from here on.
    mutating func retarget(
        _ index: Int, on place: Int, into effects: inout EffectBuffer<PoolObservation>
    ) {
        let channel = channels[index]!
        let target =
            channel.pinned.map { min($0, channel.maximumTarget) }
            ?? grantedTarget(hashRate: channel.vardiff.hashRate, maximum: channel.maximumTarget)
        guard target != channel.targets.latest.target else { return }
        let oldest = channel.customJobs.oldestActivation.map { min($0, store.oldestActivation) }
        channels[index]!.targets.set(
            target, since: store.activations + 1, oldestHeld: oldest ?? store.oldestActivation)
        channels[index]!.vardiff.targetSent(work: channels[index]!.targets.latest.expectedHashes)
        connections[place]!.link.send(
            Mining.SetTarget(channelID: channel.key.channel, maximumTarget: target), into: &out)
        effects.observe(.targetChanged(channel.key, target: target, hashRate: channel.vardiff.hashRate))
    }

    /// Another control for a channel, from the rate that the old one reached.
    mutating func setVardiff(_ algorithm: VardiffAlgorithm, of key: ChannelKey, at now: Instant) {
        guard let place = places[key.connection], let index = connections[place]?.index(of: key.channel),
            channels[index]!.vardiff.algorithm != algorithm
        else { return }
        let targets = channels[index]!.targets
        channels[index]!.vardiff.change(
            to: algorithm, work: targets.entry(at: store.activations).expectedHashes, at: now)
        channels[index]!.vardiff.targetSent(work: targets.latest.expectedHashes)
        scheduleVardiff(index)
    }
}
