import Bitcoin
import HTTPTypes
import Hummingbird
import JSONText
import NIOCore

/// What answers under which path.
struct ExplorerRoutes: Sendable {
    let store: StateStore
    let hub: EventHub
    let renderer: PageRenderer
    let heartbeatSeconds: Int64

    func router() -> Router<BasicRequestContext> {
        let router = Router(options: [.autoGenerateHeadEndpoints])
        router.add(middleware: SecurityHeaders())
        router.add(middleware: ErrorPages(routes: self))
        addPages(to: router)
        addFiles(to: router)
        addAPI(to: router)
        addEsplora(to: router)
        router.get("/events") { request, _ in events(request) }
        router.get("/healthz") { _, _ in
            let reach = await store.read { $0.reach }
            return Reply.text(
                reach.isUp ? "ok\n" : "the node does not answer\n", status: reach.isUp ? 200 : 503)
        }
        return router
    }

    // MARK: Pages

    private func addPages(to router: Router<BasicRequestContext>) {
        router.get("/") { request, _ in
            try await page(request) { state, now in
                guard state.hasChain || !state.feed.isEmpty else { throw PageError.unavailable }
                return state.homePage(now: now)
            }
        }
        router.get("/blocks") { request, _ in
            let number = try pageNumber(request)
            return try await page(request) { state, now in try state.blocksPage(page: number, now: now) }
        }
        router.get("/block/:block") { request, context in
            let text = Self.parameter("block", context)
            let number = try pageNumber(request)
            return try await page(request) { state, now in try state.blockPage(text, page: number, now: now) }
        }
        router.get("/tx/:txid") { request, context in
            let text = Self.parameter("txid", context)
            return try await page(request) { state, now in try state.transactionPage(text, now: now) }
        }
        router.get("/address/:address") { request, context in
            let text = Self.parameter("address", context)
            let number = try pageNumber(request)
            return try await page(request) { state, now in try state.addressPage(text, page: number, now: now)
            }
        }
        router.get("/mempool") { request, _ in
            let number = try pageNumber(request)
            return try await page(request) { state, now in try state.mempoolPage(page: number, now: now) }
        }
        router.get("/devices") { request, _ in
            let query = try deviceQuery(request)
            return try await page(request, needsNode: false) { state, _ in state.devicesPage(query) }
        }
        router.get("/search") { request, _ in
            let text = Self.query("q", request)
            let place = try await store.read { try $0.place(of: text) }
            return Reply.redirect(to: place)
        }
    }

    private func addFiles(to router: Router<BasicRequestContext>) {
        router.get("/static/app.css") { _, _ in Reply.asset(Stylesheet.text, type: "text/css; charset=utf-8")
        }
        router.get("/static/app.js") { _, _ in
            Reply.asset(ClientScript.text, type: "text/javascript; charset=utf-8")
        }
        router.get("/favicon.svg") { _, _ in Reply.asset(ClientScript.icon, type: "image/svg+xml") }
        router.get("/favicon.ico") { _, _ in Reply.asset(ClientScript.icon, type: "image/svg+xml") }
        router.get("/robots.txt") { _, _ in Reply.text("User-agent: *\nDisallow: /\n") }
    }

    /// Renders a page, as a whole or as its main part, with the banner and status that the node's state asks
    /// for.
    private func page(
        _ request: Request, needsNode: Bool = true,
        _ make: @Sendable (ExplorerState, Int64) throws -> Page
    ) async throws -> Response {
        let now = unixNow()
        let page = try await store.read { state in
            var page: Page
            do {
                page = try make(state, now)
            } catch let error as PageError {
                page = state.page(for: error, now: now)
            }
            // A page about the node's absence needs no banner above it that says so again.
            if page.status != 503 { page.banner = state.banner(now: now) }
            if needsNode, page.status == 200, !state.reach.isUp { page.status = 503 }
            return page
        }
        return respond(page, request)
    }

