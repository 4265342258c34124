import JobDeclaration
import Stratum
import Testing

@Suite("Job declaration server: bounds")
struct ServerLimitsTests {
    @Test("what the server accepts fits the wire's own bounds")
    func frames() {
        let limits = JobDeclarationServerLimits()
        #expect(limits.frameAfterSetup <= V2Limits.payloadMax)
        #expect(limits.frameWithTransactions <= V2Limits.payloadMax)
        #expect(limits.transactionsPerJob <= 0xffff)
    }
}
