// The messages of any session: by its id, by two users, or by a chatroom.
import { html, useState } from "./html.js";
import { words } from "./i18n.js";
import { Button, ChatroomLink, CopyButton, Field, Page, UserLink, go } from "./widgets.js";
import { History } from "./history.js";

const word = words("messages");

export default function Messages({ params, session }) {
  const [id] = params;
  if (!id) return html`<${Page} title=${word("title")} lead=${word("lead")}><${Find} /><//>`;
  return html`<${Page} title=${word("one", { id })} actions=${html`<${CopyButton} text=${id} label=${word("copy_session")} />`}>
    <p class="row"><a href="#/messages">${word("other")}</a> <${Parts} id=${id} /></p>
    <${History} id=${id} session=${session} />
  <//>`;
}

function Parts({ id }) {
  const [type, ...parts] = id.split(":");
  const Link = type === "1" ? ChatroomLink : UserLink;
  return parts.map((each) => html`<${Link} key=${each} id=${each} />`);
}

function Find() {
  const [values, setValues] = useState({ kind: "pair", one: "", other: "", chatroom: "", id: "" });
  const set = (name) => (value) => setValues((before) => ({ ...before, [name]: value }));
  const kinds = ["pair", "chatroom", "id"].map((each) => [each, word(`by_${each}`)]);
  const field = (name, hint, label = name) => html`<${Field} label=${word(label)} hint=${hint} value=${values[name]} onInput=${set(name)} required />`;
  const submit = (event) => {
    event.preventDefault();
    const { kind, one, other, chatroom, id } = values;
    const ids = { pair: `2:${one.trim()}:${other.trim()}`, chatroom: `1:${chatroom.trim()}`, id: id.trim() };
    go("messages", [ids[kind]]);
  };
  return html`<form class="stack narrow panel" onSubmit=${submit}>
    <${Field} label=${word("find_by")} type="select" value=${values.kind} options=${kinds} onInput=${set("kind")} />
    ${values.kind === "pair" && html`${field("one", null, "user")}${field("other", word("system_hint"), "other_user")}`}
    ${values.kind === "chatroom" && field("chatroom")}
    ${values.kind === "id" && field("id", "1:9999, 2:1001:1002")}
    <div class="row"><${Button} type="submit" kind="primary">${word("show")}<//></div>
  </form>`;
}
