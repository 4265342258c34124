import Bitcoin
import HTTPText
import JSONText
import SansIO

/// The unauthenticated REST interface, paths and answers as Core's.
extension NodeMachine {
    mutating func answerREST(
        _ request: HTTPRequest, on id: ConnectionID, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        catchUpWallets(at: now)
        let answer: RESTAnswer
        do throws(RESTError) {
            answer = try rest(request, at: now)
        } catch {
            let body = error.message.isEmpty ? [] : Array((error.message + "\r\n").utf8)
            answer = RESTAnswer(
                status: error.status, type: error.message.isEmpty ? HTTPReply.plain : "text/plain", body: body
            )
        }
        effects.send(on: id) {
            HTTPReply.write(
                answer.status, type: answer.type, headers: [("Cache-Control", answer.cache)],
                body: answer.body,
                keepsAlive: request.keepsAlive, into: &$0)
        }
        effects.observe(.rpcServed(method: "rest", status: answer.status))
        if !request.keepsAlive { endRPC(id, "answered", into: &effects) }
    }

    private mutating func rest(_ request: HTTPRequest, at now: Instant) throws(RESTError) -> RESTAnswer {
        if let status = configuration.warmup {
            throw RESTError(status: 503, message: "Service temporarily unavailable: \(status)")
        }
        let rest = request.path.dropFirst("/rest/".count)
        func after(_ prefix: String) -> RESTPath? {
            rest.hasPrefix(prefix) ? RESTPath(rest.dropFirst(prefix.count)) : nil
        }
        if let path = after("tx/") { return try restTransaction(path) }
        if let path = after("block/notxdetails/") { return try restBlock(path, verbosity: 1) }
        if let path = after("blockpart/") { return try restBlockPart(path) }
        if let path = after("blockfilterheaders/") { return try restFilterHeaders(path) }
        if let path = after("blockfilter/") { return try restFilter(path) }
        if let path = after("block/") { return try restBlock(path, verbosity: 3) }
        if let path = after("chaininfo") {
            guard path.format == .json else { throw .jsonOnly }
            return .json(chainInfo(at: now))
        }
        if let path = after("mempool/") { return try restMempool(path, at: now) }
        if let path = after("headers/") { return try restHeaders(path) }
        if let path = after("getutxos") { return try restOutputs(path, body: request.body) }
        if let path = after("deploymentinfo/") { return try restDeployments(path) }
        if let path = after("deploymentinfo") { return try restDeployments(path) }
        if let path = after("blockhashbyheight/") { return try restHash(path) }
        if let path = after("spenttxouts/") { return try restSpent(path) }
        throw .missing("")
    }

    private func hash(_ text: String) throws(RESTError) -> Hash256 {
        guard text.utf8.count == 64, let hash = Hash256(displayHex: text) else {
            throw .bad("Invalid hash: \(text)")
        }
        return hash
    }

    private func known(_ text: String) throws(RESTError) -> BlockID {
        guard let id = chain.tree.id(of: try hash(text)) else { throw .missing("\(text) not found") }
        return id
    }

    private func restTransaction(_ path: RESTPath) throws(RESTError) -> RESTAnswer {
        guard let call = try? plainCall("getrawtransaction", [.string(path.plain), 1]) else {
            throw .bad("Invalid hash: \(path.plain)")
        }
        _ = try hash(path.plain)
        let found: JSON
        do throws(RPCError) { found = try rawTransaction(call) } catch {
            throw .missing("\(path.plain) not found")
        }
        var object = JSONObject()
        // Core's REST tells the block, but neither confirmations nor times.
        for (key, value) in found.objectValue?.entries ?? []
        where !["confirmations", "time", "blocktime", "vsize_adjusted", "hex"].contains(key) {
            object.append(key, value)
        }
        object.append("hex", found["hex"] ?? .null)
        return try path.answer(
            [UInt8](hex: found["hex"]?.stringValue ?? "") ?? [], json: .object(object),
            cache: RESTAnswer.notKept, jsonCache: RESTAnswer.notKept)
    }

    private func storedBlock(_ path: RESTPath, _ id: BlockID) throws(RESTError) -> Block {
        guard chain.tree[id].body.count > 0 else {
            let why = chain.isPruned(id) ? "pruned data" : "not fully downloaded"
            throw .missing("\(path.plain) not available (\(why))")
        }
        guard let block = chain.block(id) else {
            throw RESTError(status: 500, message: "I/O error reading \(path.plain)")
        }
        return block
    }

