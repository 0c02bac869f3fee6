// Chatrooms: all of them by id, or the busiest; and one with its members and messages.
import { html, useState } from "./html.js";
import { del, get, path, patch, put, useData } from "./api.js";
import { t } from "./i18n.js";
import { Button, ChatroomLink, ErrorNotice, Facts, Field, Filters, Loading, Page, Section, Table, UserLink, act, go, setQuery } from "./widgets.js";
import { DURATIONS } from "./durations.js";
import { History } from "./history.js";
import { Online } from "./online.js";
import { Pages, usePages } from "./paging.js";
import { number, rate } from "./format.js";

const SORTS = ["id", "connections", "messages"];
const ROLES = ["owner", "admin", "member"];
const word = (key, values) => t(`chatrooms.${key}`, values);

export default function Chatrooms(props) {
  return props.params.length ? html`<${One} ...${props} id=${props.params[0]} />` : html`<${List} ...${props} />`;
}

function List({ query, session }) {
  const { prefix = "", sort = "id" } = query;
  const [typed, setTyped] = useState(prefix);
  const pages = usePages("/v1/admin/chatrooms", { prefix, sort, count: 100 });
  const columns = [
    { key: "id", label: word("id"), sort: "ascending", head: true, render: (row) => html`<${ChatroomLink} id=${row.id} />` },
    { key: "name", label: word("name"), render: (row) => html`<bdi>${row.name}</bdi>` },
    { key: "owner", label: word("owner"), render: (row) => html`<${UserLink} id=${row.owner_id} />` },
    { key: "members", label: word("members"), number: true, render: (row) => number(row.members) },
    { key: "connections", label: word("connections"), sort: "descending", number: true, render: (row) => number(row.connections) },
    { key: "messages", label: word("messages"), sort: "descending", number: true, render: (row) => rate(row.messages) },
  ];
  const create = async () => {
    let made;
    const fields = [
      { name: "id", label: word("id"), required: true },
      { name: "name", label: word("name") },
      { name: "owner_id", label: word("owner"), hint: word("owner_hint") },
    ];
    const run = async ({ id, ...rest }) => {
      made = id.trim();
      const given = Object.entries(rest).filter(([, value]) => value.trim());
      await put(path`/v1/admin/chatrooms/${made}`, Object.fromEntries(given));
    };
    await act({ title: word("create_title"), text: word("create_text"), action: word("create"), fields, run }, () => go("chatrooms", [made]));
  };
  return html`<${Page} title=${word("title")} actions=${!session.read_only && html`<${Button} onClick=${create}>${word("create")}<//>`}>
    <${Filters} onSubmit=${() => setQuery({ prefix: typed.trim(), sort })}>
      <${Field} label=${word("prefix")} value=${typed} onInput=${setTyped} />
      <${Button} type="submit">${t("common.find")}<//>
      <${Field} label=${word("sort")} type="select" value=${sort} options=${SORTS.map((each) => [each, word(`sort_${each}`)])} onInput=${(value) => setQuery({ prefix, sort: value })} />
    <//>
    <${Pages} pages=${pages}>
      <${Table} columns=${columns} rows=${pages.items} sort=${sort} onSort=${(key) => setQuery({ prefix, sort: key })} label=${word("title")} empty=${word("none")} />
    <//>
  <//>`;
}

function One({ id, session }) {
  const { data, error, isLoading, reload } = useData((signal) => get(path`/v1/admin/chatrooms/${id}`, {}, signal), [id]);
  const isWritable = data && !session.read_only;
  return html`<${Page} title=${word("one", { id })} actions=${isWritable && html`<${Actions} room=${data} onDone=${reload} />`}>
    <p><a href="#/chatrooms">${word("all")}</a></p>
    <${ErrorNotice} error=${error} onRetry=${reload} />
    ${!data && isLoading && html`<${Loading} />`}
    ${data && html`<${Known} room=${data} session=${session} onDone=${reload} />`}
  <//>`;
}

