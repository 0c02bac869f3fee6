import { html, useEffect, useRef, useState } from "./html.js";
import { t } from "./i18n.js";
import { clock, number, size, time } from "./format.js";
import { Button } from "./widgets.js";
import { Commands } from "./try-commands.js";

const ANNOUNCE_PAUSE = 1000; // ms
const BURST = 30; // messages
const HEADED = 60_000; // ms after which a message of the same sender shows its time again

/** One device of a user: its state, a conversation, its packets. */
export function Pane({ person, title, tab, places }) {
  const isOff = person.wire.isCut || ["waiting", "closed"].includes(person.state.now);
  const toggle = () => (isOff ? person.connect() : person.wire.cut());
  return html`<section class="try-pane" aria-label=${title}>
    <header>
      <h2>${title} ${title !== person.id && html`<small><bdi>${person.id}</bdi></small>`}</h2>
      <${StateLine} state=${person.state} />
      <${Button} kind="small" onClick=${toggle}>${t(isOff ? "try.connect" : "try.disconnect")}<//>
    </header>
    <${Log} key=${tab} person=${person} tab=${tab} label=${t("try.messages_of", { name: title })} />
    <${Compose} person=${person} tab=${tab} title=${title} />
    <${Frames} wire=${person.wire} />
    <details class="try-fold">
      <summary>${t("try.as_command")}</summary>
      <${Commands} person=${person} places=${places} />
    </details>
  </section>`;
}

function StateLine({ state: { now, until, code, reason } }) {
  const [, tick] = useState(0);
  useEffect(() => {
    if (!until) return;
    const timer = setInterval(() => tick(Date.now()), 250);
    return () => clearInterval(timer);
  }, [until]);
  const n = Math.max(0, Math.ceil((until - Date.now()) / 1000));
  const why = [reason, code && `(${code})`].filter(Boolean).join(" ");
  return html`<p class="try-state ${now}">${t(`try.state_${now}`, { n, why })}</p>`;
}

/** Whether a screen reader has to wait before it reads what is new: it reads at most once a second. */
function useBusy(version) {
  const read = useRef({ version, at: 0 });
  const [, wake] = useState(0);
  const isNew = version !== read.current.version;
  const rest = read.current.at + ANNOUNCE_PAUSE - Date.now();
  if (isNew && rest <= 0) read.current = { version, at: Date.now() };
  const isBusy = isNew && rest > 0;
  useEffect(() => {
    if (!isBusy) return;
    const timer = setTimeout(() => wake(version), rest);
    return () => clearTimeout(timer);
  });
  return isBusy;
}

function Log({ person, tab, label }) {
  const lines = person.lines[tab];
  const pending = person.pending(tab);
  const version = `${lines.length} ${lines.at(-1)?.key}`;
  const isBusy = useBusy(version);
  return html`<div class="try-log from-end" role="log" aria-live="polite" aria-busy=${String(isBusy)} aria-label=${label} tabindex="0"><div>
    ${!lines.length && !pending.length && html`<p class="try-note">${t("try.empty")}</p>`}
    ${lines.map((line, at) => html`<${Line} key=${line.id} line=${line} before=${lines[at - 1]} person=${person} />`)}
    ${pending.map((each) => html`<div key=${each.requestId} class="try-line own waiting">
      <p dir="auto">${each.content}</p><small>${t(`try.${each.status}`)}</small>
    </div>`)}
  </div></div>`;
}

function Line({ line, before, person }) {
  const { message, gap, note } = line;
  if (note) {
    const text = typeof note.text === "function" ? note.text(note.n) : note.text;
    return html`<p class="try-note">${text} ${note.again && html`<${Button} kind="small" onClick=${note.again}>${t("try.again")}<//>`}</p>`;
  }
  if (gap) {
    const read = ({ target }) => {
      target.closest("[role=log]").focus(); // the button goes
      person.fill(line);
    };
    return html`<p class="try-note gap">${gap.skipped === null ? t("try.gap") : t("try.skipped", { n: gap.skipped })}
      <${Button} kind="small" onClick=${read}>${t("try.read")}<//></p>`;
  }
  const { sender, content, status, createdAt } = message;
  const last = before?.message;
  const isSame = last?.sender.id === sender.id && createdAt - last.createdAt < HEADED;
  return html`<div class="try-line ${sender.id === person.id ? "own" : ""}">
    ${!isSame && html`<small><bdi>${sender.name}</bdi> ${time(createdAt)}</small>`}
    <p dir="auto">${status === 2 ? html`<i>${t("try.recalled")}</i>` : content}</p>
  </div>`;
}

function Compose({ person, tab, title }) {
  const [text, setText] = useState("");
  const send = (event) => {
    event.preventDefault();
    if (text) person.send(tab, text);
    setText("");
  };
  const burst = () => {
    for (let n = 1; n <= BURST; n++) person.send(tab, t("try.burst_content", { n, total: BURST }));
  };
  const label = t("try.write_as", { name: title });
  return html`<form class="try-compose" onSubmit=${send}>
    <input value=${text} onInput=${(event) => setText(event.target.value)} aria-label=${label} placeholder=${label} autocomplete="off" />
    <${Button} type="submit" kind="primary">${t("try.send")}<//>
    ${tab === "chatroom" && html`<${Button} onClick=${burst}>${t("try.burst", { n: BURST })}<//>`}
  </form>`;
}

function Frames({ wire }) {
  const [isOpen, setOpen] = useState(false);
  return html`<details class="try-fold" onToggle=${(event) => setOpen(event.target.open)}>
    <summary>${t("try.frames")} <small>${number(wire.count)}</small></summary>
    ${isOpen && html`<${FrameList} frames=${wire.frames} />`}
  </details>`;
}

function FrameList({ frames }) {
  return html`<div class="try-frames from-end" role="group" aria-label=${t("try.frames")} tabindex="0"><div>
    ${frames.map(({ key, at, direction, name, bytes, text }) => html`<div key=${key} class=${direction}>
      <p>${direction === "out" ? "→" : "←"} <b>${name}</b> <small>${clock(at)} · ${size(bytes)}</small></p>
      <pre>${text}</pre>
    </div>`)}
  </div></div>`;
}