    private func restBlock(_ path: RESTPath, verbosity: Int) throws(RESTError) -> RESTAnswer {
        let id = try known(path.plain)
        let block = try storedBlock(path, id)
        if path.format == .json {
            guard let json = try? blockJSON(id, verbosity: verbosity) else { throw .missing("") }
            return .json(json)
        }
        return try path.answer(
            block.bytes(), json: nil, cache: RESTAnswer.kept, jsonCache: RESTAnswer.notKept)
    }

    private func restBlockPart(_ path: RESTPath) throws(RESTError) -> RESTAnswer {
        guard let offset = path.parameter("offset").flatMap({ Int($0) }), offset >= 0 else {
            throw .bad("Block part offset missing or invalid")
        }
        guard let size = path.parameter("size").flatMap({ Int($0) }), size >= 0 else {
            throw .bad("Block part size missing or invalid")
        }
        let id = try known(path.plain)
        let bytes = try storedBlock(path, id).bytes()
        guard size > 0, offset < bytes.count, size <= bytes.count - offset else {
            throw .bad("Bad block part offset/size \(offset)/\(size) for \(path.plain)")
        }
        return try path.answer(
            Array(bytes[offset..<offset + size]), json: nil, cache: RESTAnswer.kept,
            jsonCache: RESTAnswer.notKept)
    }

    /// `<count>/<hash>` of old, or `<hash>?count=<count>`.
    private func count(_ path: RESTPath, _ words: [String], usage: String) throws(RESTError) -> (Int, String)
    {
        let text: String
        let hash: String
        switch words.count {
        case 2: (text, hash) = (words[0], words[1])
        case 1: (text, hash) = (path.parameter("count") ?? "5", words[0])
        default: throw .bad("Invalid URI format. Expected \(usage)?count=<count>")
        }
        guard let count = Int(text), (1...ChainLimits.restHeaders).contains(count), !text.hasPrefix("+")
        else {
            throw .bad(
                "Header count is invalid or out of acceptable range (1-\(ChainLimits.restHeaders)): \(text)")
        }
        return (count, hash)
    }

    private func active(from text: String, count: Int) throws(RESTError) -> [BlockID] {
        guard let first = chain.tree.id(of: try hash(text)), chain.isActive(first) else { return [] }
        let height = chain.tree[first].height
        return Array(chain.active[height..<min(height + count, chain.active.count)])
    }

    private func restHeaders(_ path: RESTPath) throws(RESTError) -> RESTAnswer {
        let (count, text) = try count(path, path.words, usage: "/rest/headers/<hash>.<ext>")
        let ids = try active(from: text, count: count)
        var bytes: [UInt8] = []
        for id in ids { bytes += chain.tree[id].header.bytes }
        var list: [JSON] = []
        if path.format == .json { for id in ids { list.append(.object(chain.headerJSON(id))) } }
        return try path.answer(
            bytes, json: .array(list), cache: RESTAnswer.notKept, jsonCache: RESTAnswer.notKept)
    }

    private func restHash(_ path: RESTPath) throws(RESTError) -> RESTAnswer {
        guard let height = Int32(path.plain), height >= 0, !path.plain.hasPrefix("+") else {
            throw .bad("Invalid height: \(path.plain)")
        }
        guard let entry = chain.entry(at: Int(height)) else { throw .missing("Block height out of range") }
        // The one hex answer that is no hex of the binary one: hashes are shown reversed.
        if path.format == .hex { return .text(entry.hash.displayHex) }
        return try path.answer(
            entry.hash.bytes, json: ["blockhash": .string(entry.hash.displayHex)], cache: RESTAnswer.notKept,
            jsonCache: RESTAnswer.notKept)
    }

