// The connections with most to write, or most bytes, or the oldest; each can be closed.
import { html, useEffect, useState } from "./html.js";
import { del, get, path, useData } from "./api.js";
import { t, words } from "./i18n.js";
import { Button, ErrorNotice, Field, Filters, Loading, Notice, Page, Table, UserLink, act, setQuery, tools } from "./widgets.js";
import { milliseconds, number, size, span } from "./format.js";

const PAUSE = 3000; // ms between two readings while it follows
const COUNTS = ["50", "100", "500"];
const DOWN = "descending";
const word = words("connections");

export default function Connections({ query, session }) {
  const { sort = "unsent", count = "100", user = "", address = "" } = query;
  const [typed, setTyped] = useState({ user, address });
  const [isFollowing, setFollowing] = useState(false);
  const { data, error, isLoading, reload } = useData(
    (signal) => get("/v1/admin/connections", { sort, count, user, address }, signal),
    [sort, count, user, address],
  );
  const change = (changed) => setQuery({ ...query, ...changed });
  const set = (name) => (value) => setTyped((before) => ({ ...before, [name]: value.trim() }));
  useEffect(() => {
    if (!isFollowing || isLoading) return undefined;
    const timer = setInterval(() => document.hidden || reload(), PAUSE);
    return () => clearInterval(timer);
  }, [isFollowing, isLoading, reload]);
  return html`<${Page} title=${word("title")} lead=${word("lead")}>
    <${Filters} onSubmit=${() => change(typed)}>
      <${Field} label=${word("user")} value=${typed.user} onInput=${set("user")} />
      <${Field} label=${word("address")} value=${typed.address} onInput=${set("address")} />
      <${Button} type="submit">${t("common.filter")}<//>
      <${Field} label=${t("common.count")} type="select" value=${count} options=${COUNTS.map((each) => [each, each])} onInput=${(value) => change({ count: value })} />
      <${Field} label=${word("follow")} type="checkbox" value=${isFollowing} onInput=${setFollowing} />
      <${Button} onClick=${reload}>${t("common.reload")}<//>
    <//>
    <${ErrorNotice} error=${error} onRetry=${reload} />
    ${!data && isLoading && html`<${Loading} />`}
    ${data && html`<${Found} data=${data} isFaded=${Boolean(error)} sort=${sort} onSort=${(key) => change({ sort: key })} columns=${columnsOf(session, reload)} />`}
  <//>`;
}

function Found({ data, ...rest }) {
  return html`${data.nodes_missing > 0 && html`<${Notice} kind="warning">${word("missing", { n: data.nodes_missing })}<//>`}
    <p class="muted">${word("total", { shown: data.items.length, n: data.total })}</p>
    <${Table} ...${rest} word=${word} rows=${data.items} rowKey=${(row) => `${row.node} ${row.key}`} label=${word("title")} empty=${word("none")} />`;
}

function columnsOf(session, onClosed) {
  const close = ({ key, user_id: user, peer }) => act({
    title: word("close_title"),
    text: word("close_text", { who: user || word("no_login"), peer }),
    action: word("close"),
    isDangerous: true,
    run: () => del(path`/v1/admin/connections/${key}`),
  }, onClosed);
  return [
    { key: "user", sort: "ascending", head: true, render: (row) => (row.user_id ? html`<${UserLink} id=${row.user_id} />` : html`<span class="muted">${word("no_login")}</span>`) },
    { key: "peer", label: word("address"), class: "id" },
    { key: "unsent", number: size, sort: DOWN },
    { key: "bytes", number, sort: DOWN, render: (row) => `${size(row.in_bytes)} / ${size(row.out_bytes)}` },
    { key: "age", number, sort: DOWN, render: ({ since }) => span(since && Date.now() - since) },
    { key: "idle", number, sort: DOWN, render: (row) => span(row.idle_ms) },
    { key: "rtt_ms", number: milliseconds },
    { key: "retransmits", number },
    { key: "codec", render: (row) => (row.tls ? `${row.codec}, TLS` : row.codec) },
    { key: "key", class: "id", render: (row) => html`<span title=${row.node}>${row.key}</span>` },
    tools(session, word("close"), (row) => html`<${Button} kind="small" aria-label=${word("close_of", { key: row.key })} onClick=${() => close(row)}>${word("close")}<//>`),
  ];
}
