// The parts that pages are made of.
import { html, useEffect, useRef, useState } from "./html.js";
import { language, t } from "./i18n.js";
import { announce } from "./announce.js";
import { UNKNOWN, time } from "./format.js";
import { href } from "./route.js";

export { announce } from "./announce.js";
export { act, confirm } from "./dialogs.js";
export { go, href, setQuery } from "./route.js";
export { Spark } from "./spark.js";
export { Table, tools } from "./table.js";

const KEY_COMMAND = "(umask 077; openssl rand -hex 32 >admin.key)\ntwistd -n gim --admin-key-file admin.key";
const COPIED = 2000; // ms that a button says so
const COLOURED = 50_000; // characters of JSON up to which its parts have colours
const TOKENS = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null)\b|-?\d[\d.eE+-]*/g;

let isFirstPage = true;

/** A page: its title, which gets the focus when the user came here from another page, and what it shows. */
export function Page({ title, lead, actions, children }) {
  const heading = useRef();
  useEffect(() => {
    if (!isFirstPage) heading.current.focus();
    isFirstPage = false;
  }, []);
  useEffect(() => void (document.title = `${title} · gim`), [title]);
  return html`<header class="page-head">
      <h1 ref=${heading} tabindex="-1">${title}</h1>
      ${actions && html`<div class="row">${actions}</div>`}
    </header>
    ${lead && html`<p class="lead">${lead}</p>`}
    ${children}`;
}

/** A part of a page below a heading of its own. */
export function Section({ title, actions, children, class: name = "" }) {
  return html`<section class=${name}>
    <div class="section-head"><h2>${title}</h2>${actions && html`<div class="row">${actions}</div>`}</div>
    ${children}
  </section>`;
}

/** A button; kind is "", "primary", "danger" or "link". */
export function Button({ kind = "", isBusy, type = "button", children, ...rest }) {
  return html`<button type=${type} class=${kind} aria-busy=${isBusy ? "true" : null} disabled=${isBusy}
    ...${rest}>${children}</button>`;
}

/** What to know: kind is "info", "good", "warning" or "error". */
export function Notice({ kind = "info", children }) {
  return html`<div class="notice ${kind}" role=${kind === "error" ? "alert" : "status"}>${children}</div>`;
}

/** An error in the words of the server, with a button if `onRetry` is given. */
export function ErrorNotice({ error, onRetry }) {
  if (!error) return null;
  return html`<${Notice} kind="error">
    ${error.msg ?? error.message}
    ${onRetry && html` <${Button} onClick=${onRetry}>${t("common.retry")}<//>`}
  <//>`;
}

/** That something is on its way. */
export function Loading() {
  return html`<p class="empty" role="status">${t("common.loading")}</p>`;
}

let fields = 0;

/**
 * An input with its label: type is one of <input>, or "select" with `options` [value, label], or "textarea".
 *
 * `onInput(value)` gets the text, of a checkbox whether it is on.
 */
export function Field({ label, hint, type = "text", options, onInput, value, class: name = "", ...rest }) {
  const [id] = useState(() => `field-${(fields += 1)}`);
  const hintId = hint ? `${id}-hint` : null;
  const shared = { id, "aria-describedby": hintId, spellcheck: false, autocomplete: "off", ...rest };
  const change = (event) => onInput?.(type === "checkbox" ? event.target.checked : event.target.value);
  const text = html`<label for=${id}>${label}</label>`;
  let input;
  if (type === "select") {
    input = html`<select ...${shared} value=${value} onChange=${change}>
      ${options.map(([key, word]) => html`<option key=${key} value=${key} selected=${key === value}>${word}</option>`)}
    </select>`;
  } else if (type === "textarea") {
    input = html`<textarea rows="3" ...${shared} value=${value} onInput=${change}></textarea>`;
  } else if (type === "checkbox") {
    return html`<div class="field check ${name}"><input type="checkbox" ...${shared} checked=${value}
      onChange=${change} />${text}</div>`;
  } else {
    input = html`<input type=${type} ...${shared} value=${value} onInput=${change} />`;
  }
  return html`<div class="field ${name}">${text}${input}${hint && html`<small id=${hintId}>${hint}</small>`}</div>`;
}

