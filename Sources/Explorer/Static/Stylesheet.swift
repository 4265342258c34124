/// The one stylesheet. No colour is set outside the two palettes at its top.
enum Stylesheet {
    static let text = palette + frame + parts + tables + pages

    private static let palette = """
        :root{color-scheme:dark light;--bg:#0d1117;--panel:#151b23;--raise:#1c2430;--line:#2a3340;
        --text:#e8ebf0;
        --dim:#93a0b1;--faint:#5f6c7d;--accent:#f7931a;--link:#79b8ff;--good:#4cc27b;--bad:#ff7b78;
        --warn:#e3b341;
        --track:#252e3a;--shadow:0 1px 0 #0006;
        --mono:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",
        monospace;--sans:system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
        @media (prefers-color-scheme:light){:root{--bg:#f4f6f8;--panel:#fff;--raise:#f7f9fb;--line:#dde3ea;
        --text:#18212d;--dim:#566475;--faint:#8a97a6;--accent:#c56a00;--link:#0a5cc0;--good:#177a42;
        --bad:#c3312e;
        --warn:#8f6400;--track:#e6ebf0;--shadow:0 1px 2px #0f172a14}}

        """

    private static let frame = """
        *{box-sizing:border-box}
        html{-webkit-text-size-adjust:100%}
        body{margin:0;background:var(--bg);color:var(--text);font:15px/1.5 var(--sans);
        font-variant-numeric:tabular-nums}
        a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}
        a:focus-visible,button:focus-visible,input:focus-visible,summary:focus-visible{
        outline:2px solid var(--accent);
        outline-offset:2px;border-radius:4px}
        .wrap{max-width:1280px;margin:0 auto;padding:0 20px}
        .top{background:var(--panel);border-bottom:1px solid var(--line);position:sticky;top:0;z-index:5}
        .top .wrap{display:flex;align-items:center;gap:18px;min-height:56px}
        .brand{display:flex;align-items:center;gap:9px;color:var(--text);font-weight:650;letter-spacing:.01em}
        .brand:hover{text-decoration:none}.b1{fill:var(--accent)}.b2{fill:var(--panel)}
        nav[aria-label=Pages]{display:flex;gap:2px}
        nav[aria-label=Pages] a{color:var(--dim);padding:6px 11px;border-radius:7px}
        nav[aria-label=Pages] a:hover{color:var(--text);text-decoration:none;background:var(--raise)}
        nav[aria-label=Pages] a[aria-current]{color:var(--text);background:var(--raise);
        box-shadow:inset 0 0 0 1px var(--line)}
        .search{flex:1;max-width:460px;margin-left:auto}
        input{font:inherit;color:var(--text);background:var(--bg);border:1px solid var(--line);
        border-radius:8px;
        padding:7px 12px;width:100%}input::placeholder{color:var(--faint)}
        .live{display:flex;align-items:center;gap:7px;color:var(--faint);font-size:13px;white-space:nowrap}
        .live b{font-weight:500}.live i{width:8px;height:8px;border-radius:50%;background:var(--faint)}
        .live.on{color:var(--dim)}.live.on i{background:var(--good);animation:pulse 2.4s ease-out infinite}
        .live.off i{background:var(--bad)}
        @keyframes pulse{0%{box-shadow:0 0 0 0 color-mix(in srgb,var(--good) 55%,transparent)}
        70%,100%{box-shadow:0 0 0 7px transparent}}
        main.wrap{padding-top:20px;padding-bottom:28px;min-height:70vh}
        footer{display:flex;flex-wrap:wrap;gap:6px 22px;color:var(--faint);font-size:13px;}
        footer.wrap{padding-top:14px;padding-bottom:26px;border-top:1px solid var(--line)}footer a{
        margin-left:auto}
        h1{font-size:24px;line-height:1.25;margin:2px 0 14px;font-weight:650}
        h1 small,h2 small{color:var(--dim);font-weight:400;font-size:.68em;margin-left:6px}
        h2{font-size:15px;margin:0 0 12px;font-weight:620}h2 small{font-size:.87em}h2 a{color:inherit}
        h3{font-size:13px;color:var(--dim);margin:16px 0 6px;font-weight:550}

        """

