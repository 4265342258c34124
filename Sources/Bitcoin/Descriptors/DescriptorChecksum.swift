/// The eight characters behind a descriptor's `#` (BIP380).
public enum DescriptorChecksum {
    /// Nil for text with a character that no descriptor has.
    public static func checksum(_ text: String) -> String? {
        var state: UInt64 = 1
        var group: UInt64 = 0
        var count = 0
        for character in text.utf8 {
            let position = positions[Int(character)]
            guard position != 255 else { return nil }
            state = step(state, UInt64(position & 31))
            group = group * 3 + UInt64(position >> 5)
            count += 1
            if count == 3 {
                state = step(state, group)
                group = 0
                count = 0
            }
        }
        if count > 0 { state = step(state, group) }
        for _ in 0..<8 { state = step(state, 0) }
        state ^= 1
        var text: [UInt8] = []
        for place in 0..<8 {
            let shift = UInt64(5 * (7 - place))
            text.append(outputs[Int(state >> shift & 31)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static func step(_ state: UInt64, _ value: UInt64) -> UInt64 {
        let top = state >> 35
        var next = (state & 0x7_ffff_ffff) << 5 ^ value
        for (bit, constant) in generator.enumerated() where top >> UInt64(bit) & 1 == 1 { next ^= constant }
        return next
    }

    private static let generator: [UInt64] = [
        0xf5_dee5_1989, 0xa9_fdca_3312, 0x1b_ab10_e32d, 0x37_06b1_677a, 0x64_4d62_6ffd,
    ]
    private static let positions: [UInt8] = {
        let characters =
            "0123456789()[],'/*abcdefgh@:$%{}" + "IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~"
            + "ijklmnopqrstuvwxyzABCDEFGH`#\"\\ "
        var positions = [UInt8](repeating: 255, count: 256)
        for (index, character) in characters.utf8.enumerated() { positions[Int(character)] = UInt8(index) }
        return positions
    }()
    private static let outputs = Array("qpzry9x8gf2tvdw0s3jn54khce6mua7l".utf8)
}
