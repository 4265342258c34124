import Bitcoin
import SansIO

@testable import Chain

/// Nodes that share one clock and talk over links without delay. The node at place `i` listens at 127.0.0.1,
/// port 18444 + i.
final class NodeNetwork {
    final class Place {
        var node: NodeUnderTest
        init(_ configuration: NodeConfiguration) { node = NodeUnderTest(configuration) }
    }

    private struct Link {
        var a: Int
        var onA: ConnectionID
        var b: Int
        var onB: ConnectionID
        var isDead = false
    }

    private(set) var places: [Place] = []
    private var links: [Link] = []
    private var nextPort = 40_000
    private(set) var now = Instant.start
    /// Pairs of places that cannot reach each other.
    var cuts: [(Int, Int)] = []
    /// Bytes go over in pieces of this size.
    var pieces = Int.max
    /// Everything that was sent, folded into one number: the same for the same run.
    private(set) var digest = SHA256.hash([UInt8]())

    init(_ configurations: [NodeConfiguration]) {
        for configuration in configurations { places.append(Place(configuration)) }
        run(.milliseconds(1))
    }

    /// `count` nodes on regtest that hold connections as `edges` say: each pair is who dials whom.
    convenience init(
        _ count: Int, edges: [(Int, Int)], time: UInt32 = 1_700_020_000,
        _ change: (Int, inout NodeConfiguration) -> Void = { _, _ in }
    ) {
        self.init(
            (0..<count).map { place in
                var configuration = NodeUnderTest.configuration(time: time)
                configuration.seed = UInt64(place + 1)
                configuration.secretSeed = [UInt8](repeating: UInt8(place + 1), count: 32)
                configuration.connect = edges.filter { $0.0 == place }.map { Self.endpoint($0.1) }
                change(place, &configuration)
                return configuration
            })
    }

    static func endpoint(_ place: Int) -> Endpoint {
        Endpoint(host: "127.0.0.1", port: UInt16(18_444 + place))
    }

    subscript(place: Int) -> Place { places[place] }

    func tip(_ place: Int) -> Hash256 { places[place].node.machine.chain.tip.hash }
    func height(_ place: Int) -> Int { places[place].node.machine.chain.height }

    /// Mines and lets the news travel.
    func mine(_ place: Int, _ count: Int = 1, paying script: Script = .anyone) {
        places[place].node.handle(.generate(count: count, script: script, maxTries: 10_000_000))
        settle()
    }

    /// Lets time pass for all.
    func run(_ interval: Interval) {
        let end = now + interval
        settle()
        while let next = places.compactMap({ $0.node.machine.nextDeadline }).min(), next <= end {
            now = max(now, next)
            for place in places { place.node.wait(now - place.node.now) }
            settle()
        }
        now = end
        for place in places { place.node.wait(now - place.node.now) }
        settle()
    }

    func cut(_ a: Int, _ b: Int) {
        cuts.append((a, b))
        for index in links.indices where isCut(links[index].a, links[index].b) { kill(index) }
        settle()
    }

    func heal() { cuts = [] }

    private func isCut(_ a: Int, _ b: Int) -> Bool { cuts.contains { $0 == (a, b) || $0 == (b, a) } }

    private func kill(_ index: Int) {
        let link = links[index]
        guard !link.isDead else { return }
        links[index].isDead = true
        places[link.a].node.disconnect(link.onA)
        places[link.b].node.disconnect(link.onB)
    }

    /// Carries bytes, dials and closings until nothing moves.
    func settle() {
        var isMoving = true
        while isMoving {
            isMoving = answerDials()
            for index in links.indices where !links[index].isDead {
                let link = links[index]
                if carry(from: link.a, link.onA, to: link.b, link.onB) { isMoving = true }
                if carry(from: link.b, link.onB, to: link.a, link.onA) { isMoving = true }
                let isClosed =
                    places[link.a].node.closed[link.onA.raw] != nil
                    || places[link.b].node.closed[link.onB.raw] != nil
                if isClosed {
                    kill(index)
                    isMoving = true
                }
            }
            links.removeAll { $0.isDead }
        }
    }

    private func carry(from: Int, _ source: ConnectionID, to: Int, _ target: ConnectionID) -> Bool {
        let bytes = places[from].node.take(source)
        guard !bytes.isEmpty else { return false }
        digest = SHA256.hash(digest.bytes + bytes)
        for start in stride(from: 0, to: bytes.count, by: min(pieces, bytes.count)) {
            guard places[to].node.closed[target.raw] == nil else { break }
            places[to].node.receive(
                Array(bytes[start..<min(bytes.count, start + min(pieces, bytes.count))]), on: target)
        }
        return true
    }

    private func answerDials() -> Bool {
        var hasAnswered = false
        for place in places.indices {
            let dials = places[place].node.dials
            places[place].node.dials = []
            for (dial, endpoint) in dials {
                hasAnswered = true
                let other = Int(endpoint.port) - 18_444
                guard places.indices.contains(other), !isCut(place, other) else {
                    places[place].node.fail(dial)
                    continue
                }
                nextPort += 1
                let onB = places[other].node.open(.peerToPeer, from: "127.0.0.1:\(nextPort)")
                let onA = places[place].node.open(.dialed(dial))
                links.append(Link(a: place, onA: onA, b: other, onB: onB))
            }
        }
        return hasAnswered
    }
}