    private static let parts = """
        .panel{background:var(--panel);border:1px solid var(--line);border-radius:12px;padding:16px 18px;
        margin:0 0 16px;box-shadow:var(--shadow);min-width:0}
        .columns{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:16px;align-items:stretch;
        margin-bottom:16px}.columns>.panel{margin:0}
        .tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(168px,1fr));gap:10px;margin:0 0 16px}
        .tile{background:var(--panel);border:1px solid var(--line);border-radius:12px;padding:11px 14px;
        min-width:0;
        box-shadow:var(--shadow)}
        .tiles.inner{margin-bottom:14px}.tiles.inner .tile{background:var(--raise);box-shadow:none}
        .tile span{display:block;color:var(--dim);font-size:13px;white-space:nowrap;overflow:hidden;
        text-overflow:ellipsis}
        .tile b{display:block;font-size:18px;font-weight:620;line-height:1.35;overflow-wrap:anywhere}
        .tile u,.amt u{font-size:.7em;color:var(--dim);text-decoration:none;font-weight:500}
        .tile small{display:block;color:var(--dim);font-size:12.5px;line-height:1.35}
        .chip{display:inline-block;border:1px solid var(--line);border-radius:99px;padding:0 9px;
        font-size:12.5px;
        line-height:20px;color:var(--dim);white-space:nowrap;background:var(--raise)}
        a.chip:hover{text-decoration:none;border-color:var(--dim)}a.chip.on{
        box-shadow:inset 0 0 0 1px var(--text)}
        .chip.hashing,.chip.running,.chip.found,.chip.active,.chip.confirmed{color:var(--good);
        border-color:color-mix(in srgb,var(--good) 45%,transparent)}
        .chip.failed,.chip.offline,.chip.stopped,.chip.invalid{color:var(--bad);
        border-color:color-mix(in srgb,var(--bad) 45%,transparent)}
        .chip.throttled,.chip.degraded,.chip.pending,.chip.starting,.chip.fork{color:var(--warn);
        border-color:color-mix(in srgb,var(--warn) 45%,transparent)}
        .banner{display:flex;gap:4px 14px;flex-wrap:wrap;align-items:baseline;border-radius:12px;
        padding:12px 18px;
        margin:0 0 16px;border:1px solid var(--warn);
        background:color-mix(in srgb,var(--warn) 12%,var(--panel))}
        .banner.down{border-color:var(--bad);background:color-mix(in srgb,var(--bad) 12%,var(--panel))}
        .banner span{color:var(--dim);overflow-wrap:anywhere}
        .message{max-width:760px;margin:40px auto}.message h1{margin-bottom:8px}
        .empty{color:var(--dim);margin:6px 0 2px}.note{color:var(--warn);margin:10px 0 0;font-size:14px;
        overflow-wrap:anywhere}
        .dim{color:var(--dim)}.small{font-size:13px}.mono,pre,.hash,dl.script dd{font-family:var(--mono);
        font-size:.92em}
        .wrapall{overflow-wrap:anywhere;word-break:break-all;white-space:normal}
        .amt{white-space:nowrap}.amt i{font-style:normal;color:var(--faint)}
        .hash{display:inline-flex;min-width:0;max-width:100%;vertical-align:bottom}
        .hash span:first-child{overflow:hidden;text-overflow:ellipsis;white-space:nowrap;min-width:0}
        .hash span:last-child{flex:none}
        .button,.copy{display:inline-block;border:1px solid var(--line);background:var(--raise);
        border-radius:8px;
        padding:4px 12px;color:var(--text);font:inherit;font-size:14px;cursor:pointer;white-space:nowrap}
        .button:hover,.copy:hover{border-color:var(--dim);text-decoration:none}
        .copy{padding:0 8px;font-family:var(--sans);font-size:12px;line-height:19px;color:var(--dim);
        vertical-align:1px;margin-left:6px}.copy[hidden]{display:none}
        .heading{display:flex;flex-wrap:wrap;align-items:center;gap:8px 10px;margin-bottom:2px}.heading h1{
        margin:0 6px 0 0}
        .grow{flex:1}
        .heading+p,.heading+p+p{margin:6px 0 16px}
        .facts{margin:0;display:grid;gap:0}
        .facts div{display:grid;grid-template-columns:min(34%,190px) minmax(0,1fr);gap:12px;padding:6px 0;
        border-top:1px solid var(--line)}.facts div:first-child{border-top:0}
        .facts dt{color:var(--dim)}.facts dd{margin:0;overflow-wrap:anywhere}.facts small{color:var(--dim)}
        .two .facts{grid-template-columns:repeat(2,minmax(0,1fr));column-gap:36px}
        .two .facts div:nth-child(2){border-top:0}
        svg.bar{display:block;width:100%;height:6px;border-radius:3px;overflow:hidden}
        .track{fill:var(--track)}.value{fill:var(--accent)}.bar.cool .value{fill:var(--link)}
        .barnote{font-size:13px;margin:6px 0 10px}
        .pager{display:flex;align-items:center;gap:10px;margin-top:14px;flex-wrap:wrap}
        .pager span{color:var(--dim);margin-right:auto;font-size:14px}
        details{margin-top:8px}summary{cursor:pointer;color:var(--dim);font-size:13px}
        pre{white-space:pre-wrap;word-break:break-all;background:var(--bg);border:1px solid var(--line);
        border-radius:8px;padding:10px 12px;margin:8px 0 0;max-height:420px;overflow:auto}
        .fresh{animation:fresh 2.2s ease-out}
        @keyframes fresh{0%{background-color:color-mix(in srgb,var(--accent) 28%,transparent)}}
        @media (prefers-reduced-motion:reduce){*{animation:none!important}}

        """

