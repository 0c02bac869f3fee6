// Send as the system or as a user, after a question that says how many get it.
import { html, useState } from "./html.js";
import { get, path, post } from "./api.js";
import { words } from "./i18n.js";
import { Button, ErrorNotice, Field, Notice, Page, Rich, SessionLink, act } from "./widgets.js";

const CHATROOM = 1;
const PRIVATE = 2;
const word = words("send");
const EMPTY = { to: "user", target: "", sender: "", category: "text", content: "" };

export default function Send({ query, session }) {
  const [values, setValues] = useState({ ...EMPTY, ...query });
  const [state, setState] = useState({});
  const set = (name) => (value) => setValues((before) => ({ ...before, [name]: value }));
  const isToAll = values.to === "all";
  const submit = async (event) => {
    event.preventDefault();
    setState({ isBusy: true });
    try {
      const text = await reach(values);
      setState({});
      let sent;
      const run = async () => (sent = await deliver(values));
      await act({ title: word("confirm_title"), text, action: word("submit"), run }, () => setState({ sent, isToAll }));
    } catch (error) {
      setState({ error });
    }
  };
  if (session.read_only) return html`<${Page} title=${word("title")}><${Notice}>${word("read_only")}<//><//>`;
  const choices = ["user", "chatroom", "all"].map((each) => [each, word(`to_${each}`)]);
  return html`<${Page} title=${word("title")} lead=${word("lead")}>
    <form class="stack form panel" onSubmit=${submit}>
      <div class="pair">
        <${Field} label=${word("to")} type="select" value=${values.to} options=${choices} onInput=${set("to")} />
        ${!isToAll && html`<${Field} label=${word(`id_${values.to}`)} value=${values.target} onInput=${set("target")} required />`}
      </div>
      <div class="pair">
        ${!isToAll && html`<${Field} label=${word("sender")} hint=${word("sender_hint")} value=${values.sender} onInput=${set("sender")} />`}
        <${Field} label=${word("category")} value=${values.category} onInput=${set("category")} required pattern="[A-Za-z0-9_.\\-]{1,32}" />
      </div>
      <${Field} label=${word("content")} type="textarea" value=${values.content} onInput=${set("content")} required />
      ${isToAll && html`<p class="muted">${word("all_hint")}</p>`}
      <${ErrorNotice} error=${state.error} />
      <div class="row"><${Button} type="submit" kind="primary" isBusy=${state.isBusy}>${word("next")}<//></div>
    </form>
    ${state.sent && html`<${Notice} kind="good">${state.isToAll ? word("sent_all") : html`${word("sent", { id: state.sent.id })} <${SessionLink} id=${state.sent.session_id} />`}<//>`}
  <//>`;
}

/** Say in words how many get it. */
async function reach({ to, target, sender }) {
  const id = target.trim();
  const from = sender.trim() || word("the_system");
  if (to === "all") {
    const { total } = await get("/v1/admin/statistics");
    return word("reach_all", { n: total.users, connections: total.connections });
  }
  if (to === "chatroom") {
    const room = await get(path`/v1/admin/chatrooms/${id}`);
    return word("reach_chatroom", { from, id, n: room.members });
  }
  const user = await get(path`/v1/admin/users/${id}`).catch((error) => {
    if (error.code === 404) return null; // may log in later, and finds the message then
    throw error;
  });
  if (!user) return word("reach_unknown", { from, id });
  return user.connections.length ? word("reach_user", { from, id, n: user.connections.length }) : word("reach_offline", { from, id });
}

function deliver({ to, target, sender, category, content }) {
  if (to === "all") return post("/v1/admin/broadcasts", { content, category });
  const body = { type: to === "chatroom" ? CHATROOM : PRIVATE, target_id: target.trim(), content, category };
  return post("/v1/admin/messages", sender.trim() ? { ...body, sender_id: sender.trim() } : body);
}
