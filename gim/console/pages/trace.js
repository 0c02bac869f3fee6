// What a user sends and receives, live.
import { html, useEffect, useRef, useState } from "./html.js";
import { path, stream } from "./api.js";
import { words } from "./i18n.js";
import { Button, CopyButton, Field, Json, Notice, Page, Time, UserLink, announce, go } from "./widgets.js";
import { clock, number, span } from "./format.js";

const KEPT = 500; // lines in the page
const PAUSE = 100; // ms between two drawings
const SECONDS = ["60", "300", "600"];
const word = words("trace");

export default function Trace({ params, query }) {
  const [id] = params;
  return html`<${Page} title=${id ? word("one", { id }) : word("title")} lead=${word("lead")}>
    <${Begin} id=${id} query=${query} />
    ${id && html`<${Running} key=${`${query.content} ${query.seconds}`} id=${id} content=${query.content ?? ""} seconds=${query.seconds ?? "600"} />`}
  <//>`;
}

function Begin({ id = "", query }) {
  const [values, setValues] = useState({ id, seconds: query.seconds ?? "600", content: query.content === "true" });
  const set = (name) => (value) => setValues((before) => ({ ...before, [name]: value }));
  const submit = (event) => {
    event.preventDefault();
    go("trace", [values.id.trim()], { seconds: values.seconds, content: values.content ? "true" : "" });
  };
  return html`<form class="filters" onSubmit=${submit}>
    <${Field} label=${word("user")} value=${values.id} onInput=${set("id")} required />
    <${Field} label=${word("seconds")} type="select" value=${values.seconds} options=${SECONDS.map((each) => [each, span(each * 1000)])} onInput=${set("seconds")} />
    <${Field} label=${word("content")} type="checkbox" value=${values.content} onInput=${set("content")} />
    <${Button} type="submit" kind="primary">${word("begin")}<//>
  </form>`;
}

/** Keep the lines of a trace; they are drawn together, however many arrive. */
function useTrace(id, content, seconds) {
  const [shown, setShown] = useState({ lines: [] });
  const state = useRef({ lines: [], count: 0, dropped: 0 });
  const control = useRef();
  useEffect(() => {
    control.current = new AbortController();
    let drawing = null;
    const draw = () => {
      drawing ??= setTimeout(() => {
        drawing = null;
        setShown({ ...state.current });
      }, PAUSE);
    };
    const change = (changed) => {
      Object.assign(state.current, changed);
      draw();
    };
    const onEvent = (name, data) => {
      const { lines, count, dropped } = state.current;
      if (name === "begin") change({ begun: data });
      else if (name === "end") {
        change({ ended: data.reason });
        control.current.abort();
      } else if (name === "dropped") change({ dropped: dropped + data.count });
      else {
        change({ lines: [{ ...data, name: data.name ?? data.change, line: count }, ...lines].slice(0, KEPT), count: count + 1 });
        announce(word("count", { n: count + 1 }));
      }
    };
    const onState = (now, error) => change({ error: now === "open" ? null : error, isRefused: now === "refused" });
    stream(path`/v1/admin/users/${id}/trace`, { query: { content, seconds }, onEvent, onState, evenHidden: true }, control.current.signal);
    return () => {
      clearTimeout(drawing);
      control.current.abort();
    };
  }, []);
  const stop = () => {
    control.current.abort();
    state.current.ended = "stopped";
    setShown({ ...state.current });
  };
  const clear = () => {
    state.current.lines = [];
    setShown({ ...state.current });
  };
  return { ...shown, stop, clear };
}

function Running({ id, content, seconds }) {
  const { lines, begun, ended, error, isRefused, dropped, stop, clear } = useTrace(id, content, seconds);
  const [isPaused, setPaused] = useState(null); // the lines of then
  const visible = isPaused ?? lines;
  const state = ended ? word(`end_${ended}`) : begun ? html`${word("until")} <${Time} at=${begun.until} />` : word("starting");
  return html`<div class="row">
      <span class="state"><span class="dot ${begun && !ended && !error ? "on" : ""}"></span><span>${state}</span></span>
      <${UserLink} id=${id} />
      ${!ended && html`<${Button} onClick=${stop}>${word("stop")}<//>`}
      <${Button} onClick=${() => setPaused(isPaused ? null : lines)} aria-pressed=${String(Boolean(isPaused))}>${word("pause")}<//>
      <${Button} onClick=${clear}>${word("clear")}<//>
      <${CopyButton} text=${() => visible.map((each) => JSON.stringify(each)).reverse().join("\n")} label=${word("copy")} />
    </div>
    ${error && html`<${Notice} kind="error">${word(isRefused ? "refused" : "lost", { reason: error.msg })}<//>`}
    ${dropped > 0 && html`<${Notice} kind="warning">${word("dropped", { n: dropped })}<//>`}
    ${content === "true" && html`<${Notice} kind="warning">${word("content_shown")}<//>`}
    ${visible.length ? html`<ol class="lines" aria-label=${word("packets")}>${visible.map((each) => html`<${Line} key=${each.line} line=${each} />`)}</ol>` : html`<p class="empty">${word("nothing")}</p>`}`;
}

function Line({ line }) {
  const [isOpen, setOpen] = useState(false);
  const { at, direction, key, name, op, seq, code, bytes, body, peer, reason } = line;
  const arrow = direction === "in" ? "→" : direction === "out" ? "←" : "";
  const way = direction ? word(direction) : word("connection");
  if (!direction) {
    return html`<li class="line change"><span class="id">${clock(at)}</span><span>${word(`change_${name}`)}</span><span class="id">${key} ${peer}</span>${code ? `${code} ${reason}` : ""}</li>`;
  }
  return html`<li class=${code ? "failed" : ""}>
    <button type="button" class="line" aria-expanded=${String(isOpen)} onClick=${() => setOpen(!isOpen)}>
      <span class="id">${clock(at)}</span><span class="way ${direction}" title=${way}><span aria-hidden="true">${arrow}</span><span class="unseen">${way}</span></span>
      <span class="name">${op} ${name}</span><span class="seq">#${seq}</span><span class="bytes">${number(bytes)} B</span>
      <span class="id body">${code ? `${code} ` : ""}${JSON.stringify(body)}</span>
    </button>
    ${isOpen && html`<${Json} value=${body} />`}
  </li>`;
}
