import Bitcoin
import Foundation
import JSONText
import Testing

@testable import Chain

/// For an independent judge: writes a chain that this node made, with payments and a reorganisation, as hex
/// lines.
@Suite(
    .enabled(
        if: ProcessInfo.processInfo.environment["LAB_EXPORT_BLOCKS"] != nil,
        "set LAB_EXPORT_BLOCKS to a file to export the node's blocks for the kernel oracle's replay"))
struct BlockExport {
    @Test("Blocks are exported in the order in which the node accepted them")
    func export() throws {
        let path = try #require(ProcessInfo.processInfo.environment["LAB_EXPORT_BLOCKS"])
        var node = NodeUnderTest()
        let address = try TemplateProviderTests.fund(&node)
        _ = try node.call("generatetoaddress", [150, .string(address)])
        for round in 1...10 {
            for _ in 0..<round { _ = try node.call("sendtoaddress", [.string(address), "1.25"]) }
            node.handle(.generate(count: 1, script: .anyone, maxTries: 1_000_000))
        }
        try WalletTests.spendScripts(&node, from: "w")
        for type in ["legacy", "p2sh-segwit", "bech32", "bech32m"] {
            let own = try node.call("getnewaddress", ["", .string(type)], wallet: "w")
            for _ in 0..<3 { _ = try node.call("sendtoaddress", [own, 3], wallet: "w") }
        }
        node.handle(.generate(count: 1, script: .anyone, maxTries: 1_000_000))
        // All of them at once, so that inputs of every type stand in one transaction.
        _ = try node.call("sendall", [[.string(address)]], wallet: "w")
        node.handle(.generate(count: 1, script: .anyone, maxTries: 1_000_000))
        let below = try #require(node.machine.chain.entry(at: node.machine.chain.height - 3)).hash
        node.handle(.invalidateBlock(below))
        node.handle(.generate(count: 6, script: Script(bytes: [0x52]), maxTries: 1_000_000))
        var lines = ""
        for block in node.blocks { lines += block.hex + "\n" }
        try lines.write(toFile: path, atomically: true, encoding: .utf8)
    }
}
