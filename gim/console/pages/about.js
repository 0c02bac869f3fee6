// What this server is: its version, the options in force, and the software of others in this page.
import { html, useState } from "./html.js";
import { get, useData } from "./api.js";
import { words } from "./i18n.js";
import { ErrorNotice, Facts, Field, Loading, Page, Section, Table } from "./widgets.js";

const VENDORED = [
  ["Preact", "MIT", "vendor/preact/LICENSE"],
  ["htm", "Apache-2.0", "vendor/htm/LICENSE"],
  ["uPlot", "MIT", "vendor/uplot/LICENSE"],
];
const word = words("about");

export default function About({ session }) {
  const facts = [
    [word("version"), session.version],
    [word("storage"), session.storage],
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
  const { data, error, reload } = useData((signal) => get("/v1/admin/options", {}, signal), []);
  const [isSetOnly, setSetOnly] = useState(false);
  const columns = [
    { key: "name", label: word("option"), head: true, render: (row) => html`<code>${row.name}</code>` },
    { key: "value", label: word("value"), class: "wrap", render: (row) => html`<span class="id">${row.value}</span>` },
    { key: "origin", label: word("origin") },
    { key: "help", label: word("help"), class: "wrap" },
  ];
  if (!data) return error ? html`<${ErrorNotice} error=${error} onRetry=${reload} />` : html`<${Loading} />`;
  const rows = data.items.filter(({ origin }) => !isSetOnly || origin !== "default");
  const only = html`<${Field} label=${word("set_only")} type="checkbox" value=${isSetOnly} onInput=${setSetOnly} />`;
  return html`<${Section} title=${word("options")} actions=${only}>
    <p class="muted">${word("answered_by", { node: data.node })} ${data.workers > 1 && word("workers", { n: data.workers })}</p>
    <${Table} columns=${columns} rows=${rows} rowKey=${({ name }) => name} label=${word("options")} empty=${word("none_set")} />
  <//>`;
}