    private func restMempool(_ path: RESTPath, at now: Instant) throws(RESTError) -> RESTAnswer {
        guard path.plain == "info" || path.plain == "contents" else {
            throw .bad("Invalid URI format. Expected /rest/mempool/<info|contents>.json")
        }
        guard path.format == .json else { throw .jsonOnly }
        let verbose = path.parameter("verbose") ?? "true"
        let sequence = path.parameter("mempool_sequence") ?? "false"
        if path.plain == "contents" {
            for (name, value) in [("verbose", verbose), ("mempool_sequence", sequence)]
            where value != "true" && value != "false" {
                throw .bad("The \"\(name)\" query parameter must be either \"true\" or \"false\".")
            }
            if verbose == "true", sequence == "true" {
                throw .bad(
                    "Verbose results cannot contain mempool sequence values. (hint: set \"verbose=false\")")
            }
            let flags: [JSON] = [.bool(verbose == "true"), .bool(sequence == "true")]
            do throws(RPCError) {
                return .json(try rawMempool(try plainCall("getrawmempool", flags)))
            } catch {
                throw RESTError(status: 503, message: error.message)
            }
        }
        return .json(mempoolInfo(at: now))
    }

    private func restDeployments(_ path: RESTPath) throws(RESTError) -> RESTAnswer {
        guard path.format == .json else { throw .jsonOnly }
        guard !path.plain.isEmpty else { return .json(deploymentInfo(chain.tipID)) }
        guard let id = chain.tree.id(of: try hash(path.plain)) else { throw .bad("Block not found") }
        return .json(deploymentInfo(id), cache: RESTAnswer.kept)
    }

    private func restFilter(_ path: RESTPath) throws(RESTError) -> RESTAnswer {
        let words = path.words
        guard words.count == 2 else {
            throw .bad("Invalid URI format. Expected /rest/blockfilter/<filtertype>/<blockhash>")
        }
        _ = try hash(words[1])
        guard words[0] == "basic" else { throw .bad("Unknown filtertype \(words[0])") }
        let id = try known(words[1])
        guard let (filter, _) = blockFilter(id) else { throw .missing("Filter not found.") }
        var writer = ByteWriter()
        writer.write(u8: 0)
        writer.write(hash: chain.tree[id].hash)
        writer.write(compactSize: UInt64(filter.count))
        writer.write(filter)
        return try path.answer(
            writer.bytes, json: ["filter": .string(filter.hex)], cache: RESTAnswer.kept,
            jsonCache: RESTAnswer.kept)
    }

    private func restFilterHeaders(_ path: RESTPath) throws(RESTError) -> RESTAnswer {
        let words = path.words
        guard (2...3).contains(words.count) else {
            throw .bad(
                "Invalid URI format. Expected "
                    + "/rest/blockfilterheaders/<filtertype>/<blockhash>.<ext>?count=<count>")
        }
        let (count, text) = try count(path, Array(words.dropFirst()), usage: "")
        _ = try hash(text)
        guard words[0] == "basic" else { throw .bad("Unknown filtertype \(words[0])") }
        var headers: [Hash256] = []
        for id in try active(from: text, count: count) {
            guard let (_, header) = blockFilter(id) else { throw .missing("Filter not found.") }
            headers.append(header)
        }
        return try path.answer(
            headers.flatMap(\.bytes), json: .array(headers.map { .string($0.displayHex) }),
            cache: RESTAnswer.notKept, jsonCache: RESTAnswer.notKept)
    }

    private func restSpent(_ path: RESTPath) throws(RESTError) -> RESTAnswer {
        guard path.words.count == 1 else {
            throw .bad("Invalid URI format. Expected /rest/spenttxouts/<hash>.<ext>")
        }
        let id = try known(path.plain)
        guard let block = chain.block(id), let spent = spentCoins(id) else {
            throw .missing("\(path.plain) undo not available")
        }
        var writer = ByteWriter()
        var list: [JSON] = []
        var rest = spent[...]
        writer.write(compactSize: UInt64(block.transactions.count))
        for transaction in block.transactions {
            let coins = transaction.isCoinbase ? [] : rest.prefix(transaction.inputs.count)
            rest = rest.dropFirst(coins.count)
            writer.write(compactSize: UInt64(coins.count))
            var outputs: [JSON] = []
            for coin in coins {
                writer.write(u64: UInt64(bitPattern: coin.value))
                writer.write(compactSize: UInt64(coin.scriptPubKey.bytes.count))
                writer.write(coin.scriptPubKey.bytes)
                outputs.append([
                    "value": .amount(satoshi: coin.value),
                    "scriptPubKey": ScriptJSON.scriptPubKey(
                        coin.scriptPubKey, network: configuration.network.addressNetwork),
                ])
            }
            list.append(.array(outputs))
        }
        return try path.answer(
            writer.bytes, json: .array(list), cache: RESTAnswer.kept, jsonCache: RESTAnswer.kept)
    }
}
