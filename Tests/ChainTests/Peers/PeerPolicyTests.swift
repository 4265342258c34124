import Bitcoin
import SansIO
import Testing

@testable import Chain

@Suite struct PeerPolicyTests {
    // MARK: Headers of little work

    /// `count` headers in a row after the genesis.
    private static func headers(_ count: Int) -> [BlockHeader] {
        var list: [BlockHeader] = []
        var previous = NetworkParameters.regtest.genesis.hash
        let limit = NetworkParameters.regtest.proofOfWorkLimit
        for number in 0..<count {
            var header = BlockHeader(
                version: 0x2000_0000, previousBlockHash: previous, merkleRoot: .zero,
                time: 1_700_000_000 + UInt32(number), bits: CompactTarget(bits: 0x207f_ffff), nonce: 0)
            while !limit.isMet(by: header.hash) { header.nonce += 1 }
            list.append(header)
            previous = header.hash
        }
        return list
    }

    private static func send(
        _ headers: ArraySlice<BlockHeader>, _ peer: PeerUnderTest, _ node: inout NodeUnderTest
    ) {
        peer.say("headers", to: &node) { NodeMachine.write(Array(headers), into: &$0) }
    }

    private static func node(work blocks: UInt64) -> NodeUnderTest {
        var configuration = NodeUnderTest.configuration()
        configuration.minimumChainWork = UInt256(2 * (blocks + 1))
        return NodeUnderTest(configuration)
    }

    @Test("Headers whose chain has too little work leave nothing behind, however many they are")
    func lowWork() throws {
        var node = Self.node(work: 30_000)
        let peer = try PeerTests.connected(&node)
        let headers = Self.headers(2_100)
        Self.send(headers[..<2_000], peer, &node)
        #expect(node.machine.chain.tree.count == 1)
        #expect(node.machine.peers.list[0].headers.presync?.height == 2_000)
        Self.send(headers[2_000...], peer, &node)
        #expect(node.machine.chain.tree.count == 1)
        #expect(node.machine.peers.list[0].headers.presync == nil)
        #expect(node.closed[peer.id.raw] == nil)
    }

    @Test("A chain that proves its work is fetched a second time and taken then")
    func measured() throws {
        var node = Self.node(work: 2_050)
        var peer = try PeerTests.connected(&node)
        let headers = Self.headers(2_100)
        Self.send(headers[..<2_000], peer, &node)
        Self.send(headers[2_000...], peer, &node)
        #expect(node.machine.chain.tree.count == 1)
        #expect(try peer.messages(&node).map(\.command).filter { $0 == "getheaders" }.count == 2)
        Self.send(headers[..<2_000], peer, &node)
        #expect(node.machine.chain.tree.count == 1)
        Self.send(headers[2_000...], peer, &node)
        #expect(node.machine.chain.tree.count == 2_101)
    }

    @Test("Who shows another chain the second time is not believed")
    func switched() throws {
        var node = Self.node(work: 2_050)
        let peer = try PeerTests.connected(&node)
        let headers = Self.headers(2_100)
        Self.send(headers[..<2_000], peer, &node)
        Self.send(headers[2_000...], peer, &node)
        Self.send(headers[..<1_000], peer, &node)
        #expect(node.machine.peers.list[0].headers.presync == nil)
        #expect(node.machine.chain.tree.count == 1)
    }

    // MARK: What outlives the node

    @Test("Bans survive a restart in Core's form, those that are over do not")
    func bans() throws {
        var node = NodeUnderTest()
        let now: UInt64 = 1_700_020_000
        for (text, until) in [
            ("10.0.0.0/8", now + 100), ("1.2.3.4", now + 5), ("2001:db8::/32", now + 9_000),
        ] {
            node.machine.peers.bans.ban(try #require(Subnet(text)), created: now, until: until)
        }
        let file = node.machine.banListFile
        #expect(String(decoding: file, as: UTF8.self).contains("\"banned_nets\""))
        var later = NodeUnderTest(.regtest, time: UInt32(now + 50))
        later.handle(.loadBans(file))
        #expect(later.machine.peers.bans.bans.map(\.subnet.description) == ["10.0.0.0/8", "2001:db8::/32"])
        later.handle(.loadBans(Array("{".utf8)))
        #expect(later.machine.peers.bans.bans.count == 2)
    }

    @Test("Known addresses survive a restart; a damaged file is left alone")
    func addresses() throws {
        var node = NodeUnderTest()
        for (place, text) in ["8.8.8.8", "2a00::1"].enumerated() {
            let record = AddressRecord(
                address: try #require(NetworkAddress(text)), port: 8_333, services: 9, time: 1_700_000_000)
            _ = node.machine.peers.book.insert(
                record, from: nil, tried: place == 1, random: &node.machine.peers.random)
        }
        var file = node.machine.addressFile
        var later = NodeUnderTest()
        later.handle(.loadAddresses(file))
        #expect(
            later.machine.peers.book.entries.map(\.record) == node.machine.peers.book.entries.map(\.record))
        #expect(later.machine.peers.book.entries.map(\.isTried) == [false, true])
        file[20] ^= 1
        var other = NodeUnderTest()
        other.handle(.loadAddresses(file))
        #expect(other.machine.peers.book.entries.isEmpty)
    }

    // MARK: Names and permissions

    @Test("Onion and I2P names are read and written; a wrong checksum is not taken")
    func overlays() throws {
        let onion = "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion"
        let i2p = "ukeu3k5oycgaauneqgtnvselmt4yemvoilkln7jpvamvfx7dnkdq.b32.i2p"
        for name in [onion, i2p] {
            let address = try #require(NetworkAddress(name))
            #expect("\(address)" == name)
            #expect(try #require(Subnet(name)).description == name)
        }
        #expect(NetworkAddress("qg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion") == nil)
        #expect(Subnet(onion + "/8") == nil)
    }

    @Test(
        "What -whitelist does not understand is named as Core names it",
        arguments: [
            ("in,out@127.0.0.1", "Only direction was set, no permissions: 'in,out@127.0.0.1'"),
            ("oopsie@127.0.0.1", "Invalid P2P permission: 'oopsie'"),
            ("noban@127.0.0.1:230", "Invalid netmask specified in -whitelist: '127.0.0.1:230'"),
        ])
    func permissions(text: String, fault: String) {
        #expect(throws: OptionError(fault)) { try PeerWhitelistEntry(text) }
    }

    // MARK: Orphans

    @Test("A peer that floods with orphans loses its own, not another's")
    func orphanShares() {
        func orphan(_ number: UInt32, inputs: Int = 1) -> Transaction {
            let points = (0..<inputs).map { place in
                TransactionInput(
                    previousOutput: OutPoint(
                        txid: SHA256.hash([UInt8(number & 0xff), UInt8(number >> 8)]), index: UInt32(place)),
                    scriptSig: Script([]), sequence: number)
            }
            return Transaction(
                version: 2, inputs: points,
                outputs: [TransactionOutput(value: 1, scriptPubKey: .anyone)], lockTime: 0)
        }
        var pool = OrphanPool()
        let (honest, flood) = (ConnectionID(1), ConnectionID(2))
        let mine = orphan(60_000)
        pool.insert(mine, from: honest)
        for number in 0..<400 { pool.insert(orphan(UInt32(number), inputs: 100), from: flood) }
        #expect(pool.contains(wtxid: mine.wtxid))
        #expect(pool.count < 300)
        #expect(pool.contains(wtxid: orphan(399, inputs: 100).wtxid))
        pool.disconnect(flood)
        #expect(pool.count == 1)
    }
}
