import Bitcoin
import Chain
import DeviceModel
import Firmware
import Hardware
import Rig
import SansIO
import Simulation
import Stratum
import Testing

@Suite("Mining on the node's own templates, in virtual time")
struct SoloMiningTests {
    private static let rpc = Endpoint(host: "node", port: 18_443)
    private static let clock = WallClock(unixSecondsAtStart: 1_767_225_600)

    private final class Counts {
        var height = 0
        var refused = 0
        var accepted = 0
        var rejected: [ShareRejection] = []
        var disconnected: [String] = []
    }

    private static func payee(_ byte: UInt8) -> Script {
        Script.p2wpkh(Hash160(bytes: Array(repeating: byte, count: 20)) ?? .zero)
    }

    @Test(
        "Two miners on one node: every block is theirs, paid to them, and the long poll keeps them on the tip"
    )
    func race() throws {
        let world = VirtualWorld(seed: 5)
        let counts = Counts()
        let rate = 100.0
        let network = NetworkParameters.labnet(target: Target(UInt256(clamping: 0x1p256 / (rate * 60))))
        let node = world.add(
            NodeMachine(
                NodeConfiguration(
                    network: network, clock: Self.clock, secretSeed: Array(repeating: 3, count: 32),
                    rpcCredentials: "user:pass")), listening: [(.rpc, Self.rpc)]
        ) { observation, _ in
            switch observation {
            case .tipChanged(let height, _): counts.height = height
            case .blockRejected: counts.refused += 1
            default: break
            }
        }
        let url = try #require(PoolURL("http://user:pass@node:18443"))
        for index in 0..<2 {
            var rig = RigConfiguration(
                profile: .cpuMiner, pools: [url], userIdentity: "solo.\(index)", seed: 5,
                stream: UInt64(index),
                wallClock: Self.clock)
            rig.hashrateScale = rate / 2 / rig.profile.nominalHashRate.hashesPerSecond
            rig.instantBoot = true
            rig.payout = Self.payee(UInt8(index + 1))
            _ = world.add(RigMachine(rig), link: .lan) { observation, _ in
                switch observation {
                case .sharesAccepted(let count, _): counts.accepted += Int(count)
                case .shareRejected(_, let reason): counts.rejected.append(reason)
                case .disconnected(_, let reason): counts.disconnected.append(reason)
                default: break
                }
            }
        }
        world.run(until: .start + .hours(2))
        // A block a minute for two hours: 120, give or take five sigma.
        #expect(abs(counts.height - 120) < 55)
        #expect(counts.accepted == counts.height)
        #expect(counts.refused == 0)
        // Both found one at once: a race that the node's first wins, and rarely happens within a millisecond.
        #expect(counts.rejected.count <= 2, "\(counts.rejected)")
        #expect(counts.disconnected == [])
        let paid = world.query(node, as: NodeMachine.self) { node in
            node.chain.tree.entries.indices.dropFirst().compactMap { id in
                node.chain.body(id).flatMap { try? Block(bytes: $0) }?.transactions[0].outputs[0].scriptPubKey
            }
        }
        #expect(paid.count == counts.height + counts.rejected.count)
        for byte in UInt8(1)...2 {
            #expect(paid.count { $0 == Self.payee(byte) } > counts.height / 5)
        }
    }
}
