import Mustache

/// Turns pages into HTML. All templates are parsed once, at the start; a template that does not parse is a
/// bug of this room and stops it there.
struct PageRenderer: Sendable {
    private let library: MustacheLibrary
    /// Changes with the stylesheet and script, so that browsers keep them until then.
    let assetVersion: String

    init() {
        MustacheContentTypes.register(ScalarEscaping(), named: ScalarEscaping.name)
        var templates: [String: MustacheTemplate] = [:]
        for (name, text) in Self.texts {
            do {
                templates[name] = try MustacheTemplate(
                    string: "{{% CONTENT_TYPE:\(ScalarEscaping.name)}}" + text)
            } catch {
                preconditionFailure("template \(name) does not parse: \(error)")
            }
        }
        library = MustacheLibrary(templates: templates)
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in (Stylesheet.text + ClientScript.text).utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
        }
        assetVersion = String(hash, radix: 36)
    }

    /// The whole document, or only what lies inside its main element.
    func render(_ page: Page, fragment: Bool = false) -> String {
        let body = render(page.content, "\(page.template)")
        let main = render(MainContext(title: page.title, banner: page.banner, body: body), "main")
        if fragment { return main }
        return render(
            LayoutContext(
                title: page.title, assetVersion: assetVersion, isHome: page.place == .home,
                isBlocks: page.place == .blocks, isMempool: page.place == .mempool,
                isDevices: page.place == .devices, query: page.query,
                topics: page.topics.map(\.rawValue).joined(separator: " "), main: main),
            "layout")
    }

    private func render(_ value: any Sendable, _ name: String) -> String {
        guard let text = library.render(value, withTemplate: name) else {
            preconditionFailure("there is no template \(name)")
        }
        return text
    }

    private struct MainContext: Sendable {
        let title: String
        let banner: Banner?
        let body: String
    }

    private struct LayoutContext: Sendable {
        let title: String
        let assetVersion: String
        let isHome: Bool
        let isBlocks: Bool
        let isMempool: Bool
        let isDevices: Bool
        let query: String
        let topics: String
        let main: String
    }

    private static let texts: [String: String] = [
        "layout": LayoutTemplates.layout, "main": LayoutTemplates.main, "amount": LayoutTemplates.amount,
        "time": LayoutTemplates.time, "hash": LayoutTemplates.hash, "bar": LayoutTemplates.bar,
        "pager": LayoutTemplates.pager, "tile": LayoutTemplates.tile, "facts": LayoutTemplates.facts,
        "message": LayoutTemplates.message, "home": HomeTemplates.home, "strip": HomeTemplates.strip,
        "chart": HomeTemplates.chart, "bands": HomeTemplates.bands, "tips": HomeTemplates.tips,
        "blocks": BlockTemplates.blocks, "block": BlockTemplates.block,
        "transaction": TransactionTemplates.transaction, "address": TransactionTemplates.address,
        "mempool": TransactionTemplates.mempool, "devices": DeviceTemplates.devices,
    ]
}

/// The library's own escaping goes Character by Character and so lets a quote with a combining mark pass;
/// ours does not. Every template declares it, because a partial starts again with the library's.
private struct ScalarEscaping: MustacheContentType {
    static let name = "LABHTML"

    func escapeText(_ text: String) -> String { Characters.escaped(text) }
}

struct MessageContent: Sendable {
    let heading: String
    let detail: String
    let asked: String?
    let hints: [String]
}

extension ExplorerState {
    /// What every page says on top when the node is not well.
    func banner(now: Int64) -> Banner? {
        switch reach {
        case .up:
            guard node.blocks > 0, behind > 6 || (behind > 0 && index.isEmpty) else { return nil }
            let done = Figures.percent(Double(index.count), of: Double(index.count + behind), decimals: 0)
            return Banner(
                kind: "busy", heading: "Reading the chain",
                detail:
                    "\(Characters.grouped(behind)) blocks to go (\(done) done). Pages fill up by themselves.")
        case .connecting:
            return Banner(kind: "busy", heading: "Connecting", detail: "Asking the node at \(nodeName).")
        case .warmingUp(let message):
            return Banner(kind: "busy", heading: "The node is starting", detail: Characters.visible(message))
        case .down(let reason):
            var detail = Characters.visible(reason)
            if hasChain, let lastAnswer {
                detail += ". Shown is what was known \(Figures.age(of: lastAnswer, now: now))."
            }
            return Banner(
                kind: "down", heading: "The node does not answer",
                detail: detail + " Trying again all the time; this page recovers by itself.")
        }
    }

    /// The page in place of one that needs a chain while none is known.
    func unavailablePage(now: Int64) -> Page {
        let heading: String
        let detail: String
        switch reach {
        case .up:
            heading = "Reading the chain"
            detail = "The node at \(nodeName) answers; its first blocks are on their way."
        case .connecting:
            heading = "Connecting to the node"
            detail = "No answer from \(nodeName) yet."
        case .warmingUp(let message):
            heading = "The node is starting"
            detail = "\(nodeName) says: \(Characters.visible(message))"
        case .down(let reason):
            heading = "The node does not answer"
            detail = Characters.visible(reason) + "."
        }
        return Page(
            title: heading, template: "message",
            content: MessageContent(
                heading: heading, detail: detail, asked: nil,
                hints: ["The explorer tries again every half second; this page recovers by itself."]),
            topics: Topic.allCases, status: 503)
    }

    func page(for error: PageError, now: Int64) -> Page {
        switch error {
        case .unavailable: return unavailablePage(now: now)
        case .notFound(let what, let asked, let hints):
            let shown = Characters.visible(asked, limit: Limits.queryCharacters)
            return Page(
                title: "Not found", template: "message",
                content: MessageContent(heading: "Not found", detail: what + ".", asked: shown, hints: hints),
                topics: [.tip, .mempool, .node], query: shown, status: 404)
        case .malformed(let what, let asked):
            let shown = Characters.visible(asked, limit: Limits.queryCharacters)
            return Page(
                title: "Bad request", template: "message",
                content: MessageContent(
                    heading: "That cannot be looked up", detail: what + ".", asked: shown, hints: []),
                topics: [], query: shown, status: 400)
        }
    }
}
