import Bitcoin
import Foundation
import JSONText
import SansIO
import Testing

@testable import Chain

/// Against a real Bitcoin Core, where the environment names one: `LAB_BITCOIND=/path/to/bitcoind`. Loopback only.
@Suite(
    .serialized,
    .enabled(
        if: ProcessInfo.processInfo.environment["LAB_BITCOIND"] != nil,
        "needs Bitcoin Core; set LAB_BITCOIND to its bitcoind"))
struct RealPeerTests {
    enum Dialer: CaseIterable, Sendable {
        case ours
        case core
    }

    /// Both sides mine, send, part and meet again; they end with the same tip and the same coins.
    @Test("A real node and ours follow each other", arguments: Dialer.allCases, [true, false])
    func follow(dialer: Dialer, isV2: Bool) throws {
        let core = try CoreProcess(isV2: isV2)
        defer { core.stop() }
        let ours = try SocketNode(port: core.otherPort) { configuration in
            configuration.v2Transport = isV2
            configuration.seed = UInt64(core.port)
            if dialer == .ours { configuration.connect = [Endpoint(host: "127.0.0.1", port: core.port)] }
        }
        defer { ours.close() }
        try dial(core, dialer)
        try #require(try ours.run(until: { ours.node.machine.snapshot.peers == 1 }, for: 60), "no connection")
        let info = try ours.node.call("getpeerinfo")
        #expect(info[0]?["transport_protocol_type"]?.stringValue == (isV2 ? "v2" : "v1"))
        let theirs = try core.call("createwallet", ["w"])["name"]
        #expect(theirs == "w")
        let address = try core.call("getnewaddress")
        _ = try core.call("generatetoaddress", [110, address])
        try #require(try ours.run(until: { try ours.tip == core.tip }, for: 60), "blocks from Core")
        _ = try ours.node.call("createwallet", ["w"])
        let own = try ours.node.call("getnewaddress")
        _ = try ours.node.call("generatetoaddress", [110, own])
        try #require(try ours.run(until: { try ours.tip == core.tip }, for: 60), "blocks to Core")
        for round in 0..<3 {
            let sent = try (0..<25).map { _ in try core.call("sendtoaddress", [own, 0.1]).stringValue ?? "" }
            let given = try (0..<25).map { _ in
                try ours.node.call("sendtoaddress", [address, 0.1]).stringValue ?? ""
            }
            let all = (sent + given).compactMap { Hash256(displayHex: $0) }
            try #require(
                try ours.run(
                    until: { all.allSatisfy { ours.node.machine.mempool[$0] != nil } }, for: 120),
                "transactions from Core")
            try #require(
                try ours.run(until: { try core.call("getmempoolinfo")["size"]?.int64 == 50 }, for: 120),
                "transactions to Core")
            if round % 2 == 0 {
                _ = try core.call("generatetoaddress", [1, address])
            } else {
                _ = try ours.node.call("generatetoaddress", [1, own])
            }
            try #require(try ours.run(until: { try ours.tip == core.tip }, for: 30), "the block of the round")
        }
        try part(core, ours, address, own, dialer: dialer)
        let coins = try core.call("gettxoutsetinfo", ["muhash"])
        #expect(coins["txouts"]?.int64 == Int64(ours.node.machine.chain.coins.count))
        if RPCMethod.named("gettxoutsetinfo") != nil {
            #expect(try ours.node.call("gettxoutsetinfo", ["muhash"])["muhash"] == coins["muhash"])
        }
    }

    private func dial(_ core: CoreProcess, _ dialer: Dialer) throws {
        guard dialer == .core else { return }
        _ = try core.call("addnode", [.string("127.0.0.1:\(core.otherPort)"), "onetry"])
    }

    /// A partition in which both mine, ours more the first time and theirs the second.
    private func part(_ core: CoreProcess, _ ours: SocketNode, _ address: JSON, _ own: JSON, dialer: Dialer)
        throws
    {
        for (mine, theirs) in [(7, 3), (2, 9)] {
            _ = try core.call("setnetworkactive", [false])
            _ = ours.run(until: { ours.node.machine.snapshot.peers == 0 }, for: 20)
            _ = try core.call("generatetoaddress", [.int(theirs), address])
            _ = try ours.node.call("generatetoaddress", [.int(mine), own])
            #expect(try ours.tip != core.tip)
            _ = try core.call("setnetworkactive", [true])
            try dial(core, dialer)
            try #require(try ours.run(until: { try ours.tip == core.tip }, for: 150), "after the partition")
        }
    }
}
