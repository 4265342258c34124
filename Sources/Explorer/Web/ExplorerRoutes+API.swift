import Bitcoin
import HTTPTypes
import Hummingbird
import JSONText

extension ExplorerRoutes {
    func addAPI(to router: Router<BasicRequestContext>) {
        let api = router.group("/api/v1")
        api.get("/summary") { _, _ in await json { $0.summaryJSON() } }
        api.get("/blocks") { request, _ in
            let number = try pageNumber(request)
            return try await json { try $0.blocksJSON(page: number) }
        }
        api.get("/block/:block") { _, context in
            let text = Self.parameter("block", context)
            return try await json { try $0.blockJSON(text) }
        }
        api.get("/tx/:txid") { _, context in
            let text = Self.parameter("txid", context)
            return try await json { try $0.transactionJSON(text) }
        }
        api.get("/address/:address") { request, context in
            let text = Self.parameter("address", context)
            let number = try pageNumber(request)
            return try await json { try $0.addressJSON(text, page: number) }
        }
        api.get("/mempool") { _, _ in await json { $0.mempoolJSON() } }
        api.get("/devices") { request, _ in
            let query = try deviceQuery(request)
            return await json(needsNode: false) { $0.devicesJSON(query) }
        }
    }

    /// The part of Esplora's API that costs nothing here; wallets and test tools poll these.
    func addEsplora(to router: Router<BasicRequestContext>) {
        let api = router.group("/api")
        api.get("/blocks/tip/height") { _, _ in
            try await text { state in "\(try state.requiredTip().height)" }
        }
        api.get("/blocks/tip/hash") { _, _ in
            try await text { state in try state.requiredTip().hash.displayHex }
        }
        api.get("/block-height/:height") { _, context in
            let height = Self.parameter("height", context)
            return try await text { state in
                guard Int(height) != nil else {
                    throw PageError.malformed(what: "A height is a number", asked: height)
                }
                return try state.findBlock(height).hash.displayHex
            }
        }
        api.get("/block/:block/header") { _, context in
            let name = Self.parameter("block", context)
            return try await text { try $0.findBlock(name).block.header.bytes.hex }
        }
        api.get("/block/:block/raw") { _, context in
            let name = Self.parameter("block", context)
            return Reply.bytes(try await store.read { try $0.findBlock(name).block.bytes() })
        }
        api.get("/tx/:txid/hex") { _, context in
            let name = Self.parameter("txid", context)
            return try await text { try $0.foundTransaction(name).transaction.bytes().hex }
        }
        api.get("/tx/:txid/raw") { _, context in
            let name = Self.parameter("txid", context)
            return Reply.bytes(try await store.read { try $0.foundTransaction(name).transaction.bytes() })
        }
        api.get("/tx/:txid/status") { _, context in
            let name = Self.parameter("txid", context)
            return try await json { $0.statusJSON(try $0.foundTransaction(name).location) }
        }
        api.get("/address/:address/utxo") { _, context in
            let name = Self.parameter("address", context)
            return try await json { .array($0.unspentJSON(try $0.parseAddress(name).scriptPubKey)) }
        }
        api.get("/mempool/txids") { _, _ in
            await json { .array($0.mempool.entries.map { .string($0.txid.displayHex) }) }
        }
    }

    /// 503 says that the node is away; what was last known is sent all the same.
    private func json(
        needsNode: Bool = true, _ make: @Sendable (ExplorerState) throws -> JSON
    ) async rethrows -> Response {
        let (json, isUp) = try await store.read { (try make($0), $0.reach.isUp) }
        return Reply.json(json, status: isUp || !needsNode ? 200 : 503)
    }

    private func text(_ make: @Sendable (ExplorerState) throws -> String) async rethrows -> Response {
        let (text, isUp) = try await store.read { (try make($0), $0.reach.isUp) }
        return Reply.text(text, status: isUp ? 200 : 503)
    }
}

extension ExplorerState {
    fileprivate func requiredTip() throws -> IndexedBlock {
        guard let tip = index.tip else { throw PageError.unavailable }
        return tip
    }
}

/// Turns errors into pages, or into JSON under `/api`.
struct ErrorPages: RouterMiddleware {
    typealias Context = BasicRequestContext
    let routes: ExplorerRoutes

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as PageError {
            return await answer(error, request)
        } catch let error as HTTPError where error.status == .notFound {
            let path = request.uri.path
            return await answer(
                .notFound(what: "This explorer has no such page", asked: path, hints: []), request)
        } catch let error as HTTPError where error.status.code < 500 {
            return await answer(.malformed(what: error.status.reasonPhrase, asked: request.uri.path), request)
        }
    }

    private func answer(_ error: PageError, _ request: Request) async -> Response {
        let now = unixNow()
        if request.uri.path.hasPrefix("/api/") {
            let (status, message, reach) = await routes.store.read { state in
                let page = state.page(for: error, now: now)
                let content = page.content as? MessageContent
                return (page.status, content.map { "\($0.heading): \($0.detail)" } ?? "", state.reach)
            }
            var object: JSONObject = ["error": .string(message), "status": .int(status)]
            if !reach.isUp { object["node"] = "down" }
            return Reply.json(.object(object), status: status)
        }
        let page = await routes.store.read { state in
            var page = state.page(for: error, now: now)
            if page.status != 503 { page.banner = state.banner(now: now) }
            return page
        }
        return routes.respond(page, request)
    }
}
