// The messages of a session: the newest, older ones on demand, and new ones while it follows.
import { html, useEffect, useRef, useState } from "./html.js";
import { del, get, path } from "./api.js";
import { t, words } from "./i18n.js";
import { Button, CopyButton, ErrorNotice, Field, Loading, Time, UserLink, announce, confirm } from "./widgets.js";

const word = words("messages");
const COUNT = 50;
const KEPT = 1000; // messages in the page
const PAUSE = 2000; // ms between two readings while it follows
const RECALLED = 2;

export function History({ id, session }) {
  const [state, setState] = useState({ items: [], isLoading: true });
  const [isFollowing, setFollowing] = useState(false);
  const current = useRef();
  const read = async (before) => {
    current.current?.abort();
    const { signal } = (current.current = new AbortController());
    setState((known) => ({ ...known, isLoading: true, error: null }));
    try {
      const page = await get(path`/v1/admin/sessions/${id}/messages`, { count: COUNT, before }, signal);
      if (!signal.aborted) setState((known) => joined(known, page, before));
    } catch (error) {
      if (!signal.aborted) setState((known) => ({ ...known, isLoading: false, error }));
    }
  };
  useEffect(() => {
    read();
    return () => current.current.abort();
  }, [id]);
  useEffect(() => {
    if (!isFollowing || state.isLoading) return undefined;
    const timer = setTimeout(() => document.hidden || read(), PAUSE);
    return () => clearTimeout(timer);
  }, [isFollowing, state]);
  const recall = async (message) => {
    const isDone = await confirm({ title: word("recall_title"), text: word("recall_text"), action: word("recall"), isDangerous: true, run: () => del(path`/v1/admin/sessions/${id}/messages/${message.id}`) });
    if (isDone) setState((known) => ({ ...known, items: known.items.map((each) => (each.id === message.id ? { ...each, status: RECALLED, content: "" } : each)) }));
  };
  return html`<div class="row">
      <${Field} label=${word("follow")} type="checkbox" value=${isFollowing} onInput=${setFollowing} />
      <${Button} onClick=${() => read()}>${t("common.reload")}<//>
      ${state.hasMore && html`<${Button} onClick=${() => read(state.items[0].id)} isBusy=${state.isLoading}>${word("older")}<//>`}
    </div>
    <${ErrorNotice} error=${state.error} />
    ${!state.items.length && (state.isLoading ? html`<${Loading} />` : !state.error && html`<p class="empty">${word("none")}</p>`)}
    ${state.items.length > 0 && html`<ol class="messages" aria-label=${word("title")}>
      ${state.items.map((each) => html`<${Message} key=${each.id} message=${each} onRecall=${session.read_only ? null : recall} />`)}
    </ol>`}`;
}

/** Join what is known with a page: the one before the message *before*, or the newest one. */
function joined(known, page, before) {
  const byId = new Map([...known.items, ...page.items].map((each) => [each.id, each]));
  const items = [...byId.values()].sort((one, other) => (one.id < other.id ? -1 : 1)).slice(before ? 0 : -KEPT);
  const isFirst = !known.items.length;
  const fresh = items.length - known.items.length;
  if (!isFirst && !before && fresh > 0) announce(word("new", { n: fresh }));
  return { items, hasMore: before || isFirst ? page.has_more : known.hasMore, isLoading: false };
}

function Message({ message, onRecall }) {
  const isRecalled = message.status === RECALLED;
  return html`<li>
    <div class="row meta">
      <${UserLink} id=${message.sender.id} name=${message.sender.name} />
      <${Time} at=${message.created_at} />
      <span>#${message.sequence}</span>
      ${message.category !== "text" && html`<span class="tag">${message.category}</span>`}
      <span class="tools">
        <${CopyButton} text=${message.id} label=${word("copy_id")} />
        ${onRecall && !isRecalled && html`<${Button} kind="small" onClick=${() => onRecall(message)}>${word("recall")}<//>`}
      </span>
    </div>
    ${isRecalled ? html`<p class="muted">${word("recalled")}</p>` : html`<p class="content" dir="auto">${message.content}</p>`}
  </li>`;
}
