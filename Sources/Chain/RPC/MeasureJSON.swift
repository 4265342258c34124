import JSONText

extension JSON {
    /// A floating-point number as Core prints it: 16 significant digits, C's `%.16g`.
    static func measure(_ value: Double) -> JSON {
        let json = JSON.double(value)
        guard let text = json.numberText else { return json }
        let parts = text.split(separator: "e", maxSplits: 1)
        var digits = Array(parts[0].utf8)
        let isDigit = { (byte: UInt8) in (0x30...0x39).contains(byte) }
        // Swift prints the shortest text that reads back the same, which is at most one digit longer.
        let significant = digits.drop { !isDigit($0) || $0 == 0x30 || $0 == 0x2e }.filter(isDigit)
        guard significant.count > 16, digits.contains(0x2e) else { return json }
        var carry = (digits.popLast() ?? 0x30) >= 0x35
        for index in digits.indices.reversed() where carry && isDigit(digits[index]) {
            carry = digits[index] == 0x39
            digits[index] = carry ? 0x30 : digits[index] + 1
        }
        // A carry out of the front would need sixteen nines; such a number keeps its longer form.
        if carry { return json }
        while digits.last == 0x30 { digits.removeLast() }
        if digits.last == 0x2e { digits.removeLast() }
        let mantissa = String(decoding: digits, as: UTF8.self)
        return .number(parts.count == 2 ? "\(mantissa)e\(parts[1])" : mantissa)
    }
}