    private static let tables = """
        .scroll{overflow-x:auto;margin:0 -18px;padding:0 18px}
        table{border-collapse:collapse;width:100%}
        th,td{text-align:left;padding:7px 14px 7px 0;border-top:1px solid var(--line);vertical-align:middle;
        white-space:nowrap}
        thead th{color:var(--dim);font-weight:500;font-size:13px;border-top:0;padding-top:0}
        thead th a{color:inherit}thead th a[aria-current]{color:var(--text);font-weight:620}
        th:last-child,td:last-child{padding-right:0}
        .n{text-align:right}tbody tr:hover{background:var(--raise)}
        td .hash{width:21ch}td.weight{min-width:90px;width:110px}td.tag{max-width:260px;overflow:hidden;
        text-overflow:ellipsis}
        td.dim{white-space:normal}
        .devices th[scope=row]{font-weight:500}.devices th small{display:block;color:var(--dim);
        font-weight:400;
        font-size:12.5px}
        .hot,.in.bad,.n.hot{color:var(--bad)}.warm{color:var(--warn)}.plus{color:var(--good)}.minus{
        color:var(--bad)}
        .plus .amt i,.minus .amt i{color:inherit;opacity:.55}
        abbr{font-size:11.5px;color:var(--warn);text-decoration:none;cursor:help}
        .filter{display:flex;flex-wrap:wrap;gap:10px 14px;align-items:center;margin-bottom:14px}
        .filter input{max-width:280px}.states{display:flex;flex-wrap:wrap;gap:6px;margin:0;align-items:center}
        p.states{margin-top:14px}

        """

