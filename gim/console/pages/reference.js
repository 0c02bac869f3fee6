// The routes of the HTTP API as /openapi.json describes them; those that only read can be tried.
import { html, useState } from "./html.js";
import { known, send } from "./api.js";
import { Loaded, useData, useForm, useTask } from "./data.js";
import { words } from "./i18n.js";
import { Button, CopyButton, ErrorNotice, Json, Page, Rich, Section } from "./widgets.js";

const SHOWN = 100_000; // characters of an answer
const TOKEN = " token"; // not a valid name of a parameter
const METHODS = ["get", "post", "put", "patch", "delete"];
const word = words("reference");

export default function Reference() {
  const state = useData(async (signal) => (await send("GET", "/openapi.json", { signal })).json(), []);
  const { values, field } = useForm(word, { filter: "" });
  return html`<${Page} title=${word("title")} lead=${html`<${Rich} text=${word("lead")} />`}>
    <p class="row"><a href="../docs">/docs</a> <a href="../openapi.json">/openapi.json</a></p>
    ${field("filter", { type: "search", class: "narrow" })}
    <${Loaded} state=${state}>${(document) => html`<${Groups} document=${document}
      wanted=${values.filter.toLowerCase()} />`}<//>
  <//>`;
}

function Groups({ document, wanted }) {
  const all = Object.entries(document.paths).flatMap(([path, methods]) =>
    METHODS.filter((each) => methods[each]).map((method) => ({ path, method, ...methods[method] })),
  );
  const found = all.filter(({ path, method, summary }) =>
    `${method} ${path} ${summary}`.toLowerCase().includes(wanted),
  );
  const groups = document.tags.map(({ name, description }) => ({
    name,
    description,
    routes: found.filter(({ tags }) => tags[0] === name),
  }));
  return groups
    .filter(({ routes }) => routes.length)
    .map(
      ({ name, description, routes }) => html`<${Section} key=${name} title=${name}>
    <p class="muted">${description}</p>
    <div class="routes">${routes.map((each) => html`<${Route} key=${each.operationId} route=${each}
      schemas=${document.components.schemas} />`)}</div>
  <//>`,
    );
}

function Route({ route, schemas }) {
  const [isOpen, setOpen] = useState(false);
  return html`<details open=${isOpen} onToggle=${(event) => setOpen(event.target.open)}>
    <summary>
      <b class="method ${route.method}">${route.method.toUpperCase()}</b> <code>${route.path}</code>${" "}
      <span class="muted"><${Rich} text=${route.summary} /></span>
    </summary>
    ${isOpen && html`<${Details} route=${route} schemas=${schemas} />`}
  </details>`;
}

function accessOf({ security }) {
  const schemes = security.flatMap(Object.keys);
  return schemes.includes("key") ? "key" : schemes.length ? "token" : "open";
}

function Details({ route, schemas }) {
  const inputs = route.parameters.filter(({ name }) => name);
  const body = route.requestBody?.content["application/json"].schema;
  const statuses = Object.entries(route.responses);
  const media = Object.keys(statuses.find(([status]) => status === "200")?.[1].content ?? {});
  const canTry = route.method === "get" && !media.includes("text/event-stream");
  return html`<div class="stack detail">
    <p>${word(`needs_${accessOf(route)}`)}</p>
    ${inputs.length > 0 && html`<${Inputs} inputs=${inputs} />`}
    ${body && html`<h3>${word("body")}</h3><${Json} value=${resolved(body, schemas)} />`}
    <p class="muted">${word("answers")}: ${statuses.map(([status]) => status).join(", ")}${media.length > 0 && ` (${media.join(", ")})`}</p>
    ${canTry ? html`<${Try} route=${route}
      inputs=${inputs} />` : route.method === "get" && html`<p class="muted">${word("is_stream")}</p>`}
  </div>`;
}

function resolved(schema, schemas) {
  return schema.$ref ? schemas[schema.$ref.split("/").at(-1)] : (schema.properties ?? schema);
}

function Inputs({ inputs }) {
  const place = (each) => word(`in_${each.in}`) + (each.required ? `, ${word("required")}` : "");
  return html`<ul class="inputs">${inputs.map(
    (each) => html`<li key=${each.name}>
      <code>${each.name}</code> <span class="muted">${place(each)}</span> ${each.description}
    </li>`,
  )}</ul>`;
}

function Try({ route, inputs }) {
  const access = accessOf(route);
  const { values, field } = useForm(word, {});
  const [answer, setAnswer] = useState(null);
  const where = route.path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(values[name] ?? ""));
  const query = Object.fromEntries(
    inputs.filter((each) => each.in === "query").map(({ name }) => [name, values[name]]),
  );
  const task = useTask(async () => {
    const began = performance.now();
    const headers = access === "token" ? { Authorization: `Bearer ${values[TOKEN]}` } : {};
    const response = await send("GET", where, { query, headers, allowAll: true });
    const text = await response.text();
    setAnswer({ status: response.status, text, ms: Math.round(performance.now() - began) });
  });
  return html`<form class="filters" onSubmit=${task.run}>
      ${inputs.map(({ name, required }) => field(name, { label: name, required }))}
      ${access === "token" && field(TOKEN, { label: word("token"), type: "password", required: true })}
      <${Button} type="submit" kind="primary" isBusy=${task.isBusy}>${word("try")}<//>
      <${CopyButton} text=${() => curlOf(access, where, query)} label=${word("copy_curl")} />
    </form>
    <${ErrorNotice} error=${task.error} />
    ${answer && html`<${Answer} ...${answer} />`}`;
}

function Answer({ status, text, ms }) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined; // metrics and pages are texts
  }
  const shown =
    value === undefined || text.length > SHOWN
      ? html`<pre class="json">${text.slice(0, SHOWN)}</pre>`
      : html`<${Json} value=${value} />`;
  return html`<p class="muted" role="status">${word("answer", { status: String(status), ms })}</p>${shown}`;
}

/** Write the request as a command for a shell; the key and the token stay names of variables. */
function curlOf(access, where, query) {
  const url = new URL(`..${where}`, document.baseURI);
  url.search = new URLSearchParams(known(query));
  const header = { key: ' -H "X-API-Key: $KEY"', token: ' -H "Authorization: Bearer $TOKEN"', open: "" }[access];
  return `curl -s '${url.href.replaceAll("'", "%27")}'${header}`;
}
