import Bitcoin
import Foundation
import JSONText
import SansIO
import Testing

@testable import Chain

@Suite struct WalletTests {
    /// A node with a wallet `w` that holds matured coins.
    static func funded(blocks: Int = 103, keypool: Int = 5) throws -> NodeUnderTest {
        var configuration = NodeUnderTest.configuration()
        configuration.keypool = keypool
        var node = NodeUnderTest(configuration)
        _ = try node.call("createwallet", ["w"])
        let address = try node.call("getnewaddress", wallet: "w")
        _ = try node.call("generatetoaddress", [.int(blocks), address])
        return node
    }

    static func satoshi(_ json: JSON?) -> Int64 { RPCArguments.satoshi(json?.numberText ?? "") ?? -1 }

    @Test(
        "Coins of every address type are found, spent and change comes back",
        arguments: ["legacy", "p2sh-segwit", "bech32", "bech32m"])
    func types(type: String) throws {
        var node = try Self.funded()
        _ = try node.call("createwallet", ["other"])
        let target = try node.call("getnewaddress", ["rent", .string(type)], wallet: "other")
        let txid = try node.call("sendtoaddress", [target, "10"], wallet: "w")
        let miner = try node.call("getnewaddress", wallet: "w")
        _ = try node.call("generatetoaddress", [1, miner])
        #expect(try node.call("getbalance", wallet: "other").text == "10.00000000")
        // And on: every type signs for itself, with change of its own.
        let back = try node.call("getnewaddress", wallet: "w")
        let spend = try node.call("sendtoaddress", [back, "4"], wallet: "other")
        _ = try node.call("generatetoaddress", [1, miner])
        let told = try node.call("gettransaction", [spend], wallet: "other")
        #expect(told["confirmations"] == 1)
        let fee = Self.satoshi(told["fee"])
        #expect(Self.satoshi(try node.call("getbalance", wallet: "other")) == 600_000_000 + fee)
        #expect(try node.call("gettransaction", [txid], wallet: "other")["details"]?[0]?["label"] == "rent")
    }

    @Test("A payment of one coin at 10 sat/vB costs what Core's does, to the satoshi")
    func feeIsCores() throws {
        var node = try Self.funded(blocks: 101)
        let sent = try node.call(
            "sendtoaddress", ["bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", "1.5"], wallet: "w")
        #expect(try node.call("gettransaction", [sent], wallet: "w")["fee"]?.text == "-0.00001410")
    }

    @Test("Multisig in P2WSH and in taproot's script path is imported, paid to, and spent")
    func scripts() throws {
        var node = try Self.funded()
        try Self.spendScripts(&node, from: "w")
    }

    /// Pays to scripts of every form and spends them again.
    static func spendScripts(_ node: inout NodeUnderTest, from wallet: String) throws {
        let seeds = (1...3).map { [UInt8](repeating: UInt8($0), count: 32) }
        let keys = seeds.compactMap { ExtendedKey(seed: $0)?.text(network: .regtest) }
        let nobody = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
        let (nobody33, nobody33b) = ("02" + nobody, "03" + nobody)
        let bodies = [
            "wsh(sortedmulti(2,\(keys[0])/0/*,\(keys[1])/0/*))",
            "sh(wsh(multi(2,\(keys[0])/1/*,\(keys[1])/1/*,\(keys[2])/1/*)))",
            "sh(multi(1,\(keys[0])/2/*,\(keys[1])/2/*))",
            "tr(\(nobody),{pk(\(keys[0])/3/*),multi_a(2,\(keys[1])/3/*,\(keys[2])/3/*)})",
            "tr(\(nobody),sortedmulti_a(2,\(keys[1])/4/*,\(keys[2])/4/*))", "pkh(\(keys[0])/5/*)",
            "wsh(or_d(pk(\(nobody33)),and_v(v:pkh(\(keys[0])/6/*),multi(1,\(keys[1])/6/*,\(nobody33b)))))",
            "wsh(thresh(2,pk(\(keys[0])/7/*),s:pk(\(keys[1])/7/*),s:pk(\(keys[2])/7/*),a:pkh(\(nobody33))))",
            "sh(wsh(andor(pk(\(keys[0])/8/*),after(50),pk(\(keys[1])/8/*))))",
            "tr(\(nobody),{and_v(v:pkh(\(keys[0])/9/*),pk(\(keys[1])/9/*)),pk(\(nobody33b))})",
        ]
        _ = try node.call("createwallet", ["m", false, true])
        let miner = try node.call("getnewaddress", wallet: wallet)
        for body in bodies {
            let text = OutputDescriptor.withChecksum(body)
            let imported = try node.call(
                "importdescriptors", [[["desc": .string(text), "timestamp": "now", "range": [0, 3]]]],
                wallet: "m")
            #expect(imported[0]?["success"] == true, "\(imported.text)")
            let address = try #require(try node.call("deriveaddresses", [.string(text), [2, 2]])[0])
            _ = try node.call("sendtoaddress", [address, 1], wallet: wallet)
        }
        _ = try node.call("generatetoaddress", [1, miner])
        let coins = try #require(try node.call("listunspent", wallet: "m").arrayValue)
        #expect(coins.count == bodies.count)
        #expect(coins.allSatisfy { $0["solvable"] == true })
        let all = try node.call("sendall", [[miner]], wallet: "m")
        #expect(all["complete"] == true, "\(all.text)")
        _ = try node.call("generatetoaddress", [1, miner])
        #expect(try node.call("getbalance", wallet: "m").text == "0.00000000")
        #expect(try node.call("getrawmempool") == [])
    }

