// The connections with most to write, or most bytes, or the oldest; each can be closed.
import { html, useEffect, useState } from "./html.js";
import { del, get, path, useData } from "./api.js";
import { t } from "./i18n.js";
import { Button, ErrorNotice, Field, Filters, Loading, Notice, Page, Table, UserLink, act, setQuery } from "./widgets.js";
import { milliseconds, number, size, span } from "./format.js";

const PAUSE = 3000; // ms between two readings while it follows
const COUNTS = ["50", "100", "500"];

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
    const timer = setTimeout(() => document.hidden || reload(), PAUSE);
    return () => clearTimeout(timer);
  }, [isFollowing, isLoading, reload]);
  const filters = html`<${Filters} onSubmit=${() => change(typed)}>
    <${Field} label=${t("connections.user")} value=${typed.user} onInput=${set("user")} />
    <${Field} label=${t("connections.address")} value=${typed.address} onInput=${set("address")} />
    <${Button} type="submit">${t("common.filter")}<//>
    <${Field} label=${t("common.count")} type="select" value=${count} options=${COUNTS.map((each) => [each, each])} onInput=${(value) => change({ count: value })} />
    <${Field} label=${t("connections.follow")} type="checkbox" value=${isFollowing} onInput=${setFollowing} />
    <${Button} onClick=${reload}>${t("common.reload")}<//>
  <//>`;
  return html`<${Page} title=${t("connections.title")} lead=${t("connections.lead")}>
    ${filters}
    <${ErrorNotice} error=${error} onRetry=${reload} />
    ${!data && isLoading && html`<${Loading} />`}
    ${data && html`<${Found} data=${data} isFaded=${Boolean(error)} sort=${sort} onSort=${(key) => change({ sort: key })} onClosed=${reload} session=${session} />`}
  <//>`;
}

function Found({ data, sort, onSort, onClosed, session, isFaded }) {
  return html`${data.nodes_missing > 0 && html`<${Notice} kind="warning">${t("connections.missing", { n: data.nodes_missing })}<//>`}
    <p class="muted">${t("connections.total", { shown: data.items.length, n: data.total })}</p>
    <${Table} columns=${columnsOf(session, onClosed)} rows=${data.items} sort=${sort} onSort=${onSort} isFaded=${isFaded}
      rowKey=${(row) => `${row.node} ${row.key}`} label=${t("connections.title")} empty=${t("connections.none")} />`;
}

function columnsOf(session, onClosed) {
  const now = Date.now();
  const word = (key) => t(`connections.${key}`);
  const columns = [
    { key: "user", label: word("user"), sort: "ascending", head: true, render: (row) => (row.user_id ? html`<${UserLink} id=${row.user_id} />` : html`<span class="muted">${word("no_login")}</span>`) },
    { key: "peer", label: word("address"), render: (row) => html`<span class="id">${row.peer}</span>` },
    { key: "unsent", label: word("unsent"), number: true, sort: "descending", render: (row) => size(row.unsent) },
    { key: "bytes", label: word("bytes"), number: true, sort: "descending", render: (row) => `${size(row.in_bytes)} / ${size(row.out_bytes)}` },
    { key: "age", label: word("age"), number: true, sort: "descending", render: (row) => (row.since ? span(now - row.since) : "–") },
    { key: "idle", label: word("idle"), number: true, sort: "descending", render: (row) => span(row.idle_ms) },
    { key: "rtt", label: word("rtt"), number: true, render: (row) => milliseconds(row.rtt_ms) },
    { key: "retransmits", label: word("retransmits"), number: true, render: (row) => number(row.retransmits) },
    { key: "codec", label: word("codec"), render: (row) => (row.tls ? `${row.codec}, TLS` : row.codec) },
    { key: "key", label: word("key"), render: (row) => html`<span class="id" title=${row.node}>${row.key}</span>` },
  ];
  if (session.read_only) return columns;
  const close = { key: "close", label: html`<span class="unseen">${word("close")}</span>`, render: (row) => html`<${Button} kind="small" aria-label=${t("connections.close_of", { key: row.key })} onClick=${() => closeAfter(row, onClosed)}>${word("close")}<//>` };
  return [...columns, close];
}

function closeAfter({ key, user_id: user, peer }, onClosed) {
  return act({
    title: t("connections.close_title"),
    text: t("connections.close_text", { who: user || t("connections.no_login"), peer }),
    action: t("connections.close"),
    isDangerous: true,
    run: () => del(path`/v1/admin/connections/${key}`),
  }, onClosed);
}
