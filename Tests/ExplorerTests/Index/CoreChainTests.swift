import Bitcoin
import Foundation
import JSONText
import Testing

@testable import Explorer

/// Answers recorded from Bitcoin Core on a chain of 150 blocks (shared/golden); the explorer must read the
/// same.
private enum Golden {
    static let folder: String = {
        if let shared = ProcessInfo.processInfo.environment["LAB_SHARED"] { return shared + "/golden" }
        var root = URL(fileURLWithPath: #filePath)
        for _ in 0..<4 { root.deleteLastPathComponent() }
        return root.deletingLastPathComponent().appendingPathComponent("shared/golden").path
    }()

    static var isHere: Bool { FileManager.default.fileExists(atPath: folder + "/base_chain.json") }

    static func json(_ name: String) throws -> JSON {
        try JSON.parse([UInt8](Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)"))))
    }

    /// Blocks 1...150; the genesis block is not among them.
    static func index() throws -> ChainIndex {
        var index = ChainIndex()
        for (offset, text) in try #require(json("base_chain.json")["blocks"]?.arrayValue).enumerated() {
            let bytes = try #require([UInt8](hex: text.stringValue ?? ""))
            try index.connect(Block(bytes: bytes), height: offset + 1)
        }
        return index
    }
}

@Suite(.enabled(if: Golden.isHere, "2 tests need shared/golden (set LAB_SHARED)"))
struct CoreChainTests {
    @Test func theRecordedChainIsIndexedWhole() throws {
        let index = try Golden.index()
        #expect(index.tipHeight == 150)
        #expect(
            index.tip?.hash.displayHex == "4b03a69c5199b97c2397dfd8a1b37ce1104e11a1298d9191aed2ad834a3d21cd")
        for height in 1...150 {
            let entry = try #require(index.block(at: height))
            #expect(entry.coinbase?.height == height)
            // The genesis block's coin cannot be spent, so every other input must resolve.
            #expect(entry.fees != nil)
            #expect(entry.size == entry.block.bytes().count)
        }
    }

    @Test func scriptsReadAsCorePrintsThem() throws {
        let index = try Golden.index()
        var compared = 0
        for record in try #require(Golden.json("rpc_golden.json").arrayValue) {
            guard record["method"]?.stringValue == "getrawtransaction", let raw = record["raw"]?.stringValue,
                let result = try? JSON.parse(raw)["result"], let txid = result["txid"]?.stringValue,
                let transaction = Hash256(displayHex: txid).flatMap({ index.transaction($0) })
            else { continue }
            for (output, expected) in zip(transaction.outputs, result["vout"]?.arrayValue ?? []) {
                let script = expected["scriptPubKey"]
                #expect(output.scriptPubKey.assembly == script?["asm"]?.stringValue)
                #expect(output.scriptPubKey.address(on: .regtest) == script?["address"]?.stringValue)
                #expect(expected["value"].flatMap(Satoshi.init)?.value == output.value)
                let type = try #require(script?["type"]?.stringValue)
                // Newer Core names pay-to-anchor; it is a witness program of version 1 with two bytes.
                if type != "anchor" { #expect(output.scriptPubKey.kind.rpcName == type) }
                compared += 1
            }
        }
        #expect(compared > 20)
    }
}