    @Test("An encrypted wallet signs only while it is unlocked, and its records hold no key")
    func encryption() throws {
        var node = try Self.funded()
        let other = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
        _ = try node.call("encryptwallet", ["secret words"], wallet: "w")
        let locked = try node.failure("sendtoaddress", [.string(other), 1])
        #expect(locked.code == -13)
        #expect(try node.failure("walletpassphrase", ["wrong", 60]).code == -14)
        _ = try node.call("walletpassphrase", ["secret words", 60], wallet: "w")
        _ = try node.call("sendtoaddress", [.string(other), 1], wallet: "w")
        let fresh = try node.call("getnewaddress", wallet: "w")
        node.wait(.seconds(61))
        #expect(try node.failure("sendtoaddress", [.string(other), 1]).code == -13)
        _ = try node.call("walletpassphrasechange", ["secret words", "others"], wallet: "w")
        #expect(try node.failure("walletpassphrase", ["secret words", 60]).code == -14)
        // Nothing that is kept, old or new, holds a private key in the clear.
        #expect(node.records.contains { $0.0 == .wallet })
        for (_, record) in node.records { #expect(!String(decoding: record, as: UTF8.self).contains("tprv")) }
        // After a restart it is locked, and opens with the new passphrase.
        var again = node.restarted()
        #expect(try again.failure("sendtoaddress", [.string(other), 1]).code == -13)
        _ = try again.call("walletpassphrase", ["others", 60])
        _ = try again.call("sendtoaddress", [.string(other), 1])
        #expect(try again.call("getaddressinfo", [fresh])["ismine"] == true)
    }

    @Test("A journal that still holds the keys of an encrypted wallet is written anew at the next start")
    func oldJournal() throws {
        var node = try Self.funded()
        let plain = node.records
        #expect(plain.contains { String(decoding: $0.1, as: UTF8.self).contains("tprv") })
        _ = try node.call("encryptwallet", ["secret words"], wallet: "w")
        // As a version wrote it that only appended.
        var again = NodeUnderTest(
            NodeUnderTest.configuration(), storage: node.storage.recovered(),
            restoring: plain + node.records)
        #expect(try again.call("getbalance", wallet: "w") == node.call("getbalance", wallet: "w"))
        for (_, record) in again.records {
            #expect(!String(decoding: record, as: UTF8.self).contains("tprv"))
        }
    }

    /// Files in memory.
    private final class Shelf: WalletBackups, @unchecked Sendable {
        private let lock = NSLock()
        private var files: [String: [UInt8]] = [:]
        func exists(_ path: String) -> Bool { lock.withLock { files[path] != nil } }
        func read(_ path: String) -> [UInt8]? { lock.withLock { files[path] } }
        func write(_ bytes: [UInt8], to path: String) -> Bool {
            lock.withLock {
                files[path] = bytes
                return path != "folder"
            }
        }
    }

    @Test("A backup makes the same wallet under another name, which finds what came later")
    func backup() throws {
        let shelf = Shelf()
        var configuration = NodeUnderTest.configuration()
        configuration.backups = shelf
        var node = NodeUnderTest(configuration)
        _ = try node.call("createwallet", ["w"])
        let address = try node.call("getnewaddress", ["mine"], wallet: "w")
        _ = try node.call("generatetoaddress", [101, address])
        _ = try node.call("backupwallet", ["copy"], wallet: "w")
        #expect(try node.failure("backupwallet", ["folder"]).code == -4)
        let later = try node.call("getnewaddress", wallet: "w")
        _ = try node.call("generatetoaddress", [2, later])
        #expect(try node.failure("restorewallet", ["w", "copy"]).code == -36)
        #expect(try node.failure("restorewallet", ["v", "nothing"]).code == -8)
        _ = shelf.write([1, 2, 3], to: "rubbish")
        #expect(try node.failure("restorewallet", ["v", "rubbish"]).code == -18)
        #expect(try node.call("restorewallet", ["v", "copy"])["name"] == "v")
        #expect(
            try node.call("getbalances", wallet: "v")["mine"] == node.call("getbalances", wallet: "w")["mine"]
        )
        #expect(try node.call("getaddressesbylabel", ["mine"], wallet: "v")[address.stringValue ?? ""] != nil)
        // Without its keys it still sees all, and spends nothing.
        let exported = try node.call("exportwatchonlywallet", ["public"], wallet: "w")
        #expect(exported["exported_file"] == "public")
        #expect(!String(decoding: shelf.read("public") ?? [], as: UTF8.self).contains("tprv"))
        #expect(try node.failure("exportwatchonlywallet", ["public"]).code == -19)
        _ = try node.call("restorewallet", ["p", "public"])
        #expect(try node.call("getwalletinfo", wallet: "p")["private_keys_enabled"] == false)
        #expect(try node.call("getbalance", wallet: "p") == node.call("getbalance", wallet: "w"))
        var again = node.restarted()
        #expect(try again.call("getbalance", wallet: "v") == node.call("getbalance", wallet: "w"))
    }

