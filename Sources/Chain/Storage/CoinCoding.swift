import Bitcoin
import SansIO

extension Coin {
    /// As the coin table holds it: twice the height, plus one for a coinbase (u32), satoshi (u64), the script to
    /// the end.
    func encode(into writer: inout ByteWriter) {
        writer.write(u32: height << 1 | (isCoinbase ? 1 : 0))
        writer.write(u64: UInt64(bitPattern: value))
        writer.write(scriptPubKey.bytes)
    }

    /// Nil for bytes that no coin encodes to.
    init?(encoded bytes: [UInt8]) {
        guard bytes.count >= 12 else { return nil }
        var reader = ByteReader(bytes.span.bytes)
        guard let coin = try? Coin(from: &reader, scriptLength: bytes.count - 12) else { return nil }
        self = coin
    }

    fileprivate init(from reader: inout ByteReader, scriptLength: Int) throws(ByteReaderError) {
        let origin = try reader.u32()
        let value = try reader.u64()
        self.init(
            value: Int64(bitPattern: value), scriptPubKey: Script(try reader.bytes(scriptLength)),
            height: origin >> 1, isCoinbase: origin & 1 == 1)
    }
}

/// What a block spent, in the order of its inputs, as the undo log holds it: each coin with its script's length in
/// front.
enum UndoCoding {
    static func encode(_ coins: [Coin]) -> [UInt8] {
        var writer = ByteWriter(capacity: coins.count * 40)
        for coin in coins {
            writer.write(compactSize: UInt64(coin.scriptPubKey.count))
            coin.encode(into: &writer)
        }
        return writer.bytes
    }

    /// Nil for bytes that are no undo data.
    static func decode(_ bytes: [UInt8]) -> [Coin]? {
        var reader = ByteReader(bytes.span.bytes)
        var coins: [Coin] = []
        do throws(ByteReaderError) {
            while !reader.isAtEnd {
                let length = try reader.compactSize()
                coins.append(try Coin(from: &reader, scriptLength: Int(length)))
            }
        } catch {
            return nil
        }
        return coins
    }
}
