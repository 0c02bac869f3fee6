// The messages of any session: by its id, by two users, or by a chatroom.
import { html } from "./html.js";
import { useForm } from "./data.js";
import { words } from "./i18n.js";
import { Button, ChatroomLink, CopyButton, Page, UserLink, go } from "./widgets.js";
import { History } from "./history.js";

const KINDS = {
  pair: ({ user, other_user: other }) => `2:${user}:${other}`,
  chatroom: ({ chatroom }) => `1:${chatroom}`,
  id: ({ id }) => id,
};
const word = words("messages");

export default function Messages({ params: [id], session }) {
  if (!id) return html`<${Page} title=${word("title")} lead=${word("lead")}><${Find} /><//>`;
  return html`<${Page} title=${word("one", { id })} actions=${html`<${CopyButton} text=${id}
    label=${word("copy_session")} />`}>
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
  const { values, field } = useForm(word, { kind: "pair" });
  const submit = (event) => {
    event.preventDefault();
    go("messages", [KINDS[values.kind](values)]);
  };
  const required = true;
  return html`<form class="stack narrow panel" onSubmit=${submit}>
    ${field("kind", { type: "select", options: Object.keys(KINDS).map((each) => [each, word(`by_${each}`)]) })}
    ${values.kind === "pair" && [field("user", { required }), field("other_user", { required, hint: word("system_hint") })]}
    ${values.kind === "chatroom" && field("chatroom", { required })}
    ${values.kind === "id" && field("id", { required, hint: "1:9999, 2:1001:1002" })}
    <div class="row"><${Button} type="submit" kind="primary">${word("show")}<//></div>
  </form>`;
}
