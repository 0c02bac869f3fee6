// The console: what is shown at which address, and who sees it.
import { html, render, useEffect, useLayoutEffect, useRef, useState } from "./html.js";
import { ApiError, del, get, onLoggedOut } from "./api.js";
import { LANGUAGES, language, onLanguage, setLanguage, startLanguage, t } from "./i18n.js";
import { THEMES, setTheme, startTheme, theme } from "./theme.js";
import { Dialogs } from "./dialogs.js";
import { readRoute } from "./route.js";
import { Button, ErrorNotice, Field, Loading, NeedsKey, href } from "./widgets.js";

// access: "open" to all, "live" also without a key on the server's machine, "admin" with the key
const PAGES = [
  { name: "try", access: "open", load: () => import("./try.js") },
  { name: "overview", access: "live", load: () => import("./overview.js") },
  { name: "connections", access: "admin", load: () => import("./connections.js") },
  { name: "users", access: "admin", load: () => import("./users.js") },
  { name: "chatrooms", access: "admin", load: () => import("./chatrooms.js") },
  { name: "messages", access: "admin", load: () => import("./messages.js") },
  { name: "trace", access: "admin", load: () => import("./trace.js") },
  { name: "send", access: "admin", load: () => import("./send.js") },
  { name: "api", access: "open", load: () => import("./reference.js") },
  { name: "about", access: "open", load: () => import("./about.js") },
];
const LOGIN = { name: "login", access: "open", load: () => import("./login.js") };
const loaded = new Map();
const KEEP_ALIVE = 600_000; // ms: a session ends after an hour without a request, and a stream may be the only one

function App() {
  const [session, setSession] = useState(null);
  const [error, setError] = useState(null);
  const [route, setRoute] = useState(readRoute);
  const [, setLanguageCount] = useState(0);
  const reload = async () => {
    try {
      setSession(await get("/console/session"));
      setError(null);
    } catch (refused) {
      setError(refused);
    }
  };
  useEffect(() => {
    addEventListener("hashchange", () => setRoute(readRoute()));
    onLanguage(() => setLanguageCount((count) => count + 1));
    onLoggedOut(reload);
    reload();
  }, []);
  useEffect(() => {
    if (!session?.is_admin) return undefined;
    const ask = () => document.hidden || get("/console/session").then(setSession, () => {});
    const timer = setInterval(ask, KEEP_ALIVE);
    return () => clearInterval(timer);
  }, [session]);
  if (!session)
    return html`<main class="alone">${error ? html`<${ErrorNotice} error=${error}
      onRetry=${reload} />` : html`<${Loading} />`}</main>`;
  const page = pageOf(route, session);
  return html`<a class="skip" href="#main" onClick=${skip}>${t("common.skip")}</a>
    <${Bar} session=${session} current=${page.name} onChange=${reload} />
    <main id="main" tabindex="-1">
      <${ErrorNotice} error=${error} onRetry=${reload} />
      <${Shown} key=${[page.name, ...route.params].join("/")} page=${page} route=${route} session=${session}
        onLogin=${reload} />
    </main>
    <${Dialogs} />`;
}

function pageOf(route, session) {
  if (route.name === "login") return LOGIN;
  const start = session.is_admin ? PAGES.find((each) => each.access === "live") : null;
  return PAGES.find((each) => each.name === route.name) ?? start ?? PAGES[0];
}

function skip(event) {
  event.preventDefault(); // the address says which page is shown
  document.getElementById("main").focus();
}

function mayShow(page, session) {
  return page.access === "open" || session.is_admin || (page.access === "live" && session.mode === "open");
}

function Shown({ page, route, session, onLogin }) {
  const isShown = mayShow(page, session);
  if (!isShown && session.mode === "open") return html`<${NeedsKey} title=${t(`${page.name}.title`)} />`;
  return html`<${Loaded} page=${isShown ? page : LOGIN} route=${route} session=${session} onLogin=${onLogin} />`;
}

function Loaded({ page, ...rest }) {
  const [failed, setFailed] = useState(null);
  const [, setCount] = useState(0);
  useLayoutEffect(() => {
    if (loaded.has(page.name)) return;
    const show = (module) => loaded.set(page.name, module.default) && setCount((count) => count + 1);
    page.load().then(show, () => setFailed(new ApiError(0, t("common.no_answer"))));
  }, [page.name]);
  const Component = loaded.get(page.name);
  if (failed) return html`<${ErrorNotice} error=${failed} onRetry=${() => location.reload()} />`;
  const { params, query } = rest.route;
  return Component
    ? html`<${Component} key=${page.name} params=${params} query=${query} ...${rest} />`
    : html`<${Loading} />`;
}

function Bar({ session, current, onChange }) {
  const nav = useRef();
  useEffect(() => {
    const link = nav.current.querySelector("[aria-current]"); // on a narrow screen the row may hide it
    if (link) nav.current.scrollLeft = link.offsetLeft - nav.current.clientWidth / 2;
  }, [current]);
  return html`<header class="bar">
    <a class="brand" href="#/"><img src="icon.svg" alt="" width="20" height="20" />gim</a>
    <nav ref=${nav} aria-label=${t("common.pages")}><ul>${PAGES.map(
      ({ name }) => html`<li key=${name}>
      <a href=${href(name)} aria-current=${name === current ? "page" : null}>${t(`${name}.title`)}</a>
    </li>`,
    )}</ul></nav>
    <${Choices} />
    <${Login} session=${session} onChange=${onChange} />
  </header>`;
}

function Choices() {
  const [chosen, setChosen] = useState(theme);
  const choose = (value) => {
    setTheme(value);
    setChosen(value);
  };
  const themes = THEMES.map((each) => [each, t(`common.theme_${each}`)]);
  return html`<div class="choices">
    <${Field} label=${t("common.language")} type="select" value=${language} options=${Object.entries(LANGUAGES)}
      onInput=${setLanguage} />
    <${Field} label=${t("common.theme")} type="select" value=${chosen} options=${themes} onInput=${choose} />
  </div>`;
}

function Login({ session, onChange }) {
  const leave = async () => {
    await del("/console/login").catch(() => {});
    onChange();
  };
  if (session.mode === "open") return html`<p class="login">${t("common.open_mode")}</p>`;
  if (!session.is_admin) return html`<p class="login"><a href="#/login">${t("login.title")}</a></p>`;
  return html`<p class="login">
    ${t(session.read_only ? "common.logged_in_read_only" : "common.logged_in", { session: String(session.session) })}
    <${Button} kind="small" onClick=${leave}>${t("common.log_out")}<//>
  </p>`;
}

startTheme();
await startLanguage();
render(html`<${App} />`, document.getElementById("app"));
