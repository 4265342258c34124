import Bitcoin
import Chain
import JSONText
import SansIO
import Stratum
import Testing

@testable import Conformance

@Suite("Conformance: our own servers")
struct ConformanceTests {
    @Test("our pool passes every check")
    func ownPool() throws {
        let world = ProbeWorld()
        let results = world.probe(ProbeWorld.mining, .pool, authority: world.poolAuthority) {
            $0.includesSlow = true
        }
        #expect(results.complaints == [])
        #expect(results.count { $0.verdict.word == "pass" } >= 60)
        #expect(results.verdict("SV2-5.3.13-03") == "pass")
        #expect(results.verdict("SV2-4.5-04") == "pass")
    }

    @Test("our template provider passes every check, and broadcasts the block that the suite finds")
    func ownTemplateProvider() {
        let world = ProbeWorld(network: .regtest)
        let results = world.probe(ProbeWorld.templates, .tp) {
            $0.minesBlocks = true
            $0.lanes = 1
        }
        #expect(results.complaints == [])
        #expect(results.verdict("SV2-7-02") == "pass")
    }

    @Test("our translator passes every check of its V1 side")
    func ownTranslator() {
        let world = ProbeWorld()
        world.addTranslator()
        let results = world.probe(ProbeWorld.miners, .translator)
        #expect(results.complaints == [])
        #expect(results.count == 10)
    }

    @Test("a job declaration server of few words passes every check")
    func honestDeclarator() {
        let world = ProbeWorld()
        world.addFake(FakeServer(.declarator(.none), unixTime: 1_795_000_000))
        let ids = ["SV2-6", "LAB-JD", "SV2-4.6"]
        #expect(world.probe(ProbeWorld.fake, .jds, only: ids).complaints == [])
    }

    @Test("the same seed gives the same results")
    func determinism() {
        func run() -> [CheckResult] {
            ProbeWorld().probe(ProbeWorld.mining, .pool, only: ["SV2-3", "SV2-5.3.1"])
        }
        #expect(run() == run())
    }
}

@Suite("Conformance: the table of clauses")
struct ClauseTests {
    @Test("every check tests a clause, and every clause that is said to be tested has its check")
    func clausesAndChecks() {
        let checks = Set(ConformanceSuite.checks.map(\.id))
        let tested = Clause.all.filter { $0.test == .checked }.map(\.id)
        #expect(checks.subtracting(tested) == [])
        #expect(Set(tested).subtracting(checks) == [])
        #expect(Set(Clause.all.map(\.id)).count == Clause.all.count)
        #expect(checks.count == ConformanceSuite.checks.count)
    }

    @Test("a clause that is not tested says why")
    func reasons() {
        for (clause, reason) in ConformanceReport.untested { #expect(reason.count > 10, "\(clause.id)") }
        #expect(ConformanceReport.untested.count > 30)
    }
}

@Suite("Conformance: reports")
struct ReportTests {
    private func report() -> ConformanceReport {
        let exchange = Exchange(
            at: .milliseconds(12), slot: 0, direction: .received, text: "SetupConnection.Success <used>",
            hex: "000001")
        return ConformanceReport(
            target: "stratum2+tcp://pool:1/KEY", role: .pool, unixTime: 1_795_000_000,
            results: [
                CheckResult(
                    id: "SV2-3.6.2-01", verdict: .fail("version 3"), evidence: [exchange], duration: .zero),
                CheckResult(id: "SV2-4.5-01", verdict: .pass("fine"), evidence: [], duration: .zero),
            ])
    }

    @Test("a failure stands in the text with its clause and what was seen")
    func text() {
        let text = report().text()
        #expect(text.contains("FAIL     SV2-3.6.2-01"))
        #expect(text.contains("used_version is a version proposed"))
        #expect(text.contains("12 ms #0 <- SetupConnection.Success <used>  000001"))
        #expect(text.contains("1 pass, 1 fail, 0 skip, 0 unknown of 2 checks"))
    }

    @Test("JSON has every check with its evidence, and the clauses that cannot be tested")
    func json() {
        let json = report().json
        #expect(json["counts"]?["fail"]?.int64 == 1)
        #expect(json["checks"]?.arrayValue?.count == 2)
        #expect(json["checks"]?[1]?["evidence"]?[0]?["hex"]?.stringValue == "000001")
        #expect(json["untested"]?.arrayValue?.isEmpty == false)
    }

    @Test("the page needs nothing else and quotes peers without letting them write HTML")
    func html() {
        let html = report().html
        #expect(html.contains("SetupConnection.Success &lt;used&gt;"))
        #expect(!html.contains("<used>"))
        #expect(!html.contains("http://") && !html.contains("https://"))
    }
}
