/// Why a Bech32 text is none, for people who mistyped an address.
extension Bech32 {
    /// What is wrong and where: places in the text, up to two of them for a wrong checksum.
    public struct Fault: Error, Equatable, Sendable {
        /// In Bitcoin Core's words.
        public var message: String
        public var places: [Int]
    }

    /// The fault of a text that ``decode(_:)`` refuses.
    public static func fault(of text: String) -> Fault {
        let characters = Array(text.utf8)
        let limit = Limits.bech32CharactersMax
        if characters.count > limit {
            return Fault(message: "Bech32 string too long", places: Array(limit..<characters.count))
        }
        let strange = strangeCharacters(characters)
        if !strange.isEmpty { return Fault(message: "Invalid character or mixed case", places: strange) }
        guard let separator = characters.lastIndex(of: UInt8(ascii: "1")) else {
            return Fault(message: "Missing separator", places: [])
        }
        guard separator > 0, separator + 6 < characters.count else {
            return Fault(message: "Invalid separator position", places: [separator])
        }
        let lower = characters.map { isUpper($0) ? $0 + 32 : $0 }
        let data = lower[(separator + 1)...].map { values[Int($0)] }
        if let bad = data.firstIndex(of: 255) {
            return Fault(message: "Invalid Base 32 character", places: [separator + 1 + bad])
        }
        let residue = polymod(expand(Array(lower[..<separator])) + data)
        var best: Fault?
        for (variant, name) in [(Variant.bech32, "Bech32"), (.bech32m, "Bech32m")] {
            let places = wrongPlaces(residue ^ variant.constant, count: data.count)
            guard !places.isEmpty, best == nil || places.count < (best?.places.count ?? 0) else { continue }
            best = Fault(message: "Invalid \(name) checksum", places: places.map { separator + 1 + $0 })
        }
        return best ?? Fault(message: "Invalid checksum", places: [])
    }

    /// The bytes behind the version of decoded data; nil when the padding is wrong.
    public static func program(of data: [UInt8]) -> [UInt8]? {
        regroup(data.dropFirst(), from: 5, to: 8, padding: false)
    }

    private static func isUpper(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }

    /// Characters that no text may hold, and those of the case that came second.
    private static func strangeCharacters(_ characters: [UInt8]) -> [Int] {
        var (hasLower, hasUpper) = (false, false)
        var places: [Int] = []
        for (place, byte) in characters.enumerated() {
            if (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) {
                if hasUpper { places.append(place) } else { hasLower = true }
            } else if isUpper(byte) {
                if hasLower { places.append(place) } else { hasUpper = true }
            } else if !(33...126).contains(byte) {
                places.append(place)
            }
        }
        return places
    }

    /// The one or two places where another value would mend the checksum. The code is linear: what a changed value does
    /// to the checksum depends on its place and change alone, so pairs are found by looking up what is missing.
    private static func wrongPlaces(_ residue: UInt32, count: Int) -> [Int] {
        var effects: [(effect: UInt32, place: Int)] = []
        var data = [UInt8](repeating: 0, count: count)
        let nothing = polymod(data)
        for place in 0..<count {
            for change in UInt8(1)..<32 {
                data[place] = change
                effects.append((polymod(data) ^ nothing, place))
            }
            data[place] = 0
        }
        var placeOf: [UInt32: Int] = [:]
        for (effect, place) in effects { placeOf[effect] = place }
        if let place = placeOf[residue] { return [place] }
        for (effect, place) in effects {
            if let other = placeOf[residue ^ effect], other > place { return [place, other] }
        }
        return []
    }
}
