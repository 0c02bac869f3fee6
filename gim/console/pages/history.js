// The messages of a session: the newest, older ones on demand, and new ones while it follows.
import { html, useState } from "./html.js";
import { del, get, path } from "./api.js";
import { Loaded, useData, useRepeat } from "./data.js";
import { t, words } from "./i18n.js";
import { Button, CopyButton, Field, Time, UserLink, act, announce } from "./widgets.js";

const COUNT = 50;
const KEPT = 1000; // messages in the page while it follows
const PAUSE = 2000; // ms between two readings while it follows
const RECALLED = 2;
const word = words("messages");

export function History({ id, session }) {
  const [isFollowing, setFollowing] = useState(false);
  const [before, setBefore] = useState(undefined); // the message before which the last page was read
  const [known, setKnown] = useState({ items: [] });
  const read = async (signal) => {
    const page = await get(path`/v1/admin/sessions/${id}/messages`, { count: COUNT, before }, signal);
    setKnown((old) => joined(old, page, before));
    return true;
  };
  const state = useData(read, [id, before]);
  useRepeat(isFollowing && !state.isLoading, PAUSE, before ? () => setBefore(undefined) : state.reload);
  const recall = (message) =>
    act(
      {
        title: word("recall_title"),
        text: word("recall_text"),
        action: word("recall"),
        isDangerous: true,
        run: () => del(path`/v1/admin/sessions/${id}/messages/${message.id}`),
      },
      () =>
        setKnown((old) => ({
          ...old,
          items: old.items.map((each) => (each === message ? { ...each, status: RECALLED, content: "" } : each)),
        })),
    );
  const newest = before ? () => setBefore(undefined) : state.reload;
  return html`<div class="row">
      <${Field} label=${t("common.follow")} type="checkbox" value=${isFollowing} onInput=${setFollowing} />
      <${Button} onClick=${newest}>${t("common.reload")}<//>
      ${known.hasMore && html`<${Button} onClick=${() => setBefore(known.items[0].id)}
        isBusy=${state.isLoading}>${word("older")}<//>`}
    </div>
    <${Loaded} state=${state}>${() =>
      known.items.length
        ? html`<ol class="messages" aria-label=${word("title")}>${known.items.map((each) => html`<${Message}
          key=${each.id} message=${each} onRecall=${!session.read_only && recall} />`)}</ol>`
        : html`<p class="empty">${word("none")}</p>`}<//>`;
}

/** Join what is known with a page: the one before the message *before*, or the newest one. */
function joined(known, page, before) {
  const byId = new Map([...known.items, ...page.items].map((each) => [each.id, each]));
  const items = [...byId.values()].sort((one, other) => (one.id < other.id ? -1 : 1)).slice(before ? 0 : -KEPT);
  const isFirst = !known.items.length;
  const fresh = items.length - known.items.length;
  if (!isFirst && !before && fresh > 0) announce(word("new", { n: fresh }));
  return { items, hasMore: before || isFirst ? page.has_more : known.hasMore };
}

function Message({ message, onRecall }) {
  const { id, sender, created_at: at, sequence, category, content, status } = message;
  const isRecalled = status === RECALLED;
  return html`<li>
    <div class="row meta">
      <${UserLink} id=${sender.id} name=${sender.name} /><${Time}
        at=${at} />${sequence > 0 && html`<span>#${sequence}</span>`}
      ${category !== "text" && html`<span class="tag">${category}</span>`}
      <span class="tools">
        <${CopyButton} text=${id} label=${word("copy_id")} />
        ${onRecall && !isRecalled && html`<${Button} kind="small" onClick=${() => onRecall(message)}>${word("recall")}<//>`}
      </span>
    </div>
    ${isRecalled ? html`<p class="muted">${word("recalled")}</p>` : html`<p class="content" dir="auto">${content}</p>`}
  </li>`;
}
