// Users by the beginning of their ids, and what is known of one.
import { html, useState } from "./html.js";
import { del, get, path, post, put } from "./api.js";
import { Loaded, Pages, useData, useForm, usePages } from "./data.js";
import { t, words } from "./i18n.js";
import {
  Button,
  ChatroomLink,
  Facts,
  Field,
  Filters,
  Notice,
  Online,
  Page,
  Section,
  SessionLink,
  Table,
  Time,
  UserLink,
  act,
  go,
  href,
  setQuery,
  tools,
} from "./widgets.js";
import { durations, number } from "./format.js";

const PRIVATE = 2;
const word = words("users");
const ONLINE = { key: "online", render: (row) => html`<${Online} is=${row.online} />` };

export default function Users(props) {
  return props.params.length ? html`<${One} ...${props} id=${props.params[0]} />` : html`<${List} ...${props} />`;
}

function List({ query: { prefix = "", online = "" } }) {
  const { values, field } = useForm(word, { prefix });
  const pages = usePages("/v1/admin/users", { prefix, online, count: 100 });
  const columns = [
    { key: "id", head: true, render: (row) => html`<${UserLink} id=${row.id} />` },
    { key: "name", render: (row) => html`<bdi>${row.name}</bdi>` },
    ONLINE,
  ];
  return html`<${Page} title=${word("title")}>
    <${Filters} onSubmit=${() => setQuery({ ...values, online })}>
      ${field("prefix")}
      <${Button} type="submit">${t("common.find")}<//>
      <${Button} onClick=${() => values.prefix && go("users", [values.prefix])}>${word("open")}<//>
      <${Field} label=${word("online_only")} type="checkbox" value=${online === "true"}
        onInput=${(is) => setQuery({ prefix, online: is ? "true" : "" })} />
    <//>
    <${Pages} pages=${pages}><${Table} columns=${columns} word=${word} rows=${pages.items} label=${word("title")}
      empty=${word("none")} /><//>
  <//>`;
}

function One({ id, session }) {
  const state = useData((signal) => get(path`/v1/admin/users/${id}`, {}, signal), [id]);
  const [changes, setChanges] = useState(0);
  const { data, reload } = state;
  const onDone = () => {
    reload();
    setChanges(changes + 1);
  };
  return html`<${Page} title=${word("one", { id })} actions=${data && html`<${Actions} user=${data} session=${session}
    onDone=${onDone} />`}>
    <p><a href="#/users">${word("all")}</a></p>
    <${Loaded} state=${state}>${(user) => html`<${Known} user=${user} changes=${changes} onDone=${onDone}
      session=${session} />`}<//>
  <//>`;
}

function Known({ user, changes, session, onDone }) {
  const { ban, chatrooms } = user;
  const isBanned = ban.until > Date.now();
  const facts = [
    [word("name"), html`<bdi>${user.name}</bdi>`],
    [word("online"), ONLINE.render(user)],
    [word("ban"), isBanned ? html`${word("until")} <${Time} at=${ban.until} />` : word("not_banned")],
    [word("chatrooms"), number(chatrooms.length)],
  ];
  const close = ({ key }) =>
    act(
      {
        title: word("close_title", { key }),
        action: word("close"),
        isDangerous: true,
        run: () => del(path`/v1/admin/users/${user.id}/connections/${key}`),
      },
      onDone,
    );
  const columns = [
    { key: "key", head: true, class: "id" },
    { key: "peer", class: "id" },
    { key: "since", render: (row) => html`<${Time} at=${row.since} />` },
    { key: "node", class: "id" },
    tools(
      session,
      word("close"),
      (row) =>
        html`<${Button} kind="small" aria-label=${word("close_title", { key: row.key })}
          onClick=${() => close(row)}>${word("close")}<//>`,
    ),
  ];
  return html`${isBanned && html`<${Notice} kind="warning">${word("is_banned")}<//>`}
    <div class="panel"><${Facts} items=${facts} /></div>
    <${Section} title=${word("connections")}><${Table} columns=${columns} word=${word} rows=${user.connections}
      label=${word("connections")} empty=${word("no_connections")} /><//>
    <${Sessions} key=${changes} id=${user.id} />
    <${Section} title=${word("chatrooms")}>
      ${chatrooms.length ? html`<ul class="row">${chatrooms.map((each) => html`<li key=${each}><${ChatroomLink}
        id=${each} /></li>`)}</ul>` : html`<p class="empty">${word("no_chatrooms")}</p>`}
    <//>`;
}

function Sessions({ id }) {
  const pages = usePages(path`/v1/admin/users/${id}/sessions`, { count: 50 });
  const columns = [
    { key: "session", head: true, render: (row) => html`<${SessionLink} id=${row.id} />` },
    { key: "title_of", render: (row) => html`<bdi>${row.title}</bdi>` },
    { key: "type", render: (row) => word(row.type === PRIVATE ? "private" : "chatroom") },
    { key: "unread", number },
    { key: "last", render: (row) => html`<${Time} at=${row.last?.created_at} />` },
  ];
  return html`<${Section} title=${word("sessions")}>
    <${Pages} pages=${pages}><${Table} columns=${columns} word=${word} rows=${pages.items} label=${word("sessions")}
      empty=${word("no_sessions")} /><//>
  <//>`;
}

function Actions({
  user: {
    id,
    ban: { until },
    online,
  },
  session,
  onDone,
}) {
  const link = html`<a href=${href("trace", [id])}>${word("trace")}</a>`;
  if (session.read_only) return link;
  const where = path`/v1/admin/users/${id}`;
  const tool = (name, question, props) => {
    const ask = () => act({ title: word(`${name}_title`, { id }), action: word(name), ...question }, onDone);
    return html`<${Button} onClick=${ask} ...${props}>${word(name)}<//>`;
  };
  const content = { name: "content", label: t("send.content"), type: "textarea", required: true };
  const seconds = { name: "seconds", label: word("ban_for"), type: "select", value: "3600", options: durations() };
  return html`${link}
    ${tool("write", { action: t("send.submit"), fields: [content], run: (values) => post("/v1/admin/messages", { type: PRIVATE, target_id: id, ...values }) })}
    ${tool("disconnect", { text: word("disconnect_text"), isDangerous: true, run: () => del(`${where}/connections`) }, { disabled: !online })}
    ${
      until > Date.now()
        ? tool("unban", { run: () => del(`${where}/ban`) })
        : tool("ban", {
            text: word("ban_text"),
            isDangerous: true,
            fields: [seconds],
            run: (values) => put(`${where}/ban`, { seconds: Number(values.seconds) }),
          })
    }`;
}
