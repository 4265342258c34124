/// Writes numbers as Golomb-Rice codes, most significant bit first (BIP158).
struct GolombRiceWriter {
    private(set) var bytes: [UInt8]
    private var partial: UInt8 = 0
    private var bits = 0

    /// Appends behind `prefix`.
    init(after prefix: [UInt8]) { bytes = prefix }

    mutating func write(_ value: UInt64, parameter: Int) {
        for _ in 0..<(value >> UInt64(parameter)) { write(bit: 1) }
        write(bit: 0)
        for shift in stride(from: parameter - 1, through: 0, by: -1) {
            write(bit: UInt8(value >> UInt64(shift) & 1))
        }
    }

    /// Fills the last byte with zeros.
    mutating func finish() {
        while bits != 0 { write(bit: 0) }
    }

    private mutating func write(bit: UInt8) {
        partial = partial << 1 | bit
        bits += 1
        guard bits == 8 else { return }
        bytes.append(partial)
        partial = 0
        bits = 0
    }
}

/// Reads Golomb-Rice codes.
struct GolombRiceReader {
    private let bytes: [UInt8]
    private var at: Int

    /// Starts at a byte.
    init(_ bytes: [UInt8], at start: Int) {
        self.bytes = bytes
        at = start * 8
    }

    /// Whether only the padding of the last byte is left.
    var isAtEnd: Bool { (at + 7) / 8 >= bytes.count }

    /// The next number; nil where the bytes end before it does.
    mutating func next(parameter: Int) -> UInt64? {
        var quotient: UInt64 = 0
        while true {
            guard let bit = nextBit() else { return nil }
            if bit == 0 { break }
            quotient += 1
        }
        var value = quotient
        for _ in 0..<parameter {
            guard let bit = nextBit() else { return nil }
            value = value << 1 | bit
        }
        return value
    }

    private mutating func nextBit() -> UInt64? {
        guard at < bytes.count * 8 else { return nil }
        defer { at += 1 }
        return UInt64(bytes[at / 8] >> UInt8(7 - at % 8) & 1)
    }
}
