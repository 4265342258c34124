/// The list of blocks and one block.
enum BlockTemplates {
    static let blocks = """
        <h1>Blocks <small>{{blocksNote}}</small></h1>
        <section id="blocks" class="panel" data-live>
        <div class="scroll"><table class="wide"><thead><tr><th>Height</th><th>Hash</th><th>Age</th><th \
        class="n">After\
        </th><th class="n">Tx</th><th class="n">Size</th><th>Weight</th><th class="n">Fees</th><th>Found by \
        / tag</th>\
        </tr></thead><tbody>
        {{#rows}}<tr data-key="{{rowHash}}"><td><a href="/block/{{rowHash}}"><b>{{rowHeight}}</b></a></td>\
        <td><a href="/block/{{rowHash}}">{{#rowHashText}}{{>hash}}{{/rowHashText}}</a></td>\
        <td>{{#rowTime}}{{>time}}{{/rowTime}}</td><td class="n">{{rowInterval}}</td><td \
        class="n">{{rowTransactions}}\
        </td><td class="n">{{rowSize}}</td><td class="weight">{{#rowBar}}{{>bar}}{{/rowBar}}</td><td \
        class="n">\
        {{#rowFees}}{{>amount}}{{/rowFees}}</td><td class="tag">{{#rowFinder}}<span class="chip \
        found">{{rowFinder}}\
        </span> {{/rowFinder}}<span class="mono dim">{{rowTag}}</span></td></tr>{{/rows}}
        </tbody></table></div>
        {{^rows}}<p class="empty">No block is indexed yet.</p>{{/rows}}
        {{>pager}}
        </section>
        <section id="stale" class="panel" data-live><h2>Stale blocks <small>left the chain while this \
        explorer \
        watched</small></h2>
        {{#hasStale}}<div class="scroll"><table><thead><tr><th>Height</th><th>Hash</th><th>Time</th>\
        <th>Tag</th></tr>\
        </thead><tbody>{{#stale}}<tr><td>{{staleHeight}}</td><td><a href="/block/{{staleHash}}\
        ">{{#staleHashText}}\
        {{>hash}}{{/staleHashText}}</a></td><td>{{#staleTime}}{{>time}}{{/staleTime}}</td><td class="mono \
        dim">\
        {{staleTag}}</td></tr>{{/stale}}</tbody></table></div>{{/hasStale}}
        {{^hasStale}}<p class="empty">None seen.</p>{{/hasStale}}
        </section>
        """

    static let block = """
        <div id="head" data-live><div class="heading"><h1>Block {{blockHeight}}</h1>{{#staleChip}}<span \
        class="chip \
        failed">{{staleChip}}</span>{{/staleChip}}<span class="chip">{{confirmations}}</span>\
        <span class="grow"></span>{{#previous}}<a class="button" rel="prev" href="/block/{{previous}}">‹ \
        previous</a>\
        {{/previous}}{{#following}}<a class="button" rel="next" href="/block/{{following}}">next \
        ›</a>{{/following}}\
        </div>
        <p class="mono wrapall">{{blockHash}} <button class="copy" type="button" data-copy="{{blockHash}}" \
        hidden>\
        copy</button></p></div>
        <section class="tiles" id="blocktiles" data-live>{{#tiles}}{{>tile}}{{/tiles}}</section>
        {{#finder}}<section id="finder" class="panel found two" data-live><h2>Found by</h2>{{>facts}}\
        </section>{{/finder}}
        <div class="columns">
        <section class="panel"><h2>Header</h2>{{#headerFacts}}{{>facts}}{{/headerFacts}}
        <details id="rawheader"><summary>Raw header, 80 bytes</summary><pre>{{rawHeader}}</pre></details>\
        </section>
        <section class="panel"><h2>Coinbase</h2>{{#coinbaseFacts}}{{>facts}}{{/coinbaseFacts}}
        <h3>Pays</h3><div class="scroll"><table><tbody>{{#pays}}<tr><td>{{#payAddress}}<a class="mono \
        wrapall" \
        href="/address/{{payAddress}}">{{payAddress}}</a>{{/payAddress}}{{^payAddress}}<span \
        class="dim">{{payKind}}\
        </span>{{/payAddress}}</td><td class="n">{{#payAmount}}{{>amount}}{{/payAmount}}</td></tr>{{/pays}}\
        </tbody>\
        </table></div>
        </section>
        </div>
        <section id="transactions" class="panel"><h2>Transactions <small>{{transactionCount}}</small></h2>
        <div class="scroll"><table class="wide"><thead><tr><th class="n">#</th><th>Txid</th><th \
        class="n">Inputs</th>\
        <th class="n">Outputs</th><th class="n">vB</th><th class="n">sat/vB</th><th class="n">Fee</th>\
        <th class="n">Output total</th></tr></thead><tbody>
        {{#transactions}}<tr><td class="n dim">{{txPosition}}</td><td><a href="/tx/{{txID}}">{{#txHash}}\
        {{>hash}}\
        {{/txHash}}</a>{{#txCoinbase}} <span class="chip">coinbase</span>{{/txCoinbase}}</td>\
        <td class="n">{{txInputs}}</td><td class="n">{{txOutputs}}</td><td class="n">{{txSize}}</td>\
        <td class="n">{{txRate}}</td><td class="n">{{#txFee}}{{>amount}}{{/txFee}}</td>\
        <td class="n">{{#txValue}}{{>amount}}{{/txValue}}</td></tr>{{/transactions}}
        </tbody></table></div>
        {{>pager}}
        </section>
        """
}
