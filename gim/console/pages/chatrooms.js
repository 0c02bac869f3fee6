// Chatrooms: all of them by id, or the busiest; and one with its members and messages.
import { html } from "./html.js";
import { del, get, known, path, patch, put } from "./api.js";
import { Loaded, Pages, useData, useForm, usePages } from "./data.js";
import { t, words } from "./i18n.js";
import {
  Button,
  ChatroomLink,
  Facts,
  Field,
  Filters,
  Online,
  Page,
  Table,
  Tabs,
  UserLink,
  act,
  go,
  href,
  setQuery,
  tools,
} from "./widgets.js";
import { History } from "./history.js";
import { durations, number, rate } from "./format.js";

const SORTS = ["id", "connections", "messages"];
const ROLES = ["owner", "admin", "member"];
const word = words("chatrooms");
const roleField = (value) => ({
  name: "role",
  label: word("role"),
  type: "select",
  value,
  options: ROLES.map((each) => [each, word(`role_${each}`)]),
});

export default function Chatrooms(props) {
  return props.params.length ? html`<${One} ...${props} id=${props.params[0]} />` : html`<${List} ...${props} />`;
}

function List({ query: { prefix = "", sort = "id" }, session }) {
  const { values, field } = useForm(word, { prefix });
  const pages = usePages("/v1/admin/chatrooms", { prefix, sort, count: 100 });
  const change = (key) => setQuery({ prefix, sort: key });
  const columns = [
    { key: "id", sort: "ascending", head: true, render: (row) => html`<${ChatroomLink} id=${row.id} />` },
    { key: "name", render: (row) => html`<bdi>${row.name}</bdi>` },
    { key: "owner", render: (row) => html`<${UserLink} id=${row.owner_id} />` },
    { key: "members", number },
    { key: "connections", sort: "descending", number },
    { key: "messages", sort: "descending", number: rate },
  ];
  return html`<${Page} title=${word("title")} actions=${!session.read_only && html`<${Create} />`}>
    <${Filters} onSubmit=${() => setQuery({ ...values, sort })}>
      ${field("prefix")}
      <${Button} type="submit">${t("common.find")}<//>
      <${Field} label=${word("sort")} type="select" value=${sort}
        options=${SORTS.map((each) => [each, word(`sort_${each}`)])} onInput=${change} />
    <//>
    <${Pages} pages=${pages}>
      <${Table} columns=${columns} word=${word} rows=${pages.items} sort=${sort} onSort=${change}
        label=${word("title")} empty=${word("none")} />
    <//>
  <//>`;
}

function Create() {
  let made;
  const fields = [
    { name: "id", label: word("id"), required: true },
    { name: "name", label: word("name") },
    { name: "owner_id", label: word("owner"), hint: word("owner_hint") },
  ];
  const run = ({ id, ...rest }) => {
    made = id.trim();
    return put(path`/v1/admin/chatrooms/${made}`, Object.fromEntries(known(rest)));
  };
  const ask = () =>
    act({ title: word("create_title"), text: word("create_text"), action: word("create"), fields, run }, () =>
      go("chatrooms", [made]),
    );
  return html`<${Button} onClick=${ask}>${word("create")}<//>`;
}

function One({ id, session, query: { tab = "members" } }) {
  const state = useData((signal) => get(path`/v1/admin/chatrooms/${id}`, {}, signal), [id]);
  const { data, reload } = state;
  const tabs = ["members", "recent"].map((key) => ({ key, label: word(key) }));
  return html`<${Page} title=${word("one", { id })} actions=${data && !session.read_only && html`<${Actions}
    room=${data} onDone=${reload} />`}>
    <p><a href="#/chatrooms">${word("all")}</a></p>
    <${Loaded} state=${state}>${(room) => html`<${Known} room=${room} />
      <${Tabs} tabs=${tabs} current=${tab} onChange=${(key) => setQuery({ tab: key })} label=${word("one", { id })}>
        ${tab === "recent" ? html`<${History} id=${`1:${id}`} session=${session} />` : html`<${Members} id=${id}
          session=${session} onDone=${reload} />`}
      <//>`}
    <//>
  <//>`;
}

