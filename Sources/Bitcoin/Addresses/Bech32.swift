/// The text form of witness programs: BIP173 (Bech32, version 0) and BIP350 (Bech32m, version 1 and up).
public enum Bech32 {
    public enum Variant: Sendable {
        case bech32
        case bech32m

        /// What the checksum polynomial must come to.
        var constant: UInt32 { self == .bech32 ? 1 : 0x2bc8_30a3 }
    }

    private static let alphabet = Array("qpzry9x8gf2tvdw0s3jn54khce6mua7l".utf8)
    static let values: [UInt8] = {
        var values = [UInt8](repeating: 255, count: 256)
        for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
        return values
    }()

    /// `prefix` must be lower case; `data` are 5-bit values.
    public static func encode(prefix: String, data: [UInt8], variant: Variant) -> String {
        precondition(data.allSatisfy { $0 < 32 }, "Bech32 data are 5-bit values")
        let expanded = expand(Array(prefix.utf8))
        let checksum = polymod(expanded + data + [0, 0, 0, 0, 0, 0]) ^ variant.constant
        var text = Array(prefix.utf8) + [UInt8(ascii: "1")]
        for value in data { text.append(alphabet[Int(value)]) }
        for i in 0..<6 { text.append(alphabet[Int(checksum >> UInt32(5 * (5 - i)) & 31)]) }
        return String(decoding: text, as: UTF8.self)
    }

    /// Prefix in lower case, and the 5-bit values without checksum. Nil for mixed case, bad characters, bad
    /// checksum, or more than 90 characters.
    public static func decode(_ text: String) -> (prefix: String, data: [UInt8], variant: Variant)? {
        var characters = Array(text.utf8)
        guard characters.count <= Limits.bech32CharactersMax,
            characters.allSatisfy({ (33...126).contains($0) })
        else { return nil }
        let hasLower = characters.contains { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
        let hasUpper = characters.contains { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
        guard !(hasLower && hasUpper) else { return nil }
        if hasUpper {
            characters = characters.map {
                (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 + 32 : $0
            }
        }
        guard let separator = characters.lastIndex(of: UInt8(ascii: "1")), separator >= 1,
            characters.count - separator - 1 >= 6
        else { return nil }
        let prefix = Array(characters[..<separator])
        let data = characters[(separator + 1)...].map { values[Int($0)] }
        guard data.allSatisfy({ $0 != 255 }) else { return nil }
        let variant: Variant
        switch polymod(expand(prefix) + data) {
        case Variant.bech32.constant: variant = .bech32
        case Variant.bech32m.constant: variant = .bech32m
        default: return nil
        }
        return (String(decoding: prefix, as: UTF8.self), Array(data.dropLast(6)), variant)
    }

    /// The address of a witness program.
    public static func encodeProgram(prefix: String, version: Int, program: [UInt8]) -> String {
        precondition((0...16).contains(version) && Limits.witnessProgramBytes.contains(program.count))
        let data = [UInt8(version)] + regroup(program[...], from: 8, to: 5, padding: true)!
        return encode(prefix: prefix, data: data, variant: version == 0 ? .bech32 : .bech32m)
    }

    /// The witness program of an address with this prefix; nil for anything that BIP173 and BIP350 refuse.
    public static func decodeProgram(_ text: String, prefix: String) -> (version: Int, program: [UInt8])? {
        guard let decoded = decode(text), decoded.prefix == prefix, let version = decoded.data.first,
            version <= 16,
            decoded.variant == (version == 0 ? .bech32 : .bech32m),
            let program = regroup(decoded.data[1...], from: 5, to: 8, padding: false),
            Limits.witnessProgramBytes.contains(program.count),
            version != 0 || program.count == 20 || program.count == 32
        else { return nil }
        return (Int(version), program)
    }

    /// Cuts a string of bits into groups of another size. Without padding, nil if more than a started group
    /// or any set bit is left over.
    static func regroup(_ values: ArraySlice<UInt8>, from: Int, to: Int, padding: Bool) -> [UInt8]? {
        var result: [UInt8] = []
        result.reserveCapacity((values.count * from + to - 1) / to)
        var bits: UInt32 = 0
        var count = 0
        for value in values {
            bits = bits << UInt32(from) | UInt32(value)
            count += from
            while count >= to {
                count -= to
                result.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)) & UInt8((1 << to) - 1))
            }
            bits &= 1 << UInt32(count) - 1
        }
        if padding {
            if count > 0 { result.append(UInt8(truncatingIfNeeded: bits << UInt32(to - count))) }
        } else if count >= from || bits != 0 {
            return nil
        }
        return result
    }

    static func expand(_ prefix: [UInt8]) -> [UInt8] {
        prefix.map { $0 >> 5 } + [0] + prefix.map { $0 & 31 }
    }

    static func polymod(_ values: [UInt8]) -> UInt32 {
        var checksum: UInt32 = 1
        for value in values {
            let top = checksum >> 25
            checksum = (checksum & 0x1ff_ffff) << 5 ^ UInt32(value)
            if top & 1 != 0 { checksum ^= 0x3b6a_57b2 }
            if top & 2 != 0 { checksum ^= 0x2650_8e6d }
            if top & 4 != 0 { checksum ^= 0x1ea1_19fa }
            if top & 8 != 0 { checksum ^= 0x3d42_33dd }
            if top & 16 != 0 { checksum ^= 0x2a14_62b3 }
        }
        return checksum
    }
}
