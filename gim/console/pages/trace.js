// What a user sends and receives, live.
import { html, useEffect, useRef, useState } from "./html.js";
import { path, stream } from "./api.js";
import { useForm } from "./data.js";
import { words } from "./i18n.js";
import { Button, CopyButton, Json, Notice, Page, Time, UserLink, announce, href } from "./widgets.js";
import { clock, number, span } from "./format.js";

const KEPT = 500; // lines in the page
const PAUSE = 200; // ms between two drawings
const SECONDS = ["60", "300", "600"];
const word = words("trace");

export default function Trace({ params: [id], query: { content = "", seconds = "600" } }) {
  const [round, setRound] = useState(0); // the same trace may begin again
  return html`<${Page} title=${id ? word("one", { id }) : word("title")} lead=${word("lead")}>
    <${Begin} id=${id} content=${content} seconds=${seconds} onBegin=${() => setRound(round + 1)} />
    ${id && html`<${Running} key=${`${content} ${seconds} ${round}`} id=${id} content=${content} seconds=${seconds} />`}
  <//>`;
}

function Begin({ id = "", seconds, content, onBegin }) {
  const { values, field } = useForm(word, { user: id, seconds, content: Boolean(content) });
  const submit = (event) => {
    event.preventDefault();
    const where = href("trace", [values.user], { seconds: values.seconds, content: values.content ? "true" : "" });
    if (location.hash === where) onBegin();
    else location.hash = where;
  };
  return html`<form class="filters" onSubmit=${submit}>
    ${field("user", { required: true })}
    ${field("seconds", { type: "select", options: SECONDS.map((each) => [each, span(each * 1000)]) })}
    ${field("content", { type: "checkbox" })}
    <${Button} type="submit" kind="primary">${word("begin")}<//>
  </form>`;
}

/** What a trace has told so far; its lines, newest first, are drawn together, however many arrive. */
class Story {
  constructor(onChange) {
    this.state = { lines: [], count: 0, dropped: 0 };
    this.onChange = onChange;
    this.drawing = null;
  }

  change(changed) {
    this.state = { ...this.state, ...changed };
    this.drawing ??= setTimeout(() => {
      this.drawing = null;
      this.onChange(this.state);
    }, PAUSE);
  }

  hear(name, data) {
    const { lines, count, dropped } = this.state;
    if (name === "begin") return this.change({ begun: data });
    if (name === "end") return this.change({ ended: data.reason });
    if (name === "dropped") return this.change({ dropped: dropped + data.count });
    announce(word("count", { n: count + 1 }));
    return this.change({ lines: [{ ...data, line: count }, ...lines].slice(0, KEPT), count: count + 1 });
  }
}

function useTrace(id, query) {
  const [state, setState] = useState({ lines: [] });
  const current = useRef();
  useEffect(() => {
    const control = new AbortController();
    const story = new Story(setState);
    current.current = { control, story };
    const onEvent = (name, data) => {
      story.hear(name, data);
      if (name === "end") control.abort();
    };
    const onState = (now, error) => story.change({ error, isRefused: now === "refused" });
    stream(path`/v1/admin/users/${id}/trace`, { query, onEvent, onState, evenHidden: true }, control.signal);
    return () => {
      control.abort();
      clearTimeout(story.drawing);
    };
  }, []);
  const stop = () => {
    current.current.control.abort();
    current.current.story.change({ ended: "stopped" });
  };
  return { ...state, stop, clear: () => current.current.story.change({ lines: [] }) };
}

function Running({ id, content, seconds }) {
  const { lines, begun, ended, error, isRefused, dropped, stop, clear } = useTrace(id, { content, seconds });
  const [paused, setPaused] = useState(null); // the lines of then
  const shown = paused ?? lines;
  const state = ended
    ? word(`end_${ended}`)
    : begun
      ? html`${word("until")} <${Time} at=${begun.until} />`
      : word("starting");
  const copied = () =>
    shown
      .map(({ line, ...each }) => JSON.stringify(each))
      .reverse()
      .join("\n");
  return html`<div class="row">
      <span class="state"><span class="dot ${begun && !ended && !error ? "on" : ""}"></span><span>${state}</span></span>
      <${UserLink} id=${id} />
      ${!ended && html`<${Button} onClick=${stop}>${word("stop")}<//>`}
      <${Button} onClick=${() => setPaused(paused ? null : lines)}
        aria-pressed=${String(Boolean(paused))}>${word("pause")}<//>
      <${Button} onClick=${clear}>${word("clear")}<//>
      <${CopyButton} text=${copied} label=${word("copy")} />
    </div>
    ${error && html`<${Notice} kind="error">${word(isRefused ? "refused" : "lost", { reason: error.msg })}<//>`}
    ${dropped > 0 && html`<${Notice} kind="warning">${word("dropped", { n: dropped })}<//>`}
    ${content && html`<${Notice} kind="warning">${word("content_shown")}<//>`}
    ${shown.length ? html`<ol class="lines" aria-label=${word("packets")}>${shown.map((each) => html`<${Line}
      key=${each.line} line=${each} />`)}</ol>` : html`<p class="empty">${word("nothing")}</p>`}`;
}

function Line({ line }) {
  const [isOpen, setOpen] = useState(false);
  const { at, direction, key, name, op, seq, code, bytes, body, change, peer, reason } = line;
  const when = html`<span class="id">${clock(at)}</span>`;
  if (change) {
    return html`<li class="line change">
      ${when}<span>${word(`change_${change}`)}</span><span class="id">${key} ${peer}</span>${code > 0 && `${code} ${reason}`}
    </li>`;
  }
  return html`<li class=${code ? "failed" : ""}>
    <button type="button" class="line" aria-expanded=${String(isOpen)} onClick=${() => setOpen(!isOpen)}>
      ${when}
      <span class="way ${direction}" title=${word(direction)}>
        <span aria-hidden="true">${direction === "in" ? "→" : "←"}</span><span class="unseen">${word(direction)}</span>
      </span>
      <span class="name">${op} ${name}</span><span class="seq">#${seq}</span><span class="bytes">${number(bytes)} B</span>
      <span class="id body">${code > 0 && `${code} `}${JSON.stringify(body)}</span>
    </button>
    ${isOpen && html`<${Json} value=${body} />`}
  </li>`;
}
