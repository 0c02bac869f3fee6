// Send as the system or as a user, after a question that says how many get it.
import { html, useState } from "./html.js";
import { get, path, post } from "./api.js";
import { useForm, useTask } from "./data.js";
import { words } from "./i18n.js";
import { Button, ErrorNotice, Notice, Page, SessionLink, act } from "./widgets.js";

const CHATROOM = 1;
const PRIVATE = 2;
const word = words("send");

export default function Send({ query, session }) {
  const { values, field } = useForm(word, { to: "user", category: "text", content: "", ...query });
  const [sent, setSent] = useState(null);
  const isToAll = values.to === "all";
  const task = useTask(async () => {
    setSent(null);
    let answer;
    const run = async () => (answer = await deliver(values));
    await act({ title: word("confirm_title"), text: await reach(values), action: word("submit"), run }, () =>
      setSent(answer),
    );
  });
  if (session.read_only) return html`<${Page} title=${word("title")}><${Notice}>${word("read_only")}<//><//>`;
  const choices = ["user", "chatroom", "all"].map((each) => [each, word(`to_${each}`)]);
  return html`<${Page} title=${word("title")} lead=${word("lead")}>
    <form class="stack form panel" onSubmit=${task.run}>
      <div class="pair">
        ${field("to", { type: "select", options: choices })}
        ${!isToAll && field("target", { label: word(`id_${values.to}`), required: true })}
        ${!isToAll && field("sender", { hint: word("sender_hint") })}
        ${field("category", { required: true, pattern: "[A-Za-z0-9_.\\-]{1,32}" })}
      </div>
      ${field("content", { type: "textarea", required: true })}
      ${isToAll && html`<p class="muted">${word("all_hint")}</p>`}
      <${ErrorNotice} error=${task.error} />
      <div class="row"><${Button} type="submit" kind="primary" isBusy=${task.isBusy}>${word("next")}<//></div>
    </form>
    ${sent && html`<${Notice} kind="good">${sent.id ? html`${word("sent", { id: sent.id })} <${SessionLink}
      id=${sent.session_id} />` : word("sent_all")}<//>`}
  <//>`;
}

/** Say in words how many get it. */
async function reach({ to, target: id, sender }) {
  const from = sender || word("the_system");
  if (to === "all") {
    const { total } = await get("/v1/admin/statistics");
    return word("reach_all", { n: total.users, connections: total.connections });
  }
  if (to === "chatroom") {
    const { members } = await get(path`/v1/admin/chatrooms/${id}`);
    return word("reach_chatroom", { from, id, n: members });
  }
  const user = await get(path`/v1/admin/users/${id}`).catch((error) => {
    if (error.code === 404) return null; // may log in later, and finds the message then
    throw error;
  });
  const n = user?.connections.length;
  return word(n ? "reach_user" : user ? "reach_offline" : "reach_unknown", { from, id, n });
}

function deliver({ to, target, sender, category, content }) {
  if (to === "all") return post("/v1/admin/broadcasts", { content, category });
  const from = sender && { sender_id: sender };
  return post("/v1/admin/messages", {
    type: to === "chatroom" ? CHATROOM : PRIVATE,
    target_id: target,
    content,
    category,
    ...from,
  });
}
