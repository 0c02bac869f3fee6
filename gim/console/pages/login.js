// Logging in with the administrator's key.
import { html } from "./html.js";
import { post } from "./api.js";
import { useForm, useTask } from "./data.js";
import { words } from "./i18n.js";
import { Button, ErrorNotice, NeedsKey, Page, Rich } from "./widgets.js";

const word = words("login");

export default function Login({ route, session, onLogin }) {
  const { values, field } = useForm(word, { key: "" });
  const task = useTask(async () => {
    await post("/console/login", values);
    await onLogin();
    if (route.name === "login") location.hash = "#/";
  });
  if (session.mode === "open") return html`<${NeedsKey} title=${word("title")} />`;
  return html`<${Page} title=${word("title")} lead=${word("lead")}>
    <form class="stack narrow" onSubmit=${task.run}>
      ${field("key", { type: "password", required: true, autocomplete: "current-password" })}
      <${ErrorNotice} error=${task.error} />
      <div class="row"><${Button} type="submit" kind="primary" isBusy=${task.isBusy}>${word("submit")}<//></div>
    </form>
    <p class="muted"><${Rich} text=${word("where")} /></p>
  <//>`;
}
