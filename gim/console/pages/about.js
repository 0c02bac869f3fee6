// What this server is: its version, the options in force, and the software of others in this page.
import { html, useState } from "./html.js";
import { get } from "./api.js";
import { Loaded, useData } from "./data.js";
import { words } from "./i18n.js";
import { Facts, Field, Page, Section, Table } from "./widgets.js";

const VENDORED = [
  ["Preact", "MIT", "vendor/preact/LICENSE"],
  ["htm", "Apache-2.0", "vendor/htm/LICENSE"],
  ["uPlot", "MIT", "vendor/uplot/LICENSE"],
];
const word = words("about");

export default function About({ session }) {
  const facts = [
    [word("version"), session.version],
    [word("storage"), session.journal ? word("journal") : session.storage],
    [word("gateway"), session.gateway ?? undefined],
    [word("path"), session.ws_path],
  ];
  return html`<${Page} title=${word("title")} lead=${word("lead")}>
    <div class="panel"><${Facts} items=${facts} /></div>
    ${session.is_admin && html`<${Options} />`}
    <${Section} title=${word("licences")}>
      <p class="muted">${word("vendored")}</p>
      <ul>${VENDORED.map(([name, licence, file]) => html`<li key=${name}>${name}: <a href=${file}>${licence}</a></li>`)}</ul>
    <//>
  <//>`;
}

function Options() {
  const state = useData((signal) => get("/v1/admin/options", {}, signal), []);
  const [isSetOnly, setSetOnly] = useState(false);
  const columns = [
    { key: "name", head: true, class: "id" },
    { key: "value", class: "id wrap" },
    { key: "origin" },
    { key: "help", class: "wrap" },
  ];
  const only = html`<${Field} label=${word("set_only")} type="checkbox" value=${isSetOnly} onInput=${setSetOnly} />`;
  return html`<${Section} title=${word("options")} actions=${only}><${Loaded} state=${state}>${({
    node,
    workers,
    items,
  }) => html`
    <p class="muted">${word("answered_by", { node })} ${workers > 1 && word("workers", { n: workers })}</p>
    <${Table} columns=${columns} word=${word} rows=${items.filter(({ origin }) => !isSetOnly || origin !== "default")}
      rowKey=${({ name }) => name}
      label=${word("options")} empty=${word("none_set")} />`}<//><//>`;
}