function Known({ room }) {
  const facts = [
    [word("name"), html`<bdi>${room.name}</bdi>`],
    [word("owner"), html`<${UserLink} id=${room.owner_id} />`],
    [word("members"), number(room.members)],
    [word("connections"), number(room.connections)],
    [word("messages"), rate(room.messages)],
    [word("lifetime"), word(room.is_kept ? "kept" : "forgotten")],
  ];
  return html`<div class="panel"><${Facts} items=${facts} /></div>`;
}

function Actions({ room: { id, name, members }, onDone }) {
  const where = path`/v1/admin/chatrooms/${id}`;
  const rename = () =>
    act(
      {
        title: word("rename_title", { id }),
        action: word("rename"),
        fields: [{ name: "name", label: word("name"), value: name, required: true }],
        run: (values) => patch(where, values),
      },
      onDone,
    );
  const dismiss = () =>
    act(
      {
        title: word("dismiss_title", { id }),
        text: word("dismiss_text", { n: members }),
        action: word("dismiss"),
        isDangerous: true,
        run: () => del(where),
      },
      () => go("chatrooms"),
    );
  return html`<a href=${href("send", [], { to: "chatroom", target: id })}>${t("send.title")}</a>
    <${Button} onClick=${rename}>${word("rename")}<//><${Button} onClick=${dismiss}>${word("dismiss")}<//>`;
}

function Members({ id, session, onDone }) {
  const where = path`/v1/admin/chatrooms/${id}/members/`;
  const pages = usePages(where.slice(0, -1), { count: 100 });
  const changed = () => {
    pages.reload();
    onDone();
  };
  const columns = [
    { key: "user", head: true, render: (row) => html`<${UserLink} id=${row.id} name=${row.name} />` },
    { key: "online", render: (row) => html`<${Online} is=${row.online} />` },
    { key: "role", render: (row) => word(`role_${row.role}`) },
    tools(
      session,
      word("tools"),
      (row) => html`<${MemberTools} where=${where + encodeURIComponent(row.id)} member=${row} onDone=${changed} />`,
    ),
  ];
  const fields = [{ name: "user", label: word("user"), required: true }, roleField("member")];
  const add = () =>
    act(
      {
        title: word("add"),
        action: word("add"),
        fields,
        run: ({ user, role }) => put(where + encodeURIComponent(user.trim()), { role }),
      },
      changed,
    );
  return html`<div class="section-head"><p class="muted">${pages.last && word("members_of", { n: pages.last.total })}</p>
      ${!session.read_only && html`<${Button} onClick=${add}>${word("add")}<//>`}</div>
    <${Pages} pages=${pages}><${Table} columns=${columns} word=${word} rows=${pages.items} label=${word("members")}
      empty=${word("no_members")} /><//>`;
}

function MemberTools({ where, member: { id, role }, onDone }) {
  const tool = (name, question) => {
    const title = word(`${name}_title`, { id });
    return html`<${Button} kind="small" aria-label=${title}
      onClick=${() => act({ title, action: word(name), ...question }, onDone)}>${word(name)}<//>`;
  };
  const seconds = {
    name: "seconds",
    label: word("mute_for"),
    type: "select",
    value: "600",
    options: [["0", word("unmute")], ...durations()],
  };
  const mute = (values) =>
    values.seconds === "0" ? del(`${where}/mute`) : put(`${where}/mute`, { seconds: Number(values.seconds) });
  return html`${tool("role", { action: word("save"), fields: [roleField(role)], run: (values) => put(where, values) })}
    ${tool("mute", { action: word("save"), text: word("mute_text"), fields: [seconds], run: mute })}
    ${tool("remove", { isDangerous: true, run: () => del(where) })}`;
}
