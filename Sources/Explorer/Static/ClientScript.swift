/// The one script: listens for changes, fetches the page's main part again, and swaps the sections that
/// differ. Without it every page still works by reloading.
enum ClientScript {
    static let text = #"""
        "use strict";
        (() => {
          const main = document.getElementById("main");
          const lamp = document.getElementById("live");
          const topics = new Set((main.dataset.topics || "").split(" ").filter(Boolean));
          let source = null, timer = 0, fetching = false, again = false, last = 0, everOpen = false;

          const say = (state, word, title) => {
            lamp.className = "live " + state;
            lamp.querySelector("b").textContent = word;
            lamp.title = title;
          };

          const span = s => {
            const t = Math.round(Math.abs(s));
            if (t < 100) return t + " s";
            if (t < 5400) return Math.floor((t + 30) / 60) + " min";
            if (t < 172800) return Math.floor(t / 3600) + " h " + Math.floor(t % 3600 / 60) + " min";
            if (t < 63072000) return Math.floor(t / 86400) + " d";
            return Math.floor(t / 31536000) + " y";
          };
          const times = () => {
            const now = Date.now() / 1000;
            for (const e of document.querySelectorAll("time[data-unix]")) {
              const ago = now - Number(e.dataset.unix);
              const text = ago < -90 ? "in " + span(ago) : ago < 2 ? "just now" : span(ago) + " ago";
              if (e.textContent !== text) e.textContent = text;
            }
          };

          const adorn = root => {
            for (const b of root.querySelectorAll(".copy[hidden]")) b.hidden = !navigator.clipboard;
          };

          const swap = text => {
            const fresh = new DOMParser().parseFromString(text, "text/html");
            const page = fresh.getElementById("page");
            if (page) document.title = page.dataset.title;
            const olds = [...main.querySelectorAll("[data-live]")].map(e => e.id).join();
            const news = [...fresh.querySelectorAll("[data-live]")].map(e => e.id).join();
            const open = new Set([...main.querySelectorAll("details[open]")].map(e => e.id));
            const keys = new Set([...main.querySelectorAll("[data-key]")].map(e => e.dataset.key));
            if (olds !== news) {
              main.replaceChildren(...fresh.body.childNodes);
            } else {
              for (const next of fresh.querySelectorAll("[data-live]")) {
                const now = document.getElementById(next.id);
                const html = next.innerHTML.replace(/(<time[^>]*>)[^<]*/g, "$1");
                if (!now || now.sent === html) continue;
                const focus = document.activeElement;
                if (now.contains(focus) && focus.tagName === "INPUT") continue;
                const scrolled = [...now.querySelectorAll(".scroll")].map(e => e.scrollLeft);
                const own = now.scrollLeft;
                now.replaceChildren(...next.childNodes);
                now.scrollLeft = own;
                now.querySelectorAll(".scroll").forEach((e, i) => { e.scrollLeft = scrolled[i] || 0; });
                now.sent = html;
              }
            }
            for (const id of open) { const e = id && document.getElementById(id); if (e) e.open = true; }
            if (keys.size) for (const e of main.querySelectorAll("[data-key]"))
              if (!keys.has(e.dataset.key)) e.classList.add("fresh");
            adorn(main);
            times();
          };

          const refresh = async () => {
            if (fetching) { again = true; return; }
            fetching = true;
            try {
              const headers = { "X-Fragment": "main" };
              const reply = await fetch(location.href, { headers, cache: "no-store" });
              if ((reply.headers.get("content-type") || "").startsWith("text/html")) swap(await reply.text());
            } catch (e) { /* the event stream reports that the explorer is gone */ }
            fetching = false;
            last = Date.now();
            if (again) { again = false; soon(); }
          };
          const soon = () => {
            if (timer) return;
            timer = setTimeout(() => { timer = 0; refresh(); }, Math.max(60, 900 - (Date.now() - last)));
          };

          const listen = () => {
            if (source) return;
            source = new EventSource("/events");
            source.onopen = () => {
              say("on", "live", "This page follows the chain by itself");
              if (everOpen) soon();
              everOpen = true;
            };
            source.onerror = () => {
              say("off", "offline", "The explorer does not answer; trying again");
              if (source && source.readyState === EventSource.CLOSED) { rest(); setTimeout(listen, 3000); }
            };
            source.addEventListener("change", e => {
              if (e.data.split(" ").some(t => topics.has(t))) soon();
            });
          };
          const rest = () => { if (source) { source.close(); source = null; } };

          // Browsers allow six connections to a host: a hidden tab must not hold one.
          document.addEventListener("visibilitychange", () => { document.hidden ? rest() : listen(); });
          window.addEventListener("pagehide", rest);
          window.addEventListener("pageshow", () => { if (!document.hidden) listen(); });
          document.addEventListener("click", async e => {
            const b = e.target.closest && e.target.closest(".copy");
            if (!b) return;
            try {
              await navigator.clipboard.writeText(b.dataset.copy);
              b.textContent = "copied";
              setTimeout(() => { b.textContent = "copy"; }, 1200);
            } catch (x) { b.textContent = "denied"; }
          });
          document.addEventListener("keydown", e => {
            if (e.key !== "/" || e.ctrlKey || e.metaKey || document.activeElement.tagName === "INPUT") return;
            e.preventDefault();
            document.querySelector(".search input").focus();
          });

          adorn(document);
          times();
          setInterval(times, 1000);
          if (!document.hidden) listen();
        })();
        """#

    static let icon = """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">\
        <path fill="#f7931a" d="M16 2 28 9v14l-12 7L4 23V9z"/>\
        <path fill="#0d1117" d="M16 9l6 3.5v7L16 23l-6-3.5v-7z"/>\
        </svg>
        """
}
