/// The frame around every page, and the small parts that pages share.
enum LayoutTemplates {
    static let layout = """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="dark light">
        <title>{{title}} · Mining Lab</title>
        <link rel="icon" href="/favicon.svg" type="image/svg+xml">
        <link rel="stylesheet" href="/static/app.css?v={{assetVersion}}">
        <script src="/static/app.js?v={{assetVersion}}" defer></script>
        </head>
        <body>
        <header class="top"><div class="wrap">
        <a class="brand" href="/"><svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true">\
        <path class="b1" d="M16 2 28 9v14l-12 7L4 23V9z"/><path class="b2" d="M16 9l6 3.5v7L16 \
        23l-6-3.5v-7z"/>\
        </svg><span>Mining&nbsp;Lab</span></a>
        <nav aria-label="Pages">
        <a href="/"{{#isHome}} aria-current="page"{{/isHome}}>Overview</a>
        <a href="/blocks"{{#isBlocks}} aria-current="page"{{/isBlocks}}>Blocks</a>
        <a href="/mempool"{{#isMempool}} aria-current="page"{{/isMempool}}>Mempool</a>
        <a href="/devices"{{#isDevices}} aria-current="page"{{/isDevices}}>Devices</a>
        </nav>
        <form class="search" action="/search" role="search"><input name="q" type="search" value="{{query}}" \
        placeholder="Height, block hash, txid or address" aria-label="Search" maxlength="128" \
        autocomplete="off" \
        spellcheck="false"></form>
        <span id="live" class="live" title="Connecting for live updates"><i></i><b>live</b></span>
        </div></header>
        <main class="wrap" id="main" data-topics="{{topics}}">{{{main}}}</main>
        <footer class="wrap"><span>Mining Lab explorer</span><span>Ages follow your clock; hover over one \
        for UTC. \
        Press / to search.</span><a href="/api/v1/summary">JSON API</a></footer>
        </body>
        </html>
        """

    /// What is exchanged when something changes: the banner and the page's own sections.
    static let main = """
        <div id="page" data-title="{{title}} · Mining Lab" hidden></div>
        <div id="banner" data-live>{{#banner}}<div class="banner {{kind}}" role="status"><b>{{heading}}</b>\
        <span>{{detail}}</span></div>{{/banner}}</div>
        {{{body}}}
        """

    static let amount = "<span class=\"amt\">{{head}}<i>{{zeros}}</i></span>"
    static let amountUnit = "<span class=\"amt\">{{head}}<i>{{zeros}}</i> <u>BTC</u></span>"
    static let time = """
        <time datetime="{{utc}}Z" data-unix="{{unix}}" title="{{utc}} UTC">{{age}}</time>
        """
    static let hash =
        "<span class=\"hash\" title=\"{{full}}\"><span>{{start}}</span><span>{{end}}</span></span>"
    static let bar = """
        <svg class="bar {{tone}}" viewBox="0 0 100 4" preserveAspectRatio="none" role="img" \
        aria-label="{{label}}">\
        <rect class="track" width="100" height="4"/><rect class="value" width="{{percent}}" height="4"/></svg>
        """
    static let pager = """
        {{#pager}}<nav class="pager" aria-label="Pages of the table"><span>{{summary}}</span>\
        {{#newer}}<a class="button" rel="prev" href="{{newer}}">‹ {{newerName}}</a>{{/newer}}\
        {{#older}}<a class="button" rel="next" href="{{older}}">{{olderName}} ›</a>{{/older}}</nav>{{/pager}}
        """
    static let tile = """
        <div class="tile"><span>{{name}}</span><b>{{value}}{{#unit}} <u>{{unit}}</u>{{/unit}}</b>\
        {{#note}}<small>{{note}}</small>{{/note}}</div>
        """
    static let facts = """
        <dl class="facts">{{#facts}}<div><dt>{{name}}</dt><dd{{#mono}} class="mono"{{/mono}}>\
        {{#link}}<a href="{{link}}">{{text}}</a>{{/link}}{{^link}}{{text}}{{/link}}\
        {{#hint}} <small>{{hint}}</small>{{/hint}}\
        {{#copyable}}<button class="copy" type="button" data-copy="{{text}}" \
        hidden>copy</button>{{/copyable}}\
        </dd></div>{{/facts}}</dl>
        """

    static let message = """
        <section id="message" class="panel message" data-live>
        <h1>{{heading}}</h1><p>{{detail}}</p>
        {{#asked}}<p class="mono wrapall">{{asked}}</p>{{/asked}}
        {{#hints}}<p class="dim">{{.}}</p>{{/hints}}
        <p><a class="button" href="/">Back to the overview</a></p>
        </section>
        """
}