    func respond(_ page: Page, _ request: Request) -> Response {
        let isFragment = HTTPField.Name("X-Fragment").map { request.headers[$0] == "main" } ?? false
        return Reply.html(renderer.render(page, fragment: isFragment), status: page.status)
    }

    // MARK: Parameters

    static func parameter(_ name: String, _ context: BasicRequestContext) -> String {
        let raw = context.parameters.get(name) ?? ""
        return String((raw.removingURLPercentEncoding() ?? raw).prefix(Limits.queryCharacters))
    }

    static func query(_ name: String, _ request: Request) -> String {
        let raw = request.uri.queryParameters.get(name) ?? ""
        let spaced = raw.replacing("+", with: " ")
        let text = spaced.removingURLPercentEncoding() ?? spaced
        return String(text.prefix(Limits.queryCharacters))
    }

    func pageNumber(_ request: Request) throws -> Int {
        guard let text = request.uri.queryParameters.get("page") else { return 1 }
        guard let number = Int(text), (1...10_000_000).contains(number) else {
            throw PageError.malformed(what: "A page number is 1 or more", asked: String(text.prefix(40)))
        }
        return number
    }

    func deviceQuery(_ request: Request) throws -> DeviceQuery {
        var query = DeviceQuery()
        query.text = String(Characters.visible(Self.query("q", request)).prefix(64))
        query.page = try pageNumber(request)
        let state = Self.query("state", request)
        if !state.isEmpty {
            guard let known = DeviceRow.State(rawValue: state) else {
                let states = DeviceRow.State.allCases.map(\.rawValue).joined(separator: ", ")
                throw PageError.malformed(what: "A device's state is one of \(states)", asked: state)
            }
            query.state = known
        }
        var sort = Self.query("sort", request)
        if sort.hasPrefix("-") {
            query.isDescending = true
            sort.removeFirst()
        }
        if !sort.isEmpty {
            guard let known = DeviceQuery.Sort(rawValue: sort) else {
                let sorts = DeviceQuery.Sort.allCases.map(\.rawValue).joined(separator: ", ")
                throw PageError.malformed(what: "Devices can be sorted by \(sorts)", asked: sort)
            }
            query.sort = known
        }
        return query
    }
}

extension ExplorerState {
    /// The path of what a person looks for.
    func place(of text: String) throws -> String {
        let asked = text.filter { !$0.isWhitespace && $0 != "," }
        guard !asked.isEmpty else {
            throw PageError.malformed(
                what: "Give a block height, a block hash, a txid or an address", asked: "")
        }
        guard hasChain else { throw PageError.unavailable }
        if let hash = Hash256(displayHex: asked.lowercased()) {
            if index.block(hash) != nil || index.staleBlock(hash) != nil {
                return "/block/\(hash.displayHex)"
            }
            if index.location(of: hash) != nil || mempool.entry(hash) != nil {
                return "/tx/\(hash.displayHex)"
            }
            throw PageError.notFound(
                what: "Neither a block nor a transaction has this hash", asked: asked,
                hints: ["Looked in the chain, among stale blocks, and in the mempool."])
        }
        if asked.utf8.count <= 9, asked.utf8.allSatisfy({ (48...57).contains($0) }), let height = Int(asked) {
            _ = try findBlock("\(height)")
            return "/block/\(height)"
        }
        if let address = Address(asked, network: node.addressNetwork) { return "/address/\(address.text)" }
        throw PageError.notFound(
            what: "Nothing is found under this", asked: text,
            hints: [
                "It is no height, no 64 hex digits of a hash or txid, and no address of this chain."
            ])
    }
}

extension String {
    func removingURLPercentEncoding() -> String? {
        var bytes: [UInt8] = []
        var rest = utf8[...]
        while let byte = rest.popFirst() {
            guard byte == 37 else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(Self.nibble),
                let low = rest.popFirst().flatMap(Self.nibble)
            else { return nil }
            bytes.append(high << 4 | low)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func nibble(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 48...57: byte - 48
        case 65...70: byte - 55
        case 97...102: byte - 87
        default: nil
        }
    }
}
