import Bitcoin
import SansIO
import Testing

@testable import Chain

@Suite struct FilterServiceTests {
    @Test("A light client gets filters whose headers chain up to the checkpoints")
    func filters() throws {
        var configuration = NodeUnderTest.configuration()
        configuration.peerBlockFilters = true
        var node = NodeUnderTest(configuration)
        node.handle(.generate(count: 1_005, script: .anyone, maxTries: 10_000_000))
        var peer = try PeerTests.connected(&node)
        let stop = node.machine.chain.tip.hash
        func ask(_ command: String, from start: UInt32?) -> [PeerMessage] {
            peer.say(command, to: &node) { writer in
                writer.write(u8: 0)
                if let start { writer.write(u32: start) }
                writer.write(hash: stop)
            }
            return (try? peer.messages(&node)) ?? []
        }
        let checkpoints = try #require(ask("getcfcheckpt", from: nil).first)
        #expect(checkpoints.command == "cfcheckpt")
        #expect(checkpoints.payload.count == 1 + 32 + 1 + 32)
        let headers = try #require(ask("getcfheaders", from: 1).first)
        var header = Hash256.zero
        var hashes: [Hash256] = []
        var reader = ByteReader(headers.payload.span.bytes)
        _ = try reader.u8()
        #expect(try reader.hash256() == stop)
        header = try reader.hash256()
        for _ in 0..<(try reader.compactSize()) { hashes.append(try reader.hash256()) }
        #expect(hashes.count == 1_005)
        for hash in hashes.prefix(1_000) { header = BlockFilter.header(filterHash: hash, previous: header) }
        #expect(Array(checkpoints.payload.suffix(32)) == header.bytes)
        let filters = ask("getcfilters", from: 1_000)
        #expect(filters.map(\.command) == Array(repeating: "cfilter", count: 6))
        #expect(SHA256.double(Array(filters[0].payload.dropFirst(34))) == hashes[999])
        _ = ask("getcfilters", from: 2)
        #expect(node.closed[peer.id.raw] != nil)
    }
}
