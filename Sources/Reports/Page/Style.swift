/// The page's only style sheet; nothing is loaded from anywhere.
enum Style {
    static let sheet = """
        :root{color-scheme:light dark;--bg:#fff;--fg:#1a1a19;--mute:#5c5b57;--line:#dcdbd6;--shade:#eeede7;\
        --card:#faf9f6;--c0:#2a78d6;--c1:#c4570a;--c2:#12805c;--c3:#7b4fc9;--c4:#c2325f;--c5:#6d6c66;\
        --good:#0b6b3a;--bad:#b3261e;--warn:#8a5a00;--band:#12805c}
        @media (prefers-color-scheme:dark){:root{--bg:#161615;--fg:#ecebe6;--mute:#a3a29b;--line:#3a3935;\
        --shade:#2a2a27;--card:#1c1c1a;--c0:#6aa6f0;--c1:#f08a3c;--c2:#3fbf8f;--c3:#ac8bf0;--c4:#f07a9c;\
        --c5:#a3a29b;--good:#5fd08f;--bad:#ff8a80;--warn:#f0b84a;--band:#3fbf8f}}
        @media print{:root{color-scheme:light;--bg:#fff;--fg:#000;--mute:#444;--line:#ccc;--shade:#f2f2f2;\
        --card:#fff;--c0:#2a78d6;--c1:#c4570a;--c2:#12805c;--c3:#7b4fc9;--c4:#c2325f;--c5:#6d6c66;--good:#0b6b3a;\
        --bad:#b3261e;--warn:#8a5a00;--band:#12805c}}
        *{box-sizing:border-box}
        body{margin:0 auto;max-width:1360px;padding:1.5rem;background:var(--bg);color:var(--fg);\
        font:15px/1.45 system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif;\
        -webkit-print-color-adjust:exact;print-color-adjust:exact}
        h1{font-size:1.7rem;margin:0 0 .2rem}h2{font-size:1.25rem;margin:2.2rem 0 .6rem;\
        border-bottom:1px solid var(--line);padding-bottom:.25rem}h3{font-size:1.02rem;margin:1.4rem 0 .5rem}
        p{margin:.35rem 0;max-width:80ch}.note,.mute{color:var(--mute)}
        .verdict{display:inline-block;font-size:1.1rem;font-weight:700;padding:.3rem .8rem;margin:.7rem 0;\
        border:2px solid;border-radius:6px}
        .good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}
        td.good,td.bad,td.warn{font-weight:600;white-space:nowrap}
        ul.flaws{margin:.4rem 0;padding-left:1.2rem}
        .wide{overflow-x:auto}table{border-collapse:collapse;margin:.4rem 0;font-variant-numeric:tabular-nums}
        th,td{padding:.28rem .7rem;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}
        th{font-weight:600;color:var(--mute)}td.n,th.n{text-align:right;white-space:nowrap}
        tr.sum td{font-weight:600}caption{text-align:left;color:var(--mute);padding-bottom:.2rem}
        .plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,520px),1fr));gap:1rem}
        figure{margin:0;padding:.7rem .8rem .3rem;border:1px solid var(--line);border-radius:8px;\
        background:var(--card);break-inside:avoid}
        figcaption{font-size:.92rem;min-height:2.9em}.legend{font-size:.84rem;color:var(--mute)}
        .entry{white-space:nowrap;margin-right:.7rem}
        svg{display:block;width:100%;height:auto;overflow:visible}code{white-space:nowrap}svg.swatch{display:inline-block;width:26px;height:12px;\
        vertical-align:-1px}
        svg text{font:11px system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif;fill:var(--mute)}
        svg text.label{font-size:11.5px}svg text.mark{fill:var(--fg);font-size:10.5px}
        svg text.number{fill:var(--bg);font-size:9.5px;font-weight:700}svg text.phase{font-size:10.5px}
        .grid{stroke:var(--line);stroke-width:.8;fill:none}.axis{stroke:var(--mute);stroke-width:1;fill:none}
        .phase0{fill:none}.phase1{fill:var(--shade)}.edge{stroke:var(--mute);stroke-width:.7;opacity:.6;fill:none}
        path.action{stroke:var(--fg);stroke-width:1;stroke-dasharray:2 3;fill:none}circle.action{fill:var(--fg)}
        .line{fill:none;stroke-width:1.5;stroke-linejoin:round;stroke-linecap:round}
        .whisker{fill:none;stroke-width:1.3}.area{stroke:var(--card);stroke-width:.4}
        .rule{stroke:var(--fg);stroke-width:1;stroke-dasharray:4 3;fill:none}
        .band{fill:var(--band);opacity:.18}.expected{stroke:var(--band);stroke-width:1.8;fill:none}
        .s0{stroke:var(--c0)}.s1{stroke:var(--c1);stroke-dasharray:6 3}.s2{stroke:var(--c2);stroke-dasharray:1.5 3.5}
        .s3{stroke:var(--c3);stroke-dasharray:8 3 2 3}.s4{stroke:var(--c4);stroke-dasharray:3 3}
        .s5{stroke:var(--c5);stroke-dasharray:10 4}.s6{stroke:var(--c5);opacity:.55;stroke-width:1}.whisker{stroke-dasharray:none}
        .f0{fill:var(--c0)}.f1{fill:var(--c1)}.f2{fill:var(--c2)}.f3{fill:var(--c3)}.f4{fill:var(--c4)}.f5{fill:var(--c5)}
        pre{background:var(--shade);padding:.8rem 1rem;border-radius:6px;overflow-x:auto;font:12.5px/1.45 \
        ui-monospace,"DejaVu Sans Mono",monospace;white-space:pre-wrap;overflow-wrap:anywhere}
        details{margin:.6rem 0}summary{cursor:pointer;font-weight:600}
        @media print{body{max-width:none;padding:0;font-size:11px}.plots{grid-template-columns:1fr 1fr}\
        h2{break-after:avoid}tr{break-inside:avoid}}
        """
}
