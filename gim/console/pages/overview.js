// What the server does now: figures, what is wrong, an hour as a chart, and each node.
import { html, useEffect, useRef, useState } from "./html.js";
import { stream } from "./api.js";
import { has, words } from "./i18n.js";
import { Loading, Notice, Page, Section, Spark, Table, announce } from "./widgets.js";
import { bytesPerSecond, milliseconds, number, percent, rate, size, span, time } from "./format.js";
import { Chart } from "./chart.js";
import { Rings } from "./rings.js";

const word = words("overview");
const LATE = 4000; // ms without a sample after which figures are of the past
const seconds = (value) => span(value === null || value === undefined ? null : value * 1000);
const refusals = (sample) => sample.refusals && Object.values(sample.refusals).reduce((sum, each) => sum + each, 0);

// [key of a sample or what makes it of one, how it is written]
const GROUPS = [
  [
    "traffic",
    {
      messages_in: rate,
      messages_out: rate,
      frames_out: rate,
      requests: rate,
      bytes_in: bytesPerSecond,
      bytes_out: bytesPerSecond,
    },
  ],
  [
    "presence",
    { connections: number, users: number, chatrooms: number, messages: number, logins: rate, refusals: rate },
  ],
  [
    "delay",
    {
      send_p50_ms: milliseconds,
      send_p99_ms: milliseconds,
      reactor_delay_ms: milliseconds,
      cpu: percent,
      rss: size,
      unsent: size,
    },
  ],
  ["work", { slow_readers: rate, http_requests: rate, webhook_queue: number, webhook_oldest_s: seconds }],
];
const SEVERE = new Set(["overloaded", "not_ready", "storage_down", "no_answer"]);

function valueOf(sample, key) {
  return key === "refusals" ? refusals(sample) : sample[key];
}

export default function Overview({ session }) {
  const rings = useRef(new Rings());
  const [live, setLive] = useState({});
  const isLate = useLateness(live);
  useEffect(() => {
    const control = new AbortController();
    const onEvent = (name, data) => {
      if (name === "history") rings.current = new Rings(data);
      if (name !== "sample") return;
      rings.current.add(data.total);
      setLive({ ...data, heardAt: Date.now() });
    };
    const onState = (state, error) =>
      state !== "open" && setLive((before) => ({ ...before, error, isRefused: state === "refused" }));
    stream("/v1/admin/live", { onEvent, onState }, control.signal);
    return () => control.abort();
  }, []);
  useNews(live.warnings);
  const isStale = isLate || Boolean(live.error);
  return html`<${Page} title=${word("title")} actions=${live.total && html`<${State} live=${live} session=${session}
    isStale=${isStale} />`}>
    <${Stopped} live=${live} isLate=${isLate} />
    ${live.total ? html`<${Figures} live=${live} rings=${rings.current}
      isStale=${isStale} />` : !live.error && html`<${Loading} />`}
  <//>`;
}

/** Say whether the newest sample is too old, also when nothing arrives any more. */
function useLateness({ heardAt }) {
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    setLate(false);
    const timer = setTimeout(() => setLate(Boolean(heardAt)), LATE);
    return () => clearTimeout(timer);
  }, [heardAt]);
  return isLate;
}

/** Tell a screen reader what is wrong since the last sample. */
function useNews(warnings = []) {
  const known = useRef(new Set());
  const words = warnings.map(inWords);
  useEffect(() => {
    const fresh = words.filter((each) => !known.current.has(each));
    known.current = new Set(words);
    if (fresh.length) announce(fresh.join(". "));
  }, [words.map((each) => each.replace(/[\d.,]+/g, "")).join()]);
}

/** Say in the page's language what is wrong; what it has no words for is said in the server's. */
function inWords({ code, detail, text }) {
  const key = `warning_${code}${code === "overloaded" ? `_${detail.limit}` : ""}`;
  if (!has(`overview.${key}`)) return text;
  const delay = milliseconds(detail.reactor_delay_ms);
  const words = word(key, { ...detail, delay, rss: size(detail.rss), waited: seconds(detail.seconds) });
  return detail.is_enforced === false ? `${words} (${word("trial")})` : words;
}

function State({ live, session, isStale }) {
  const state = isStale ? word("stopped") : word("live");
  return html`<p class="state"><span class="dot ${isStale ? "off" : "on"}"></span><span>${state}</span>
    <span class="muted">${word("nodes", { n: live.nodes.length })}, gim ${session.version}, ${word(session.journal ? "storage_journal" : `storage_${session.storage}`)}</span></p>`;
}