    private static let pages = """
        .strip{display:flex;gap:10px;overflow-x:auto;padding:2px 2px 10px;margin:0 0 8px;scrollbar-width:thin}
        .card{flex:1 0 124px;min-width:0;max-width:170px;background:var(--panel);border:1px solid var(--line);
        border-radius:12px;padding:10px 12px 12px;color:var(--dim);font-size:13px;display:flex;
        flex-direction:column;
        gap:1px;box-shadow:var(--shadow)}
        .card:hover{text-decoration:none;border-color:var(--accent)}
        .card b{font-weight:450;font-size:12.5px}.card .big{font-size:18px;font-weight:640;color:var(--text);
        line-height:1.4}
        .card .fee{color:var(--text);white-space:nowrap}.card .tag{overflow:hidden;text-overflow:ellipsis;
        white-space:nowrap;
        min-height:1.5em}
        .card svg.bar{margin-top:6px}.card.next{border-style:dashed;border-color:var(--accent);
        background:none}
        .card.next b{color:var(--accent)}
        .chart svg{display:block;width:100%;height:120px}.column{fill:var(--accent);opacity:.85}.column.cut{
        fill:var(--bad)}
        .hit{fill:transparent}.chart a:hover .column{opacity:1;fill:var(--link)}
        .mean{stroke:var(--dim);stroke-width:1;stroke-dasharray:5 5;vector-effect:non-scaling-stroke}
        .axis{display:flex;justify-content:space-between;color:var(--dim);font-size:12.5px;margin-top:6px}
        .band{display:grid;grid-template-columns:84px minmax(0,1fr) 120px;gap:12px;align-items:center;
        padding:4px 0;
        font-size:14px}.band span:first-child{color:var(--dim)}.band span:last-child{text-align:right;
        color:var(--dim)}
        .band svg.bar{height:10px}
        .found{border-color:color-mix(in srgb,var(--good) 50%,var(--line))}
        .flow{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:28px}
        .part{border-top:1px solid var(--line);padding:9px 0}.part:target{background:var(--raise);
        box-shadow:-8px 0 0 var(--raise),8px 0 0 var(--raise)}
        .row{display:flex;justify-content:space-between;gap:14px;min-width:0}.row>:first-child{min-width:0}
        .row .hash{width:19ch}
        .part details{margin-top:2px}
        dl.script{margin:6px 0 2px}dl.script dt{color:var(--dim);font-size:12.5px;margin-top:6px}
        dl.script dd{margin:0;word-break:break-all;max-height:240px;overflow:auto}
        @media (max-width:900px){.two .facts{grid-template-columns:minmax(0,1fr)}
        .two .facts div:nth-child(2){border-top:1px solid
        var(--line)}.columns,.flow{grid-template-columns:minmax(0,1fr)}
        .top .wrap{flex-wrap:wrap;gap:8px 12px;padding-top:9px;padding-bottom:9px}
        .search{order:3;flex-basis:100%;max-width:none;margin:0}.live{margin-left:auto}}
        @media (max-width:560px){body{font-size:14.5px}.wrap{padding:0 14px}.top{position:static}
        nav[aria-label=Pages]{order:2;flex-basis:100%;justify-content:space-between}
        nav[aria-label=Pages] a{padding:6px 9px}main.wrap{padding-top:14px}
        .tiles{grid-template-columns:repeat(2,minmax(0,1fr));gap:8px}.tile{padding:9px 12px}.tile b{
        font-size:17px}
        .panel{padding:14px}.scroll{margin:0 -14px;padding:0 14px}
        .facts div{grid-template-columns:minmax(90px,30%) minmax(0,1fr)}.two .facts{
        grid-template-columns:minmax(0,1fr)}
        .row{flex-wrap:wrap;gap:0 14px}.band{grid-template-columns:66px minmax(0,1fr) 100px;gap:8px}
        td .hash{width:15ch}footer a{margin-left:0}
        .devices th[scope=row],.devices thead th:first-child{position:sticky;left:0;background:var(--panel);
        z-index:1}}

        """
}
