/// One transaction, one address, the mempool.
enum TransactionTemplates {
    static let transaction = """
        <div id="head" data-live><div class="heading"><h1>Transaction</h1><span class="chip {{statusTone}}\
        ">{{status}}\
        </span>{{#marks}}<span class="chip">{{.}}</span>{{/marks}}</div>
        <p class="mono wrapall">{{txid}} <button class="copy" type="button" data-copy="{{txid}}" \
        hidden>copy</button>\
        </p></div>
        <section class="tiles" id="txtiles" data-live>{{#tiles}}{{>tile}}{{/tiles}}</section>
        <section id="flow" class="panel flow" data-live>
        <div><h2>Inputs <small>{{inputCount}}</small></h2>
        {{#inputs}}<div class="part"><div class="row"><span class="who">{{#coinbaseTag}}<b>Coinbase</b> \
        <span class="mono dim">{{coinbaseTag}}</span>{{/coinbaseTag}}{{#inputAddress}}<a class="mono \
        wrapall" \
        href="/address/{{inputAddress}}">{{inputAddress}}</a>{{/inputAddress}}{{#inputUnknown}}<span \
        class="dim">\
        {{inputUnknown}}</span>{{/inputUnknown}}</span>{{#inputAmount}}{{>amount}}{{/inputAmount}}</div>
        <div class="row dim small"><span>{{#inputSource}}<a href="/tx/{{inputSource}}#o{{inputIndex}}">\
        {{#inputSourceText}}{{>hash}}{{/inputSourceText}}</a> : {{inputIndex}}{{/inputSource}}</span>\
        <span>{{inputKind}}\
        </span></div>
        <details id="i{{inputPosition}}"><summary>script, witness, sequence</summary><dl class="script">\
        <dt>sequence</dt><dd>{{sequence}}</dd>{{#scriptSigASM}}<dt>scriptSig asm</dt><dd>{{scriptSigASM}}\
        </dd>\
        <dt>scriptSig hex</dt><dd>{{scriptSigHex}}</dd>{{/scriptSigASM}}{{#hasWitness}}{{#witness}}\
        <dt>witness \
        {{itemIndex}}</dt><dd>{{itemHex}} <small>{{itemNote}}</small></dd>{{/witness}}{{/hasWitness}}\
        {{#spentASM}}<dt>spends asm</dt><dd>{{spentASM}}</dd>{{/spentASM}}</dl></details></div>{{/inputs}}
        {{#inputsCut}}<p class="note">{{inputsCut}}</p>{{/inputsCut}}
        </div>
        <div><h2>Outputs <small>{{outputCount}}</small></h2>
        {{#outputs}}<div class="part" id="o{{outputPosition}}"><div class="row"><span \
        class="who">{{#outputAddress}}\
        <a class="mono wrapall" href="/address/{{outputAddress}}">{{outputAddress}}</a>{{/outputAddress}}\
        {{#outputNote}}<span class="mono wrapall">{{outputNote}}</span>{{/outputNote}}\
        </span>{{#outputAmount}}\
        {{>amount}}{{/outputAmount}}</div>
        <div class="row dim small"><span>{{outputPosition}} · {{outputKind}}</span><span>{{#spentBy}}<a \
        href="/tx/{{spentBy}}">spent</a>{{/spentBy}}{{#spendState}}{{spendState}}{{/spendState}}</span></div>
        <details id="s{{outputPosition}}"><summary>script</summary><dl class="script"><dt>asm</dt>\
        <dd>{{outputASM}}\
        </dd><dt>hex</dt><dd>{{outputHex}}</dd></dl></details></div>{{/outputs}}
        {{#outputsCut}}<p class="note">{{outputsCut}}</p>{{/outputsCut}}
        </div>
        </section>
        {{#coinbase}}<section class="panel"><h2>Coinbase</h2>{{>facts}}</section>{{/coinbase}}
        <section class="panel"><h2>Details</h2>{{#detailFacts}}{{>facts}}{{/detailFacts}}
        <details id="rawtx"><summary>Raw transaction, {{rawSize}}</summary><pre>{{rawHex}}</pre></details>\
        </section>
        """

