/// The fleet.
enum DeviceTemplates {
    static let devices = """
        <h1>Devices{{#labTitle}} <small>{{labTitle}}</small>{{/labTitle}}</h1>
        <section id="tiles" class="tiles" data-live>{{#tiles}}{{>tile}}{{/tiles}}</section>
        <section id="devices" class="panel" data-live>
        {{#hasFleet}}<form class="filter" action="/devices"><input name="q" type="search" \
        value="{{filterText}}" \
        placeholder="Name, model or protocol" aria-label="Filter devices" maxlength="64">\
        <input type="hidden" name="state" value="{{filterState}}"><input type="hidden" name="sort" \
        value="{{sortKey}}">\
        <span class="states"><a class="chip{{^filterState}} on{{/filterState}}" href="{{allLink}}">all \
        {{fleetCount}}</a>\
        {{#states}}<a class="chip {{state}}{{#isOn}} on{{/isOn}}" href="{{stateLink}}">{{count}} {{state}}\
        </a>\
        {{/states}}</span></form>
        <div class="scroll"><table class="wide devices"><thead><tr>{{#columns}}<th{{#isNumber}} \
        class="n"{{/isNumber}}>\
        <a href="{{columnLink}}"{{#isSorted}} aria-current="true"{{/isSorted}}>{{columnName}}</a>\
        </th>{{/columns}}</tr>\
        </thead><tbody>
        {{#devices}}<tr data-key="{{deviceName}}"><th scope="row"><b>{{deviceName}}</b><small>{{model}}\
        </small></th>\
        <td><span class="chip {{deviceState}}">{{deviceState}}</span></td>\
        <td class="n"><b>{{rate}}</b>{{#scaled}} <abbr title="the experiment's hashrate scale is already in \
        this \
        figure">scaled</abbr>{{/scaled}}</td><td class="n {{heat}}">{{temperature}}</td><td \
        class="n">{{power}}</td>\
        <td class="n">{{efficiency}}</td><td class="n">{{fan}}</td><td class="n">{{accepted}}</td><td \
        class="n">\
        {{rejected}}</td><td class="n {{staleTone}}">{{stale}}</td><td class="n">{{difficulty}}</td><td \
        class="n">{{best}}\
        </td><td class="n">{{lastShare}}</td><td>{{transport}}</td></tr>{{/devices}}
        </tbody></table></div>
        {{^devices}}<p class="empty">No device matches this filter.</p>{{/devices}}
        {{>pager}}{{/hasFleet}}
        {{^hasFleet}}<p class="empty">No devices report to this explorer. Start a lab with devices, or \
        attach a miner, \
        and they appear here by themselves.</p>{{/hasFleet}}
        </section>
        {{#hasRoles}}<section id="roles" class="panel" data-live><h2>Roles</h2><div class="scroll"><table \
        class="roles">\
        <thead><tr><th>Role</th><th>State</th><th>Address</th><th>Detail</th></tr></thead><tbody>{{#roles}}\
        <tr>\
        <td>{{roleName}}</td><td><span class="chip {{roleState}}">{{roleState}}</span></td><td class="mono">\
        {{roleAddress}}</td><td class="dim">{{roleDetail}}</td></tr>{{/roles}}</tbody></table></div>\
        </section>{{/hasRoles}}
        """
}
