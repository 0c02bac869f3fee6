// Users by the beginning of their ids, and what is known of one.
import { html, useState } from "./html.js";
import { del, get, path, post, put, useData } from "./api.js";
import { t } from "./i18n.js";
import { Button, ChatroomLink, ErrorNotice, Facts, Field, Filters, Loading, Notice, Page, Section, SessionLink, Table, Time, UserLink, act, go, href, setQuery } from "./widgets.js";
import { Pages, usePages } from "./paging.js";
import { Online } from "./online.js";
import { DURATIONS } from "./durations.js";
import { number } from "./format.js";

const PRIVATE = 2;

export default function Users(props) {
  return props.params.length ? html`<${One} ...${props} id=${props.params[0]} />` : html`<${List} ...${props} />`;
}

function List({ query }) {
  const { prefix = "", online = "" } = query;
  const [typed, setTyped] = useState(prefix);
  const pages = usePages("/v1/admin/users", { prefix, online, count: 100 });
  const submit = () => setQuery({ prefix: typed.trim(), online });
  const columns = [
    { key: "id", label: t("users.id"), head: true, render: (row) => html`<${UserLink} id=${row.id} />` },
    { key: "name", label: t("users.name"), render: (row) => html`<bdi>${row.name}</bdi>` },
    { key: "online", label: t("users.state"), render: (row) => html`<${Online} is=${row.online} />` },
  ];
  return html`<${Page} title=${t("users.title")}>
    <${Filters} onSubmit=${submit}>
      <${Field} label=${t("users.prefix")} value=${typed} onInput=${setTyped} />
      <${Button} type="submit">${t("common.find")}<//>
      <${Field} label=${t("users.online_only")} type="checkbox" value=${online === "true"} onInput=${(is) => setQuery({ prefix, online: is ? "true" : "" })} />
      <${Button} onClick=${() => typed.trim() && go("users", [typed.trim()])}>${t("users.open")}<//>
    <//>
    <${Pages} pages=${pages}><${Table} columns=${columns} rows=${pages.items} label=${t("users.title")} empty=${t("users.none")} /><//>
  <//>`;
}

function One({ id, session }) {
  const { data, error, isLoading, reload } = useData((signal) => get(path`/v1/admin/users/${id}`, {}, signal), [id]);
  const actions = data && html`<${Actions} id=${id} user=${data} session=${session} onDone=${reload} />`;
  return html`<${Page} title=${t("users.one", { id })} actions=${actions}>
    <p><a href="#/users">${t("users.all")}</a></p>
    <${ErrorNotice} error=${error} onRetry=${reload} />
    ${!data && isLoading && html`<${Loading} />`}
    ${data && html`<${Known} user=${data} onDone=${reload} session=${session} />`}
  <//>`;
}

function isBanned({ ban }) {
  return ban.until > Date.now();
}

function Known({ user, session, onDone }) {
  const facts = [
    [t("users.name"), html`<bdi>${user.name}</bdi>`],
    [t("users.state"), html`<${Online} is=${user.online} />`],
    [t("users.ban"), isBanned(user) ? html`${t("users.until")} <${Time} at=${user.ban.until} />` : t("users.not_banned")],
    [t("users.chatrooms"), number(user.chatrooms.length)],
  ];
  return html`${isBanned(user) && html`<${Notice} kind="warning">${t("users.is_banned")}<//>`}
    <div class="panel"><${Facts} items=${facts} /></div>
    <${Connections} user=${user} session=${session} onDone=${onDone} />
    <${Sessions} id=${user.id} />
    <${Section} title=${t("users.chatrooms")}>
      ${user.chatrooms.length ? html`<ul class="row">${user.chatrooms.map((each) => html`<li key=${each}><${ChatroomLink} id=${each} /></li>`)}</ul>` : html`<p class="muted">${t("users.no_chatrooms")}</p>`}
    <//>`;
}

function Connections({ user, session, onDone }) {
  const columns = [
    { key: "key", label: t("users.connection"), head: true, render: (row) => html`<span class="id">${row.key}</span>` },
    { key: "peer", label: t("users.address"), render: (row) => html`<span class="id">${row.peer}</span>` },
    { key: "since", label: t("users.since"), render: (row) => html`<${Time} at=${row.since} />` },
    { key: "node", label: t("users.node"), render: (row) => html`<span class="id">${row.node}</span>` },
  ];
  const close = ({ key }) => act({ title: t("users.close_title", { key }), action: t("users.close"), isDangerous: true, run: () => del(path`/v1/admin/users/${user.id}/connections/${key}`) }, onDone);
  if (!session.read_only) {
    columns.push({ key: "close", label: html`<span class="unseen">${t("users.close")}</span>`, render: (row) => html`<${Button} kind="small" aria-label=${t("users.close_title", { key: row.key })} onClick=${() => close(row)}>${t("users.close")}<//>` });
  }
  return html`<${Section} title=${t("users.connections")}><${Table} columns=${columns} rows=${user.connections} label=${t("users.connections")} empty=${t("users.no_connections")} /><//>`;
}

function Sessions({ id }) {
  const pages = usePages(path`/v1/admin/users/${id}/sessions`, { count: 50 });
  const columns = [
    { key: "id", label: t("users.session"), head: true, render: (row) => html`<${SessionLink} id=${row.id} />` },
    { key: "title", label: t("users.with"), render: (row) => html`<bdi>${row.title}</bdi>` },
    { key: "type", label: t("users.type"), render: (row) => t(row.type === PRIVATE ? "users.private" : "users.chatroom") },
    { key: "unread", label: t("users.unread"), number: true, render: (row) => number(row.unread) },
    { key: "last", label: t("users.last"), render: (row) => html`<${Time} at=${row.last?.created_at} />` },
  ];
  return html`<${Section} title=${t("users.sessions")}>
    <${Pages} pages=${pages}><${Table} columns=${columns} rows=${pages.items} label=${t("users.sessions")} empty=${t("users.no_sessions")} /><//>
  <//>`;
}

function Actions({ id, user, session, onDone }) {
  if (session.read_only) return html`<a href=${href("trace", [id])}>${t("users.trace")}</a>`;
  const write = () => act({ title: t("users.write_title", { id }), action: t("send.submit"), fields: [{ name: "content", label: t("send.content"), type: "textarea", required: true }], run: ({ content }) => post("/v1/admin/messages", { type: PRIVATE, target_id: id, content }) });
  const disconnect = () => act({ title: t("users.disconnect_title", { id }), text: t("users.disconnect_text"), action: t("users.disconnect"), isDangerous: true, run: () => del(path`/v1/admin/users/${id}/connections`) }, onDone);
  const ban = () => act({ title: t("users.ban_title", { id }), text: t("users.ban_text"), action: t("users.ban_action"), isDangerous: true, fields: [{ name: "seconds", label: t("users.ban_for"), type: "select", value: "3600", options: DURATIONS() }], run: ({ seconds }) => put(path`/v1/admin/users/${id}/ban`, { seconds: Number(seconds) }) }, onDone);
  const unban = () => act({ title: t("users.unban_title", { id }), action: t("users.unban"), run: () => del(path`/v1/admin/users/${id}/ban`) }, onDone);
  return html`<a href=${href("trace", [id])}>${t("users.trace")}</a>
    <${Button} onClick=${write}>${t("users.write")}<//>
    <${Button} onClick=${disconnect} disabled=${!user.online}>${t("users.disconnect")}<//>
    ${isBanned(user) ? html`<${Button} onClick=${unban}>${t("users.unban")}<//>` : html`<${Button} onClick=${ban}>${t("users.ban_action")}<//>`}`;
}
