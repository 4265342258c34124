/// What a receiver makes of a line that another speed drives.
///
/// Eight bits, no parity, one stop bit: a frame begins at a falling edge, bits are sampled in their middle, and a frame
/// whose stop bit is low is not handed on.
public enum LineSampling {
    /// How far two speeds may differ, as a share of the receiver's. Drivers rely on four hundredths: 1.5 M to a chip at
    /// 1.5625 M, 1.0 M to one at 1.0417 M.
    public static let tolerance = 0.0405

    public static func agree(_ sender: Double, _ receiver: Double) -> Bool {
        abs(sender - receiver) <= receiver * tolerance
    }

    /// The bytes that a receiver at `receiver` baud hears of a burst sent at `sender` baud, the line idle before and
    /// after.
    public static func heard(_ bytes: some Collection<UInt8>, sent sender: Double, by receiver: Double)
        -> [UInt8]
    {
        if agree(sender, receiver) { return Array(bytes) }
        let levels = bits(bytes)
        let ratio = sender / receiver
        let level = { (time: Double) in
            let index = Int(time * ratio)
            return index < levels.count ? levels[index] : true
        }
        let end = Double(levels.count) / ratio
        var result: [UInt8] = []
        // Time in bits of the receiver.
        var time = 0.0
        while time < end {
            guard !level(time) else {
                // To the next edge, which a receiver's oversampling sees to within a sixteenth of a bit.
                time += 1.0 / 16
                continue
            }
            var byte: UInt8 = 0
            for bit in 0..<8 where level(time + 1.5 + Double(bit)) { byte |= 1 << UInt8(bit) }
            if level(time + 9.5) { result.append(byte) }
            time += 9.5
            while time < end, !level(time) { time += 1.0 / 16 }
        }
        return result
    }

    private static func bits(_ bytes: some Collection<UInt8>) -> [Bool] {
        var levels: [Bool] = []
        levels.reserveCapacity(bytes.count * 10)
        for byte in bytes {
            levels.append(false)
            for bit in 0..<8 { levels.append(byte >> UInt8(bit) & 1 == 1) }
            levels.append(true)
        }
        return levels
    }
}
