import Bitcoin
import JSONText
import SansIO

/// BIP64's getutxos over REST.
extension NodeMachine {
    func restOutputs(_ path: RESTPath, body: [UInt8]) throws(RESTError) -> RESTAnswer {
        var words = path.words.filter { !$0.isEmpty }
        let checksPool = words.first == "checkmempool"
        if checksPool { words.removeFirst() }
        var wanted: [OutPoint] = []
        var looksAtPool = checksPool
        for word in words {
            guard let outPoint = Self.outPoint(word) else { throw .bad("Parse error") }
            wanted.append(outPoint)
        }
        switch path.format {
        case .bin, .hex:
            let bytes = path.format == .bin ? body : [UInt8](hex: String(decoding: body, as: UTF8.self)) ?? []
            if !body.isEmpty {
                guard wanted.isEmpty else {
                    throw .bad("Combination of URI scheme inputs and raw post data is not allowed")
                }
                guard let (flag, list) = Self.outPoints(bytes) else { throw .bad("Parse error") }
                (looksAtPool, wanted) = (flag, list)
            } else if wanted.isEmpty {
                throw .bad("Error: empty request")
            }
        case .json: if wanted.isEmpty { throw .bad("Error: empty request") }
        case nil: throw .format
        }
        guard wanted.count <= ChainLimits.restOutPoints else {
            throw .bad(
                "Error: max outpoints exceeded (max: \(ChainLimits.restOutPoints), tried: \(wanted.count))")
        }
        return try answer(path, wanted, looksAtPool: looksAtPool)
    }

    private func answer(_ path: RESTPath, _ wanted: [OutPoint], looksAtPool: Bool) throws(RESTError)
        -> RESTAnswer
    {
        var bits = ""
        var bitmap = [UInt8](repeating: 0, count: (wanted.count + 7) / 8)
        var list: [JSON] = []
        var outputs = ByteWriter()
        var found = 0
        for (index, outPoint) in wanted.enumerated() {
            guard let (output, height) = unspent(outPoint, looksAtPool: looksAtPool) else {
                bits += "0"
                continue
            }
            bits += "1"
            bitmap[index / 8] |= 1 << UInt8(index % 8)
            found += 1
            outputs.write(u32: 0)
            outputs.write(u32: height)
            outputs.write(u64: UInt64(bitPattern: output.value))
            outputs.write(compactSize: UInt64(output.scriptPubKey.bytes.count))
            outputs.write(output.scriptPubKey.bytes)
            list.append([
                "height": .int(height), "value": .amount(satoshi: output.value),
                "scriptPubKey": ScriptJSON.scriptPubKey(
                    output.scriptPubKey, network: configuration.network.addressNetwork),
            ])
        }
        var writer = ByteWriter()
        writer.write(u32: UInt32(chain.height))
        writer.write(hash: chain.tip.hash)
        writer.write(compactSize: UInt64(bitmap.count))
        writer.write(bitmap)
        writer.write(compactSize: UInt64(found))
        writer.write(outputs.bytes)
        let json: JSON = [
            "chainHeight": .int(chain.height), "chaintipHash": .string(chain.tip.hash.displayHex),
            "bitmap": .string(bits), "utxos": .array(list),
        ]
        return try path.answer(
            writer.bytes, json: json, cache: RESTAnswer.notKept, jsonCache: RESTAnswer.notKept)
    }

    private func unspent(_ outPoint: OutPoint, looksAtPool: Bool) -> (TransactionOutput, height: UInt32)? {
        if looksAtPool, mempool.spender(of: outPoint) != nil { return nil }
        if let coin = chain.coins[outPoint] { return (coin.output, coin.height) }
        // Core's height of what is in no block.
        if looksAtPool, let output = mempool.output(outPoint) { return (output, 0x7fff_ffff) }
        return nil
    }

    private static func outPoint(_ word: String) -> OutPoint? {
        guard let dash = word.firstIndex(of: "-"), let txid = Hash256(displayHex: String(word[..<dash])),
            word.prefix(upTo: dash).utf8.count == 64, word.dropFirst(65).first != "+",
            let index = UInt32(word[word.index(after: dash)...])
        else { return nil }
        return OutPoint(txid: txid, index: index)
    }

    /// The binary request: a flag for the pool, then outpoints.
    private static func outPoints(_ bytes: [UInt8]) -> (Bool, [OutPoint])? {
        var reader = ByteReader(bytes.span.bytes)
        do throws(ByteReaderError) {
            let flag = try reader.u8() != 0
            let count = try reader.compactSize()
            guard count <= 1_000 else { return nil }
            var list: [OutPoint] = []
            for _ in 0..<count {
                list.append(OutPoint(txid: try reader.hash256(), index: try reader.u32()))
            }
            return (flag, list)
        } catch {
            return nil
        }
    }
}