    @Test("bumpfee replaces a payment, keeps its change's address and tells both of each other")
    func bump() throws {
        var node = try Self.funded()
        let other: JSON = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
        let first = try node.call(
            "sendtoaddress", [other, 1, "note", .null, false, true, .null, .null, .null, 2], wallet: "w")
        let bumped = try node.call("bumpfee", [first, ["fee_rate": 20]], wallet: "w")
        let second = try #require(bumped["txid"])
        #expect(try node.call("getrawmempool") == [second])
        #expect(try node.call("gettransaction", [first], wallet: "w")["replaced_by_txid"] == second)
        let told = try node.call("gettransaction", [second], wallet: "w")
        #expect(told["replaces_txid"] == first && told["comment"] == "note")
        #expect(told["walletconflicts"] == [first])
        #expect(try node.failure("bumpfee", [first]).code == -4)
        _ = try node.call("generatetoaddress", [1, other])
        #expect(Self.satoshi(try node.call("gettransaction", [first], wallet: "w")["confirmations"]) < 0)
    }

    @Test("A watch-only wallet makes a PSBT that the wallet with the keys signs")
    func psbt() throws {
        var node = try Self.funded()
        _ = try node.call("createwallet", ["watch", true])
        let listed = try node.call("listdescriptors", wallet: "w")["descriptors"]?.arrayValue ?? []
        let requests = listed.map { entry -> JSON in
            [
                "desc": entry["desc"] ?? .null, "timestamp": 0, "active": true,
                "internal": entry["internal"] ?? false, "range": entry["range"] ?? .null,
            ]
        }
        let imported = try node.call("importdescriptors", [.array(requests)], wallet: "watch")
        #expect(imported.arrayValue?.allSatisfy { $0["success"] == true } ?? false, "\(imported.text)")
        #expect(
            try node.call("getbalance", wallet: "watch") == (try node.call("getbalance", wallet: "w")))
        let funded = try node.call(
            "walletcreatefundedpsbt",
            [[], [["bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080": 60]]], wallet: "watch")
        let signed = try node.call("walletprocesspsbt", [funded["psbt"] ?? .null], wallet: "w")
        #expect(signed["complete"] == true)
        _ = try node.call("sendrawtransaction", [signed["hex"] ?? .null])
        #expect(try node.call("getmempoolinfo")["size"] == 1)
    }

    @Test("A reorganisation, a conflict and a rescan leave the books right")
    func reorganisation() throws {
        var node = try Self.funded()
        let other: JSON = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
        let before = try node.call("getbalance", wallet: "w")
        let sent = try node.call("sendtoaddress", [other, 2], wallet: "w")
        let block = try #require(try node.call("generatetoaddress", [1, other])[0])
        #expect(try node.call("gettransaction", [sent], wallet: "w")["confirmations"] == 1)
        _ = try node.call("invalidateblock", [block])
        #expect(try node.call("gettransaction", [sent], wallet: "w")["confirmations"] == 0)
        #expect(try node.call("getrawmempool") == [sent])
        _ = try node.call("reconsiderblock", [block])
        #expect(try node.call("gettransaction", [sent], wallet: "w")["blockhash"] == block)
        let after = try node.call("getbalance", wallet: "w")
        #expect(before != after)
        _ = try node.call("rescanblockchain", wallet: "w")
        #expect(try node.call("getbalance", wallet: "w") == after)
        // A restart from the records comes to the same.
        var again = node.restarted()
        #expect(try again.call("getbalance") == after)
        #expect(
            try again.call("listtransactions", ["*", 5]) == (try node.call("listtransactions", ["*", 5])))
    }

    @Test("Funds to addresses not yet given out are seen within the look-ahead")
    func lookAhead() throws {
        var node = try Self.funded(keypool: 10)
        let listed = try node.call("listdescriptors", wallet: "w")["descriptors"]?.arrayValue ?? []
        let receiving = try #require(
            listed.first { $0["desc"]?.stringValue?.hasPrefix("wpkh") ?? false && $0["internal"] == false })
        let next = try #require(receiving["next_index"]?.int64)
        let ahead = try #require(
            try node.call(
                "deriveaddresses", [receiving["desc"] ?? .null, .array([.int(next + 8), .int(next + 8)])])[0])
        _ = try node.call("generatetoaddress", [1, ahead])
        #expect(try node.call("listtransactions", ["*", 1], wallet: "w")[0]?["address"] == ahead)
        let fresh = try node.call("getnewaddress", wallet: "w")
        #expect(
            try node.call("getaddressinfo", [fresh], wallet: "w")["hdkeypath"]?.stringValue?.hasSuffix(
                "/\(next + 9)") ?? false)
    }

    @Test("Locked coins are left alone, and subtracting the fee pays it from the outputs")
    func locks() throws {
        var node = try Self.funded(blocks: 102)
        let coins = try #require(try node.call("listunspent", wallet: "w").arrayValue)
        #expect(coins.count == 2)
        let coin: JSON = ["txid": coins[0]["txid"] ?? .null, "vout": coins[0]["vout"] ?? .null]
        _ = try node.call("lockunspent", [false, [coin]], wallet: "w")
        #expect(try node.call("listlockunspent", wallet: "w") == [coin])
        let other: JSON = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
        #expect(try node.failure("sendtoaddress", [other, 60]).code == -6)
        let sent = try node.call("sendtoaddress", [other, 50, .null, .null, true], wallet: "w")
        let told = try node.call("gettransaction", [sent], wallet: "w")
        #expect(Self.satoshi(told["amount"]) - Self.satoshi(told["fee"]) > -5_000_000_000)
        #expect(try node.call("getbalances", wallet: "w")["mine"]?["trusted"]?.text == "50.00000000")
    }

    @Test("Messages are signed and verified; labels, received sums and lists agree")
    func books() throws {
        var node = try Self.funded()
        let address = try node.call("getnewaddress", ["shop", "legacy"], wallet: "w")
        let signature = try node.call("signmessage", [address, "hello"], wallet: "w")
        #expect(try node.call("verifymessage", [address, signature, "hello"]) == true)
        #expect(try node.call("verifymessage", [address, signature, "hallo"]) == false)
        _ = try node.call("sendmany", ["", .object([address.stringValue ?? "": 3])], wallet: "w")
        _ = try node.call("generatetoaddress", [1, address])
        #expect(try node.call("getreceivedbyaddress", [address], wallet: "w").text == "3.00000000")
        #expect(try node.call("getreceivedbylabel", ["shop"], wallet: "w").text == "3.00000000")
        #expect(try node.call("listlabels", wallet: "w") == ["", "shop"])
        let listed = try node.call("listreceivedbylabel", wallet: "w").arrayValue ?? []
        #expect(listed.contains { $0["label"] == "shop" && $0["amount"]?.text == "3.00000000" })
        #expect(try node.call("listaddressgroupings", wallet: "w").arrayValue?.isEmpty == false)
    }
}
