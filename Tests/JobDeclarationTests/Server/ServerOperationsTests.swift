import JobDeclaration
import SansIO
import Stratum
import Testing

@Suite("Job declaration server: what an operator asks and sees")
struct ServerOperationsTests {
    @Test("a drain sends everybody away, lets nobody in, and closes who stays")
    func drain() throws {
        let world = try DeclarationWorld()
        let peer = try world.client()
        try world.order(.drain(host: "other.pool", port: 3_335, grace: .seconds(30)))
        let reconnect = try #require(try peer.last(Common.Reconnect.self))
        #expect(reconnect.newHost == "other.pool" && reconnect.newPort == 3_335)
        #expect(world.observations.contains(.draining(connections: 1)))
        #expect(try world.connect(to: .server).closed == .closed("draining"))
        try world.advance(by: .seconds(29))
        #expect(peer.closed == nil)
        try world.advance(by: .seconds(2))
        #expect(peer.closed == .closed("the job declaration server drains"))
        #expect(world.observations.last == .drained)
        try world.order(.resume)
        #expect(try world.client().closed == nil)
    }

    @Test("revoked tokens of one account are refused, others are not, and the next ones are good")
    func revoked() throws {
        let world = try DeclarationWorld()
        var declarer = TestDeclarer(world, try world.client())
        let (alice, bob) = (try declarer.token("alice"), try declarer.token("bob"))
        try world.order(.revokeTokens(identity: "alice"))
        #expect(world.observations.contains(.tokensRevoked(identity: "alice", count: 1)))
        let work = try world.work()
        declarer.peer.send(work.declaration(alice, requestID: 1))
        declarer.peer.send(work.declaration(bob, requestID: 2))
        try world.advance(by: .seconds(1))
        #expect(try declarer.refusal(1) == "invalid-mining-job-token")
        #expect(try declarer.success(2) != nil)
        let fresh = try declarer.declare(work)
        try world.advance(by: .seconds(1))
        #expect(try declarer.success(fresh) != nil)
    }

    @Test("connections, accounts and declared jobs are seen")
    func snapshot() throws {
        let world = try DeclarationWorld()
        var declarer = TestDeclarer(world, try world.client())
        _ = try world.client(flags: 0)
        let request = try declarer.declare(try world.work(), identity: "carol")
        try world.advance(by: .seconds(1))
        try #require(try declarer.success(request) != nil)
        _ = try declarer.token("carol")
        let seen = world.server.snapshot
        #expect(seen.clients.map(\.isFullTemplate) == [true, false])
        let first = try #require(seen.clients.first)
        #expect(first.vendor == "test" && first.identity == "carol" && first.address == "test")
        #expect(first.tokensAllocated == 2 && first.tokensUnused == 1 && first.jobsDeclared == 1)
        #expect(seen.jobs.map(\.connection) == [first.id])
    }
}
