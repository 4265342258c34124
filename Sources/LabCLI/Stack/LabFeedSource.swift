import Explorer
import Firmware
import Hardware
import Pool
import Rig
import Runtime
import SansIO

/// Makes the explorer's and the terminal's picture of the lab from observations and snapshots.
struct LabFeedSource: Sendable {
    let observatory: Observatory
    let node: NodeService
    let pool: PoolService
    let translator: TranslatorService
    let rigs: RigService
    let runtime: LabRuntime
    let network: String

    /// Devices in one feed; a fleet shows its first ones.
    private static let devicesShown = 64

    func feed() async -> LabFeed {
        let counts = observatory.counts
        let now = runtime.world.now
        let snapshot = try? await pool.host.query { $0.snapshot(at: now) }
        let devices = await rigs.snapshots(first: Self.devicesShown).map(row)
        return LabFeed(
            title: "\(network) lab, \(rigs.members.count) devices", roles: roles(counts, snapshot),
            devices: devices,
            pool: totals(counts, snapshot, now: now), foundBy: observatory.finders)
    }

    private func roles(_ counts: Observatory.Counts, _ snapshot: PoolSnapshot?) -> [RoleRow] {
        let tip = counts.tip.isEmpty ? "no block yet" : "tip \(counts.tip.prefix(16))…"
        let channels = snapshot?.channels.count ?? 0
        return [
            RoleRow(
                name: "node", state: .running, address: "\(node.rpc)",
                detail: "height \(counts.height), \(tip)"),
            RoleRow(
                name: "template provider", state: .running, address: "\(node.templates)",
                detail: "\(Figures.grouped(counts.templates)) templates"),
            RoleRow(
                name: "pool", state: counts.isTemplateProviderReady ? .running : .starting,
                address: "\(pool.mining)", detail: "\(counts.poolDetail), \(channels) channels"),
            RoleRow(
                name: "translator", state: .running, address: "\(translator.stratumV1)", detail: "V1 to V2"),
        ]
    }

    private func totals(
        _ counts: Observatory.Counts, _ snapshot: PoolSnapshot?, now: Instant
    ) -> Explorer.PoolTotals {
        Explorer.PoolTotals(
            name: "pool", sharesPerSecond: observatory.shareRate(at: now),
            connections: snapshot?.connections ?? 0,
            channels: snapshot?.channels.count ?? 0,
            hashRate: snapshot?.channels.reduce(0) { $0 + $1.measuredHashRate } ?? 0,
            accepted: counts.accepted,
            rejected: counts.rejected, stale: counts.stale, blocksFound: counts.blocksFound)
    }

    private func row(_ member: RigService.Member, _ snapshot: RigSnapshot) -> DeviceRow {
        let isPhysical = snapshot.inputPower.watts > 0
        return DeviceRow(
            name: member.name, model: member.model, transport: member.via,
            state: Self.state(of: snapshot.phase),
            hashRate: member.isScaled
                ? snapshot.hashRate.hashesPerSecond : snapshot.provenHashRate.hashesPerSecond,
            isScaled: member.isScaled, temperature: isPhysical ? snapshot.chipTemperature.degrees : nil,
            power: isPhysical ? snapshot.inputPower.watts : nil,
            fan: isPhysical ? snapshot.fanDuty.percent : nil,
            accepted: snapshot.accepted, rejected: snapshot.rejected,
            stale: snapshot.miner.counters.rejectedStale,
            difficulty: snapshot.difficulty > 0 ? snapshot.difficulty : nil,
            bestDifficulty: snapshot.bestDifficulty > 0 ? snapshot.bestDifficulty : nil)
    }

    private static func state(of phase: MinerPhase) -> DeviceRow.State {
        switch phase {
        case .mining: .hashing
        case .throttled: .throttled
        case .booting, .connecting, .handshaking: .starting
        case .waiting, .sleeping: .idle
        case .off, .backingOff: .offline
        case .coolingDown, .faulty: .failed
        }
    }
}
