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
        // Bits of the sender in one of the receiver. Time is counted in bits of the sender.
        let ratio = sender / receiver
        let level = { (time: Double) in time >= Double(levels.count) || levels[Int(time)] }
        /// The next instant at which the line is high or low.
        let next = { (wanted: Bool, time: Double) -> Double in
            if level(time) == wanted { return time }
            var index = Int(time) + 1
            while index < levels.count, levels[index] != wanted { index += 1 }
            return Double(index)
        }
        var result: [UInt8] = []
        var time = next(false, 0)
        while time < Double(levels.count) {
            var byte: UInt8 = 0
            for bit in 0..<8 where level(time + (1.5 + Double(bit)) * ratio) { byte |= 1 << UInt8(bit) }
            let stop = time + 9.5 * ratio
            if level(stop) { result.append(byte) }
            // A receiver waits for the line to rise before it looks for the next beginning.
            time = next(false, next(true, stop))
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