function Stopped({ live, isLate }) {
  if (live.isRefused) return html`<${Notice} kind="error">${word("refused", { reason: live.error.msg })}<//>`;
  if (live.error) return html`<${Notice} kind="error">${word("lost", { reason: live.error.msg })}<//>`;
  return isLate && html`<${Notice} kind="error">${word("late")}<//>`;
}

function Figures({ live, rings, isStale }) {
  return html`<${Warnings} warnings=${live.warnings} isStale=${isStale} />
    <div class="groups ${isStale ? "stale" : ""}">
      ${GROUPS.map(([name, figures]) => html`<${Group} key=${name} name=${name} figures=${figures} live=${live}
        rings=${rings} />`)}
    </div>
    <${Chart} rings=${rings} isStale=${isStale} />
    <${Nodes} nodes=${live.nodes} isStale=${isStale} />`;
}

function Warnings({ warnings, isStale }) {
  if (isStale) return null;
  if (!warnings.length) return html`<p class="fine">${word("no_warnings")}</p>`;
  return html`<ul class="warnings" aria-label=${word("warnings")}>${warnings.map(
    (each) => html`<li key=${each.code + each.node + each.text}
    class="notice ${SEVERE.has(each.code) ? "error" : "warning"}">
      ${inWords(each)}${each.node && html` <span class="id">${each.node}</span>`}
    </li>`,
  )}</ul>`;
}

function Group({ name, figures, live, rings }) {
  const shown = Object.entries(figures).filter(
    ([key]) => valueOf(live.total, key) !== undefined && (!key.startsWith("webhook") || live.total[key] !== null),
  );
  return html`<section class="group"><h2>${word(`group_${name}`)}</h2>
    <dl>${shown.map(
      ([
        key,
        write,
      ]) => html`<${Figure} key=${key} name=${word(`${key}`)} write=${write} value=${valueOf(live.total, key)}
      values=${rings.second.map((each) => valueOf(each, key) ?? null)} />`,
    )}</dl>
    ${"refusals" in figures && html`<${Refusals} refusals=${live.total.refusals} />`}</section>`;
}

/** Which limits refuse now. */
function Refusals({ refusals }) {
  const limits = Object.entries(refusals ?? {});
  return (
    limits.length > 0 &&
    html`<p class="muted">${word("refusals")}: ${limits.map(([limit, times]) => `--${limit} ${rate(times)}`).join(", ")}</p>`
  );
}

function Figure({ name, write, value, values }) {
  const known = values.filter((each) => each !== null);
  const label = word("spark", {
    low: write(known.length ? Math.min(...known) : null),
    high: write(known.length ? Math.max(...known) : null),
  });
  return html`<div><dt>${name}</dt><dd><b>${write(value)}</b><${Spark} values=${values}
    label=${`${name}: ${label}`} /></dd></div>`;
}

/** Says which process of its node a row is of, if the node has several. */
function processOf(row) {
  if (row.worker) return word("worker", { number: String(row.worker) });
  return row.ready === null ? word("parent") : "";
}

function Nodes({ nodes, isStale }) {
  const columns = [
    {
      key: "node",
      head: true,
      render: (row) => html`<span class="id">${row.node}</span> ${processOf(row)}`,
    },
    { key: "state", render: (row) => html`<${NodeState} node=${row} />` },
    { key: "version" },
    {
      key: "started_at",
      number,
      render: (row) => html`<span title=${time(row.started_at)}>${span(Date.now() - row.started_at)}</span>`,
    },
    { key: "connections", number },
    { key: "messages_in", number: rate },
    { key: "messages_out", number: rate },
    { key: "send_p99_ms", number: milliseconds },
    { key: "reactor_delay_ms", number: milliseconds },
    { key: "cpu", number: percent },
    { key: "rss", number: size },
    { key: "unsent", number: size },
  ];
  return html`<${Section} title=${word("nodes_title")}>
    <${Table} columns=${columns} word=${word} rows=${nodes} rowKey=${(row) => `${row.node} ${row.worker}`}
      label=${word("nodes_title")} isFaded=${isStale} />
  <//>`;
}

function NodeState({ node }) {
  if (node.ready === null) return null; // the parent of workers serves no clients
  const state = !node.storage_up ? "no_storage" : node.ready ? "ready" : "not_ready";
  return html`<span class="state"><span class="dot ${state === "ready" ? "on" : "bad"}"></span>${word(state)}</span>`;
}