/** A row of fields that filters what is below. */
export function Filters({ children, onSubmit }) {
  const submit = (event) => {
    event.preventDefault();
    onSubmit?.();
  };
  return html`<form class="filters" role="search" onSubmit=${submit}>${children}</form>`;
}

/** Tabs of `[{key, label}]`; the children are the panel of the current one. */
export function Tabs({ tabs, current, onChange, label, children }) {
  const list = useRef();
  const move = (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    const at = (tabs.findIndex((each) => each.key === current) + step + tabs.length) % tabs.length;
    onChange(tabs[at].key);
    list.current.children[at].focus();
  };
  const tab = ({ key, label: word }) => html`<button type="button" role="tab" key=${key} id=${`tab-${key}`}
    aria-selected=${String(key === current)} tabindex=${key === current ? 0 : -1}
      onClick=${() => onChange(key)}>${word}</button>`;
  return html`<div class="tabs" role="tablist" aria-label=${label} ref=${list} onKeyDown=${move}>${tabs.map(tab)}</div>
    ${children && html`<div role="tabpanel" aria-labelledby=${`tab-${current}`}>${children}</div>`}`;
}

/** A button that copies *text*, or what it returns. */
export function CopyButton({ text, label = t("common.copy") }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    await write(typeof text === "function" ? text() : text);
    setCopied(true);
    announce(t("common.copied"));
    setTimeout(() => setCopied(false), COPIED);
  };
  return html`<${Button} kind="small" onClick=${copy}>${isCopied ? t("common.copied") : label}<//>`;
}

/** Copy a text, also where the page has no clipboard because it came over HTTP. */
async function write(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

/** A value as JSON with line breaks. */
export function Json({ value }) {
  const text = JSON.stringify(value, null, 2) ?? "";
  return html`<pre class="json">${text.length > COLOURED ? text : coloured(text)}</pre>`;
}

function coloured(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(TOKENS)) {
    const [whole, string, colon = ""] = match;
    const kind = colon ? "key" : string ? "string" : "literal";
    parts.push(text.slice(end, match.index), html`<span class=${kind}>${string ?? whole}</span>`, colon);
    end = match.index + whole.length;
  }
  return [...parts, text.slice(end)];
}

/** A text with its `code` between backticks as code. */
export function Rich({ text }) {
  return text.split("`").map((part, i) => (i % 2 ? html`<code>${part}</code>` : part));
}

/** What a page shows that needs the administrator's key, where the server has none. */
export function NeedsKey({ title }) {
  return html`<${Page} title=${title}>
    <p class="lead"><${Rich} text=${t("common.needs_key")} /></p>
    <div class="copied"><pre>${KEY_COMMAND}</pre><${CopyButton} text=${KEY_COMMAND} /></div>
  <//>`;
}

/** A time, with the whole of it as its title. */
export function Time({ at }) {
  if (!at) return UNKNOWN;
  const date = new Date(at);
  return html`<time dateTime=${date.toISOString()} title=${date.toLocaleString(language)}>${time(at)}</time>`;
}

/** Whether a user is connected: a dot, and a word. */
export function Online({ is }) {
  return html`<span class="state"><span class="dot ${is ? "on" : ""}"></span>${t(is ? "common.online" : "common.offline")}</span>`;
}

/** Facts as pairs of a word and a value; those of undefined are left out. */
export function Facts({ items }) {
  const known = items.filter(([, value]) => value !== undefined);
  return html`<dl class="facts">${known.map(([word, value]) => html`<div
    key=${word}><dt>${word}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function idLink(page, id, name) {
  const other = name && name !== id ? html` <bdi class="name">${name}</bdi>` : null;
  return html`<span class="who"><a class="id" title=${id} href=${href(page, [id])}><bdi>${id}</bdi></a>${other}</span>`;
}

/** A user, as a link; the system has no page. */
export function UserLink({ id, name }) {
  if (!id) return UNKNOWN;
  return id === "." ? html`<span class="id">${t("common.system")}</span>` : idLink("users", id, name);
}

/** A chatroom, as a link. */
export function ChatroomLink({ id, name }) {
  return idLink("chatrooms", id, name);
}

/** A session, as a link to its messages. */
export function SessionLink({ id, name }) {
  return idLink("messages", id, name);
}
