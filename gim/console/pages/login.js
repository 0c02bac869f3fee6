// Logging in with the administrator's key.
import { html, useState } from "./html.js";
import { post } from "./api.js";
import { t } from "./i18n.js";
import { Button, ErrorNotice, Field, NeedsKey, Page, Rich } from "./widgets.js";

export default function Login({ route, session, onLogin }) {
  const [key, setKey] = useState("");
  const [state, setState] = useState({});
  if (session.mode === "open") return html`<${NeedsKey} title=${t("login.title")} />`;
  const submit = async (event) => {
    event.preventDefault();
    setState({ isBusy: true });
    try {
      await post("/console/login", { key: key.trim() });
      if (route.name === "login") location.hash = "#/";
      onLogin();
    } catch (error) {
      setState({ error });
    }
  };
  return html`<${Page} title=${t("login.title")} lead=${t("login.lead")}>
    <form class="stack narrow" onSubmit=${submit}>
      <${Field} label=${t("login.key")} type="password" value=${key} onInput=${setKey} required autocomplete="current-password" />
      <${ErrorNotice} error=${state.error} />
      <div class="row"><${Button} type="submit" kind="primary" isBusy=${state.isBusy}>${t("login.submit")}<//></div>
    </form>
    <p class="muted"><${Rich} text=${t("login.where")} /></p>
  <//>`;
}
