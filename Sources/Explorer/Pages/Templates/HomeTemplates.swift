/// The overview.
enum HomeTemplates {
    static let home = """
        <section id="tiles" class="tiles" data-live>{{#tiles}}{{>tile}}{{/tiles}}</section>
        {{>strip}}
        <div class="columns">
        <section id="next" class="panel" data-live><h2>Next block{{#nextHeight}} <small>#{{nextHeight}}\
        </small>\
        {{/nextHeight}}</h2>
        {{#templateProblem}}<p class="empty">{{templateProblem}}</p>{{/templateProblem}}
        {{#templateBar}}{{>bar}}<p class="dim barnote">{{label}}</p>{{/templateBar}}
        {{#templateFacts}}{{>facts}}{{/templateFacts}}
        </section>
        <section id="mempool" class="panel" data-live><h2><a href="/mempool">Mempool</a> \
        <small>{{mempoolCount}} tx</small></h2>
        {{>bands}}
        </section>
        </div>
        {{#lab}}
        <section id="lab" class="panel" data-live><h2>Pool and devices{{#labTitle}} <small>{{labTitle}}\
        </small>\
        {{/labTitle}}</h2>
        <div class="tiles inner">{{#labTiles}}{{>tile}}{{/labTiles}}</div>
        {{#hasRoles}}<div class="scroll"><table class="roles"><thead><tr><th>Role</th><th>State</th>\
        <th>Address</th>\
        <th>Detail</th></tr></thead><tbody>{{#roles}}<tr><td>{{roleName}}</td><td><span class="chip \
        {{roleState}}">\
        {{roleState}}</span></td><td class="mono">{{roleAddress}}</td><td class="dim">{{roleDetail}}</td>\
        </tr>\
        {{/roles}}</tbody></table></div>{{/hasRoles}}
        {{#hasDevices}}<p class="states">{{#deviceStates}}<a class="chip {{state}}" \
        href="/devices?state={{state}}">\
        {{count}} {{state}}</a>{{/deviceStates}} <a href="/devices">All devices ›</a></p>{{/hasDevices}}
        </section>
        {{/lab}}
        <section id="intervals" class="panel" data-live><h2>Time between blocks <small>{{chartSummary}}\
        </small></h2>
        {{>chart}}
        </section>
        <section id="node" class="panel two" data-live><h2>Node</h2>{{>facts}}\
        {{#warnings}}<p class="note">{{.}}</p>{{/warnings}}</section>
        <section id="tips" class="panel" data-live><h2>Chain tips <small>{{tipSummary}}</small></h2>
        {{>tips}}
        </section>
        """

    static let strip = """
        <section id="strip" class="strip" data-live aria-label="Next and latest blocks">
        {{#nextCard}}<a class="card next" href="/mempool"><b>next</b><span class="big">#{{cardHeight}}</span>\
        <span>{{cardTransactions}} tx</span><span class="fee">{{cardReward}} BTC</span><span class="tag">\
        {{cardNote}}</span>{{#cardBar}}{{>bar}}{{/cardBar}}</a>{{/nextCard}}
        {{#cards}}<a class="card" href="/block/{{cardHash}}" data-key="{{cardHash}}"><b>{{#cardTime}}\
        {{>time}}\
        {{/cardTime}}</b><span class="big">{{cardHeight}}</span><span>{{cardTransactions}} tx</span>\
        <span class="fee">{{cardReward}} BTC</span><span class="tag" title="{{cardNote}}">{{cardNote}}</span>\
        {{#cardBar}}{{>bar}}{{/cardBar}}</a>{{/cards}}
        {{^cards}}<p class="empty">No block is indexed yet.</p>{{/cards}}
        </section>
        """

    static let chart = """
        {{#chart}}<div class="chart"><svg viewBox="0 0 {{width}} 100" preserveAspectRatio="none" role="img" \
        aria-label="{{chartLabel}}">{{#columns}}<a href="/block/{{columnHeight}}"><rect class="hit" \
        x="{{x}}" y="0" \
        width="8" height="100"/><rect class="column{{#cut}} cut{{/cut}}" x="{{x}}" y="{{y}}" width="6" \
        height="{{tall}}"/><title>{{tip}}</title></a>{{/columns}}<line class="mean" x1="0" x2="{{width}}" \
        y1="{{meanY}}" y2="{{meanY}}"/></svg><div class="axis"><span>{{oldest}}</span><span>{{scale}}</span>\
        <span>{{newest}}</span></div></div>{{/chart}}
        {{^chart}}<p class="empty">Two blocks are needed to show an interval.</p>{{/chart}}
        """

    static let bands = """
        {{#bands}}<div class="band"><span>{{range}}</span>{{#bandBar}}{{>bar}}{{/bandBar}}\
        <span>{{bandNote}}</span>\
        </div>{{/bands}}
        {{^bands}}<p class="empty">Empty: every transaction the node knows is in a block.</p>{{/bands}}
        """

    static let tips = """
        <div class="scroll"><table><thead><tr><th>Height</th><th>Hash</th><th>Branch</th><th>Status</th>\
        </tr></thead>\
        <tbody>{{#tips}}<tr><td><a href="/block/{{tipHash}}">{{tipHeight}}</a></td><td><a \
        href="/block/{{tipHash}}">\
        {{#tipHashText}}{{>hash}}{{/tipHashText}}</a></td><td class="n">{{branch}}</td><td><span class="chip \
        {{tone}}">\
        {{status}}</span></td></tr>{{/tips}}</tbody></table></div>
        """
}
