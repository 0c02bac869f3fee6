// The routes of the HTTP API as /openapi.json describes them; those that only read can be tried.
import { html, useState } from "./html.js";
import { send, useData } from "./api.js";
import { words } from "./i18n.js";
import { Button, CopyButton, ErrorNotice, Field, Json, Loading, Page, Rich, Section } from "./widgets.js";

const SHOWN = 100_000; // characters of an answer
const METHODS = ["get", "post", "put", "patch", "delete"];
const word = words("reference");

export default function Reference() {
  const { data, error, reload } = useData(async (signal) => (await send("GET", "/openapi.json", { signal })).json(), []);
  const [typed, setTyped] = useState("");
  return html`<${Page} title=${word("title")} lead=${html`<${Rich} text=${word("lead")} />`}>
    <p class="row"><a href="../docs">/docs</a> <a href="../openapi.json">/openapi.json</a></p>
    <${ErrorNotice} error=${error} onRetry=${reload} />
    ${data ? html`<${Field} class="narrow" label=${word("filter")} type="search" value=${typed} onInput=${setTyped} /><${Groups} document=${data} wanted=${typed.trim().toLowerCase()} />` : !error && html`<${Loading} />`}
  <//>`;
}

function Groups({ document, wanted }) {
  const all = Object.entries(document.paths).flatMap(([path, methods]) => METHODS.filter((each) => methods[each]).map((method) => ({ path, method, ...methods[method] })));
  const found = all.filter(({ path, method, summary }) => `${method} ${path} ${summary}`.toLowerCase().includes(wanted));
  const groups = document.tags.map(({ name, description }) => ({ name, description, routes: found.filter(({ tags }) => tags[0] === name) }));
  return groups.filter(({ routes }) => routes.length).map(({ name, description, routes }) => html`<${Section} key=${name} title=${name}>
    <p class="muted">${description}</p>
    <div class="routes">${routes.map((each) => html`<${Route} key=${each.operationId} route=${each} schemas=${document.components.schemas} />`)}</div>
  <//>`);
}

function Route({ route, schemas }) {
  const [isOpen, setOpen] = useState(false);
  return html`<details open=${isOpen} onToggle=${(event) => setOpen(event.target.open)}>
    <summary><b class="method ${route.method}">${route.method.toUpperCase()}</b> <code>${route.path}</code> <span class="muted"><${Rich} text=${route.summary} /></span></summary>
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
    ${canTry ? html`<${Try} route=${route} inputs=${inputs} />` : route.method === "get" && html`<p class="muted">${word("is_stream")}</p>`}
  </div>`;
}

function resolved(schema, schemas) {
  return schema.$ref ? schemas[schema.$ref.split("/").at(-1)] : schema.properties ?? schema;
}

function Inputs({ inputs }) {
  return html`<ul class="inputs">${inputs.map((each) => html`<li key=${each.name}><code>${each.name}</code> <span class="muted">${word(`in_${each.in}`)}${each.required ? `, ${word("required")}` : ""}</span> ${each.description}</li>`)}</ul>`;
}

function Try({ route, inputs }) {
  const needsToken = accessOf(route) === "token";
  const [values, setValues] = useState({});
  const [state, setState] = useState({});
  const set = (name) => (value) => setValues((before) => ({ ...before, [name]: value }));
  const where = route.path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(values[name] ?? ""));
  const query = Object.fromEntries(inputs.filter((each) => each.in === "query").map(({ name }) => [name, values[name]]));
  const submit = async (event) => {
    event.preventDefault();
    setState({ isBusy: true });
    const began = performance.now();
    try {
      const token = needsToken ? { Authorization: `Bearer ${values[" token"]}` } : {};
      const response = await send("GET", where, { query, headers: token, allowAll: true });
      const text = await response.text();
      setState({ status: response.status, text, ms: Math.round(performance.now() - began) });
    } catch (error) {
      setState({ error });
    }
  };
  return html`<form class="filters" onSubmit=${submit}>
      ${inputs.map(({ name, required }) => html`<${Field} key=${name} label=${name} value=${values[name] ?? ""} onInput=${set(name)} required=${required} />`)}
      ${needsToken && html`<${Field} label=${word("token")} type="password" value=${values[" token"] ?? ""} onInput=${set(" token")} required />`}
      <${Button} type="submit" kind="primary" isBusy=${state.isBusy}>${word("try")}<//>
      <${CopyButton} text=${() => curlOf(route, where, query)} label=${word("copy_curl")} />
    </form>
    <${ErrorNotice} error=${state.error} />
    ${state.status && html`<${Answer} ...${state} />`}`;
}

function Answer({ status, text, ms }) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined; // metrics and pages are texts
  }
  const shown = value === undefined || text.length > SHOWN ? html`<pre class="json">${text.slice(0, SHOWN)}</pre>` : html`<${Json} value=${value} />`;
  return html`<p class="muted" role="status">${word("answer", { status: String(status), ms })}</p>${shown}`;
}

/** Write the request as a command for a shell; the key and the token stay names of variables. */
function curlOf(route, where, query) {
  const url = new URL(`..${where}`, document.baseURI);
  for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
  const header = { key: ' -H "X-API-Key: $KEY"', token: ' -H "Authorization: Bearer $TOKEN"', open: "" }[accessOf(route)];
  return `curl -s '${url.href.replaceAll("'", "%27")}'${header}`;
}
