import SansIO
import Stratum
import Testing

@Suite struct TLVTests {
    private let share: [UInt8] = [UInt8](repeating: 0, count: 24) + [2, 0xaa, 0xbb]

    @Test("the reference implementation's little-endian bytes and the text's big-endian ones mean the same")
    func bothOrders() throws {
        let name = Array("Worker_001".utf8)
        let little: [UInt8] = [0x02, 0x00, 0x01, 0x0a, 0x00]
        let big: [UInt8] = [0x00, 0x02, 0x01, 0x00, 0x0a]
        for header in [little, big] {
            let message = try Mining.SubmitSharesExtended(payload: share + header + name)
            #expect(message.tlvs == [.userIdentity("Worker_001")])
            #expect(message.tlvs.first?.userIdentity == "Worker_001")
            #expect(message.payload == share + little + name)
        }
        // An empty value fits both orders: the known extension decides.
        for header: [UInt8] in [[2, 0, 1, 0, 0], [0, 2, 1, 0, 0]] {
            #expect(try Mining.SubmitSharesExtended(payload: share + header).tlvs == [.userIdentity("")])
        }
    }

    @Test("TLVs are written in the order of their extensions and read in any")
    func order() throws {
        let first = TLV(extensionType: 2, fieldType: 1, value: [1])
        let second = TLV(extensionType: 0x4001, fieldType: 7, value: [])
        var message = try Mining.SubmitSharesExtended(payload: share)
        message.tlvs = [second, first]
        let again = try Mining.SubmitSharesExtended(payload: message.payload)
        #expect(again.tlvs == [first, second])
    }

    @Test("a name over 32 bytes is cut between characters")
    func longNames() {
        #expect(TLV.userIdentity(String(repeating: "a", count: 40)).value.count == 32)
        #expect(TLV.userIdentity("a" + String(repeating: "é", count: 20)).value.count == 31)
        #expect(
            TLV(extensionType: 2, fieldType: 1, value: [UInt8](repeating: 65, count: 33)).userIdentity == nil)
    }

    @Test("what is no TLV is refused, and so are too many")
    func malformed() {
        for tail: [UInt8] in [[1], [2, 0, 1, 9], [2, 0, 1, 5, 0, 1], [0, 2, 1, 0, 5, 1]] {
            #expect(throws: V2DecodeError.malformedTLV) {
                try Mining.SubmitSharesExtended(payload: share + tail)
            }
        }
        let many = (0...V2Limits.tlvCountMax).flatMap { _ in [UInt8]([2, 0, 1, 0, 0]) }
        #expect(throws: V2DecodeError.malformedTLV) {
            try Mining.SubmitSharesExtended(payload: share + many)
        }
    }
}