    static let address = """
        <div class="heading"><h1>Address</h1><span class="chip">{{addressKind}}</span></div>
        <p class="mono wrapall">{{addressText}} <button class="copy" type="button" \
        data-copy="{{addressText}}" hidden>\
        copy</button></p>
        <section id="tiles" class="tiles" data-live>{{#tiles}}{{>tile}}{{/tiles}}</section>
        {{#partial}}<p class="note">{{partial}}</p>{{/partial}}
        <section id="history" class="panel" data-live><h2>History <small>{{historyCount}}</small></h2>
        <div class="scroll"><table><thead><tr><th>Transaction</th><th>Block</th><th>Age</th><th \
        class="n">Change</th>\
        </tr></thead><tbody>{{#history}}<tr data-key="{{historyID}}"><td><a href="/tx/{{historyID}}\
        ">{{#historyHash}}\
        {{>hash}}{{/historyHash}}</a></td><td>{{#historyHeight}}<a href="/block/{{historyHeight}}\
        ">{{historyHeight}}\
        </a>{{/historyHeight}}{{^historyHeight}}<span class="chip pending">mempool</span>{{/historyHeight}}\
        </td><td>\
        {{#historyTime}}{{>time}}{{/historyTime}}</td><td class="n {{direction}}">{{sign}}{{#historyAmount}}\
        {{>amount}}{{/historyAmount}}</td></tr>{{/history}}</tbody></table></div>
        {{^history}}<p class="empty">No transaction of this address is in the chain or in the \
        mempool.</p>{{/history}}
        {{>pager}}
        </section>
        <section id="unspent" class="panel" data-live><h2>Unspent outputs <small>{{unspentNote}}</small></h2>
        {{#hasUnspent}}<div class="scroll"><table><thead><tr><th>Output</th><th>Block</th><th \
        class="n">Confirmations\
        </th><th class="n">Value</th></tr></thead><tbody>{{#unspent}}<tr><td><a href="/tx/{{unspentID}}\
        #o{{unspentIndex}}">\
        {{#unspentHash}}{{>hash}}{{/unspentHash}}</a> : {{unspentIndex}}{{#immature}} <span class="chip \
        pending">\
        {{immature}}</span>{{/immature}}</td><td><a href="/block/{{unspentHeight}}">{{unspentHeight}}</a>\
        </td>\
        <td class="n">{{unspentDepth}}</td><td class="n">{{#unspentAmount}}{{>amount}}{{/unspentAmount}}\
        </td></tr>\
        {{/unspent}}</tbody></table></div>{{/hasUnspent}}
        {{^hasUnspent}}<p class="empty">None.</p>{{/hasUnspent}}
        </section>
        """

    static let mempool = """
        <h1>Mempool</h1>
        <section id="tiles" class="tiles" data-live>{{#tiles}}{{>tile}}{{/tiles}}</section>
        <div class="columns">
        <section id="bands" class="panel" data-live><h2>By fee rate <small>sat/vB</small></h2>{{>bands}}\
        </section>
        <section id="next" class="panel" data-live><h2>Next block{{#nextHeight}} <small>#{{nextHeight}}\
        </small>\
        {{/nextHeight}}</h2>
        {{#templateProblem}}<p class="empty">{{templateProblem}}</p>{{/templateProblem}}
        {{#templateBar}}{{>bar}}<p class="dim barnote">{{label}}</p>{{/templateBar}}
        {{#templateFacts}}{{>facts}}{{/templateFacts}}
        </section>
        </div>
        <section id="transactions" class="panel" data-live><h2>Transactions <small>{{listNote}}</small></h2>
        {{#hasEntries}}<div class="scroll"><table class="wide"><thead><tr><th>Txid</th><th>Age</th><th \
        class="n">sat/vB\
        </th><th class="n">With ancestors</th><th class="n">vB</th><th class="n">Fee</th><th \
        class="n">Ancestors</th>\
        <th>Next block</th></tr></thead><tbody>
        {{#entries}}<tr data-key="{{entryID}}"><td><a href="/tx/{{entryID}}">{{#entryHash}}{{>hash}}\
        {{/entryHash}}</a>\
        </td><td>{{#entryTime}}{{>time}}{{/entryTime}}</td><td class="n">{{entryRate}}</td><td class="n dim">\
        {{entryPackageRate}}</td><td class="n">{{entrySize}}</td><td class="n">{{#entryFee}}{{>amount}}\
        {{/entryFee}}\
        </td><td class="n">{{entryAncestors}}</td><td>{{#inTemplate}}<span class="chip hashing">yes, \
        #{{inTemplate}}\
        </span>{{/inTemplate}}{{#whyNot}}<span class="dim">{{whyNot}}</span>{{/whyNot}}</td></tr>{{/entries}}
        </tbody></table></div>{{>pager}}{{/hasEntries}}
        {{^hasEntries}}<p class="empty">Empty: every transaction the node knows is in a \
        block.</p>{{/hasEntries}}
        </section>
        """
}
