import Testing

@testable import Explorer

@Suite struct EventHubTests {
    @Test func aSlowListenerKeepsOneSetOfTopicsAndOneWakeUp() async throws {
        let hub = EventHub(limit: 2)
        let subscription = try #require(hub.subscribe())
        for _ in 0..<1_000 {
            hub.publish([.tip])
            hub.publish([.mempool])
        }
        #expect(hub.take(subscription) == [.tip, .mempool])
        #expect(hub.take(subscription) == [])
        hub.publish([.feed])
        hub.unsubscribe(subscription)
        var wakeUps = 0
        for await _ in subscription.wakeUps { wakeUps += 1 }
        #expect(wakeUps == 1)
    }

    @Test func listenersAreBounded() throws {
        let hub = EventHub(limit: 2)
        let first = try #require(hub.subscribe())
        let second = try #require(hub.subscribe())
        #expect(hub.subscribe() == nil)
        hub.unsubscribe(first)
        hub.unsubscribe(first)
        #expect(hub.count == 1)
        #expect(hub.subscribe() != nil)
        hub.publish([.node])
        #expect(hub.take(second) == [.node])
        #expect(hub.take(first) == [], "a ticket that was given back hears nothing")
    }
}
