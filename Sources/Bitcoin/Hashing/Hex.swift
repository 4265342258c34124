extension [UInt8] {
    /// Bytes from hexadecimal digits of either case. Nil for an odd count or any other character, also for
    /// spaces.
    public init?(hex: String) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(hex.utf8.count / 2)
        var high: UInt8?
        for digit in hex.utf8 {
            guard let nibble = hexNibble(digit) else { return nil }
            if let first = high {
                bytes.append(first << 4 | nibble)
                high = nil
            } else {
                high = nibble
            }
        }
        guard high == nil else { return nil }
        self = bytes
    }

    /// Lower-case hexadecimal digits, two for a byte.
    public var hex: String { self[...].hex }
}

extension ArraySlice<UInt8> {
    /// Lower-case hexadecimal digits, two for a byte.
    public var hex: String {
        String(unsafeUninitializedCapacity: 2 * count) { digits in
            var next = 0
            for byte in self {
                digits[next] = hexDigit(byte >> 4)
                digits[next + 1] = hexDigit(byte & 15)
                next += 2
            }
            return next
        }
    }
}

private func hexNibble(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
}

private func hexDigit(_ nibble: UInt8) -> UInt8 {
    nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
}
