import Bitcoin
import JSONText
import SansIO
import Stratum

/// A sentence of the log with named parts: `"pool \(url, as: "url")"` reads as a sentence, and is the field `url`.
struct LogSentence: ExpressibleByStringInterpolation, Sendable {
    private(set) var text: String
    private(set) var fields: JSONObject

    struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var text = ""
        fileprivate var fields = JSONObject()

        init(literalCapacity: Int, interpolationCount: Int) { text.reserveCapacity(literalCapacity) }

        mutating func appendLiteral(_ literal: String) { text += literal }

        /// Words of the sentence and nothing else.
        mutating func appendInterpolation(_ word: some StringProtocol) { text += word }

        /// A field that the sentence shows, as it is or in another form.
        mutating func appendInterpolation<V>(_ value: V, as key: StaticString, shown: String? = nil) {
            text += shown ?? "\(value)"
            fields.append("\(key)", ObservedEvent.json(value))
        }

        /// A field that the sentence does not show.
        mutating func appendInterpolation<V>(only value: V, as key: StaticString) {
            fields.append("\(key)", ObservedEvent.json(value))
        }
    }

    init(stringLiteral value: String) {
        text = value
        fields = JSONObject()
    }

    init(stringInterpolation: StringInterpolation) {
        text = stringInterpolation.text
        fields = stringInterpolation.fields
    }

    static func + (a: LogSentence, b: LogSentence) -> LogSentence {
        var sum = a
        sum.text += b.text
        sum.fields = a.fields.merging(b.fields)
        return sum
    }
}
