import Bitcoin
import SansIO
import Testing

@testable import Stratum

@Suite struct V2FramingTests {
    @Test("a frame carries the channel bit in the high bit of byte 1")
    func aFrameCarriesTheChannel() {
        let message = Mining.SetTarget(channelID: 7, maximumTarget: .max)
        let bytes = V2Framing.frame(message)
        #expect(bytes.prefix(6) == [0x00, 0x80, 0x21, 36, 0, 0])
        #expect(V2Frame(message).bytes == bytes)
        #expect(V2Frame(message).channelID == 7)
    }
}
