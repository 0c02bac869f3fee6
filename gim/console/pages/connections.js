// The connections with most to write, or most bytes, or the oldest; each can be closed.
import { html, useState } from "./html.js";
import { del, get, path } from "./api.js";
import { Loaded, useData, useForm, useRepeat } from "./data.js";
import { t, words } from "./i18n.js";
import { Button, Field, Filters, Notice, Page, Table, UserLink, act, setQuery, tools } from "./widgets.js";
import { milliseconds, number, size, span } from "./format.js";

const PAUSE = 3000; // ms between two readings while it follows
const CACHED = 1100; // ms: a node gives the same answer for a second
const COUNTS = ["50", "100", "500"];
const DOWN = "descending";
const word = words("connections");

export default function Connections({ query, session }) {
  const { sort = "unsent", count = "100", user = "", address = "" } = query;
  const { values, field } = useForm(word, { user, address });
  const [isFollowing, setFollowing] = useState(false);
  const state = useData(
    (signal) => get("/v1/admin/connections", { sort, count, user, address }, signal),
    [sort, count, user, address],
  );
  const change = (changed) => setQuery({ ...query, ...changed });
  useRepeat(isFollowing && !state.isLoading, PAUSE, state.reload);
  return html`<${Page} title=${word("title")} lead=${word("lead")}>
    <${Filters} onSubmit=${() => change(values)}>
      ${field("user")}${field("address")}
      <${Button} type="submit">${t("common.filter")}<//>
      <${Field} label=${t("common.count")} type="select" value=${count} options=${COUNTS.map((each) => [each, each])}
        onInput=${(value) => change({ count: value })} />
      <${Field} label=${t("common.follow")} type="checkbox" value=${isFollowing} onInput=${setFollowing} />
      <${Button} onClick=${state.reload}>${t("common.reload")}<//>
    <//>
    <${Loaded} state=${state}>${(data) => html`
      ${data.nodes_missing > 0 && html`<${Notice} kind="warning">${word("missing", { n: data.nodes_missing })}<//>`}
      <p class="muted">${word("total", { shown: data.items.length, n: data.total })}</p>
      <${Table} columns=${columnsOf(session, () => setTimeout(state.reload, CACHED))} word=${word} rows=${data.items}
        rowKey=${(row) => `${row.node} ${row.key}`}
        sort=${sort} onSort=${(key) => change({ sort: key })} isFaded=${Boolean(state.error)} label=${word("title")}
          empty=${word("none")} />`}
    <//>
  <//>`;
}

function columnsOf(session, onClosed) {
  const close = ({ key, user_id: user, peer }) =>
    act(
      {
        title: word("close_title"),
        text: word("close_text", { who: user || word("no_login"), peer }),
        action: word("close"),
        isDangerous: true,
        run: () => del(path`/v1/admin/connections/${key}`),
      },
      onClosed,
    );
  return [
    {
      key: "user",
      sort: "ascending",
      head: true,
      render: (row) =>
        row.user_id ? html`<${UserLink} id=${row.user_id} />` : html`<span class="muted">${word("no_login")}</span>`,
    },
    { key: "peer", label: word("address"), class: "id" },
    { key: "unsent", number: size, sort: DOWN },
    { key: "bytes", number, sort: DOWN, render: (row) => `${size(row.in_bytes)} / ${size(row.out_bytes)}` },
    { key: "age", number, sort: "ascending", render: ({ since }) => span(since && Date.now() - since) },
    { key: "idle", number, sort: DOWN, render: (row) => span(row.idle_ms) },
    { key: "rtt_ms", number: milliseconds },
    { key: "retransmits", number },
    { key: "codec", render: (row) => (row.tls ? `${row.codec}, TLS` : row.codec) },
    { key: "key", class: "id", render: (row) => html`<span title=${row.node}>${row.key}</span>` },
    tools(
      session,
      word("close"),
      (row) =>
        html`<${Button} kind="small" aria-label=${word("close_of", { key: row.key })}
          onClick=${() => close(row)}>${word("close")}<//>`,
    ),
  ];
}