function Known({ room, session, onDone }) {
  const facts = [
    [word("name"), html`<bdi>${room.name}</bdi>`],
    [word("owner"), html`<${UserLink} id=${room.owner_id} />`],
    [word("members"), number(room.members)],
    [word("connections"), number(room.connections)],
    [word("messages"), rate(room.messages)],
    [word("lifetime"), word(room.is_kept ? "kept" : "forgotten")],
  ];
  return html`<div class="panel"><${Facts} items=${facts} /></div>
    <${Members} id=${room.id} session=${session} onDone=${onDone} />
    <${Section} title=${word("recent")}><${History} id=${`1:${room.id}`} session=${session} /><//>`;
}

function Members({ id, session, onDone }) {
  const pages = usePages(path`/v1/admin/chatrooms/${id}/members`, { count: 100 });
  const columns = [
    { key: "id", label: word("member"), head: true, render: (row) => html`<${UserLink} id=${row.id} name=${row.name} />` },
    { key: "online", label: word("state"), render: (row) => html`<${Online} is=${row.online} />` },
    { key: "role", label: word("role"), render: (row) => word(`role_${row.role}`) },
  ];
  const changed = () => {
    pages.reload();
    onDone();
  };
  if (!session.read_only) columns.push({ key: "tools", label: html`<span class="unseen">${word("tools")}</span>`, render: (row) => html`<${MemberTools} room=${id} member=${row} onDone=${changed} />` });
  const add = () => act({ title: word("add_title"), action: word("add"), fields: [{ name: "user", label: word("member"), required: true }, roleField("member")], run: ({ user, role }) => put(path`/v1/admin/chatrooms/${id}/members/${user.trim()}`, { role }) }, changed);
  const title = pages.last ? word("members_of", { n: pages.last.total }) : word("members");
  return html`<${Section} title=${title} actions=${!session.read_only && html`<${Button} onClick=${add}>${word("add")}<//>`}>
    <${Pages} pages=${pages}><${Table} columns=${columns} rows=${pages.items} label=${word("members")} empty=${word("no_members")} /><//>
  <//>`;
}

function roleField(value) {
  return { name: "role", label: word("role"), type: "select", value, options: ROLES.map((each) => [each, word(`role_${each}`)]) };
}

function MemberTools({ room, member, onDone }) {
  const { id, role } = member;
  const where = path`/v1/admin/chatrooms/${room}/members/${id}`;
  const appoint = () => act({ title: word("role_title", { id }), action: word("save"), fields: [roleField(role)], run: (values) => put(where, { role: values.role }) }, onDone);
  const durations = [["0", word("unmute")], ...DURATIONS()];
  const silence = ({ seconds }) => (seconds === "0" ? del(`${where}/mute`) : put(`${where}/mute`, { seconds: Number(seconds) }));
  const mute = () => act({ title: word("mute_title", { id }), text: word("mute_text"), action: word("save"), fields: [{ name: "seconds", label: word("mute_for"), type: "select", value: "600", options: durations }], run: silence });
  const remove = () => act({ title: word("remove_title", { id }), action: word("remove"), isDangerous: true, run: () => del(where) }, onDone);
  const tool = (name, run) => html`<${Button} kind="small" aria-label=${word(`${name}_title`, { id })} onClick=${run}>${word(name)}<//>`;
  return html`<span class="tools">${tool("role", appoint)}${tool("mute", mute)}${tool("remove", remove)}</span>`;
}

function Actions({ room, onDone }) {
  const { id, name } = room;
  const where = path`/v1/admin/chatrooms/${id}`;
  const rename = () => act({ title: word("rename_title", { id }), action: word("rename"), fields: [{ name: "name", label: word("name"), value: name, required: true }], run: (values) => patch(where, values) }, onDone);
  const dismiss = () => act({ title: word("dismiss_title", { id }), text: word("dismiss_text", { n: room.members }), action: word("dismiss"), isDangerous: true, run: () => del(where) }, () => go("chatrooms"));
  return html`<${Button} onClick=${rename}>${word("rename")}<//><${Button} onClick=${dismiss}>${word("dismiss")}<//>`;
}
