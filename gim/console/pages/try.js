import { html, useEffect, useMemo, useState } from "./html.js";
import { post } from "./api.js";
import { t } from "./i18n.js";
import { useForm } from "./data.js";
import { Button, Notice, Page, Rich, Tabs, setQuery } from "./widgets.js";
import { Pane } from "./try-pane.js";
import { Person } from "./try-person.js";

const NAMES = { ann: "Ann", ben: "Ben" };
const RENDER_PAUSE = 50; // ms: 30 messages at once are not 30 times the work

const made = (id) => () => post("/console/token", { user_id: id }).then(({ token }) => token);

/** Two users of this server talk, each over a connection of their own. */
export default function Try({ query, session }) {
  const { a = "ann", b = "ben", room = "try" } = query;
  const [used, setUsed] = useState({ count: 0 });
  const canMake = session.is_admin && session.can_make_tokens && !session.read_only;
  const isReady = !session.login_needs_token || used.tokens;
  const use = (users, tokens) => {
    setUsed({ count: used.count + 1, tokens });
    setQuery(users);
  };
  const key = JSON.stringify([a, b, room, used.count]);
  return html`<${Page} title=${t("try.title")} lead=${t("try.lead")}>
    ${isReady
      ? html`<${Talk} key=${key} ...${{ a, b, room, session }} tokens=${used.tokens} />`
      : html`<${Notice}><${Rich} text=${t(canMake ? "try.make_hint" : "try.paste_hint")} /><//>`}
    <${Users} key=${`users ${key}`} users=${{ a, b, room }} needs=${session.login_needs_token} canMake=${canMake} isOpen=${!isReady} onUse=${use} />
  <//>`;
}

/** Who talks where. */
function Users({ users, needs, canMake, isOpen, onUse }) {
  const { values, field } = useForm((name) => t(`try.user_${name}`), users);
  const token = (name) => needs && !canMake && field(name, { type: "password", required: true });
  const submit = (event) => {
    event.preventDefault();
    const { a, b, room, token_a, token_b } = values;
    const tokens = canMake ? { a: made(a), b: made(b) } : { a: () => token_a, b: () => token_b };
    onUse({ a, b, room }, needs && tokens);
  };
  return html`<details class="try-fold" open=${isOpen}>
    <summary>${t("try.users")}</summary>
    <form class="filters" onSubmit=${submit}>
      ${field("a", { required: true })}${token("token_a")}${field("b", { required: true })}${token("token_b")}
      ${field("room", { required: true })}<${Button} type="submit" kind="primary">${t(needs && canMake ? "try.make" : "try.use")}<//>
    </form>
  </details>`;
}

function Talk({ a, b, room, tokens, session }) {
  const [tab, setTab] = useState("private");
  const [, render] = useState(0);
  const [people, setPeople] = useState([]);
  const places = useMemo(() => {
    const http = new URL("../", document.baseURI).href;
    return { http, socket: new URL(session.ws_path.slice(1), http).href.replace(/^http/, "ws") };
  }, [session.ws_path]);

  const person = (key) => {
    const id = key === "a" ? a : b;
    let timer = 0;
    const changed = () => {
      timer ||= setTimeout(() => {
        timer = 0;
        render((count) => count + 1);
      }, RENDER_PAUSE);
    };
    const peer = key === "a" ? b : a;
    return new Person({ id, name: NAMES[id], peer, room, token: tokens?.[key], url: places.socket }, changed);
  };
  useEffect(() => {
    const opened = [person("a"), person("b")];
    setPeople(opened);
    return () => opened.forEach((each) => each.gim.close());
  }, []);

  const second = people[2];
  const toggle = () => setPeople(second ? people.slice(0, 2) : [...people, person("b")]);
  useEffect(() => () => void second?.gim.close(), [second]);

  const tabs = ["private", "chatroom"].map((key) => ({ key, label: t(`try.${key}`) }));
  const name = NAMES[b] ?? b;
  const titles = [NAMES[a] ?? a, name, t("try.second_of", { name })];
  const pane = (each, at) => html`<${Pane} key=${at} person=${each} title=${titles[at]} tab=${tab} places=${places} />`;
  return html`<div><${Tabs} tabs=${tabs} current=${tab} onChange=${setTab} label=${t("try.conversation")}>
    <div class="try-head"><p class="lead">${t(`try.about_${tab}`)}</p>
      <${Button} kind="small" onClick=${toggle}>${t(second ? "try.remove" : "try.second", { name })}<//></div>
    <div class="try-panes">${people.map(pane)}</div>
  <//></div>`;
}
