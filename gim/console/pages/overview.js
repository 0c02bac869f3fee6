// What the server does now: figures, what is wrong, an hour as a chart, and each node.
import { html, useEffect, useRef, useState } from "./html.js";
import { stream } from "./api.js";
import { has, t } from "./i18n.js";
import { Loading, Notice, Page, Section, Spark, Table, announce } from "./widgets.js";
import { bytesPerSecond, milliseconds, number, percent, rate, size, span, time } from "./format.js";
import { Chart } from "./chart.js";
import { Rings } from "./rings.js";

const LATE = 4000; // ms without a sample after which figures are of the past
const seconds = (value) => span(value === null || value === undefined ? null : value * 1000);
const refusals = (sample) => sample.refusals && Object.values(sample.refusals).reduce((sum, each) => sum + each, 0);

// [key of a sample or what makes it of one, how it is written]
const GROUPS = [
  ["traffic", { messages_in: rate, messages_out: rate, frames_out: rate, requests: rate, bytes_in: bytesPerSecond, bytes_out: bytesPerSecond }],
  ["presence", { connections: number, users: number, chatrooms: number, messages: number, logins: rate, refusals: rate }],
  ["delay", { send_p50_ms: milliseconds, send_p99_ms: milliseconds, reactor_delay_ms: milliseconds, cpu: percent, rss: size, unsent: size }],
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
    const onState = (state, error) => state !== "open" && setLive((before) => ({ ...before, error, isRefused: state === "refused" }));
    stream("/v1/admin/live", { onEvent, onState }, control.signal);
    return () => control.abort();
  }, []);
  useNews(live.warnings);
  const isStale = isLate || Boolean(live.error);
  return html`<${Page} title=${t("overview.title")} actions=${live.total && html`<${State} live=${live} session=${session} isStale=${isStale} />`}>
    <${Stopped} live=${live} isLate=${isLate} />
    ${live.total ? html`<${Figures} live=${live} rings=${rings.current} isStale=${isStale} />` : !live.error && html`<${Loading} />`}
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

function inWords({ code, detail, node, text }) {
  const key = `overview.warning_${code}`;
  const words = has(key) ? t(key, detail) : text;
  return words.includes("{") ? text : words; // without the detail that the words need, the server's
}

function State({ live, session, isStale }) {
  const word = isStale ? t("overview.stopped") : t("overview.live");
  return html`<p class="state"><span class="dot ${isStale ? "off" : "on"}"></span>${word}
    <span class="muted">${t("overview.nodes", { n: live.nodes.length })}, gim ${session.version}, ${t(`overview.storage_${session.storage}`)}</span></p>`;
}

function Stopped({ live, isLate }) {
  if (live.isRefused) return html`<${Notice} kind="error">${t("overview.refused", { reason: live.error.msg })}<//>`;
  if (live.error) return html`<${Notice} kind="error">${t("overview.lost", { reason: live.error.msg })}<//>`;
  return isLate && html`<${Notice} kind="error">${t("overview.late")}<//>`;
}

function Figures({ live, rings, isStale }) {
  return html`<${Warnings} warnings=${live.warnings} isStale=${isStale} />
    <div class="groups ${isStale ? "stale" : ""}">
      ${GROUPS.map(([name, figures]) => html`<${Group} key=${name} name=${name} figures=${figures} live=${live} rings=${rings} />`)}
    </div>
    <${Chart} rings=${rings} isStale=${isStale} />
    <${Nodes} nodes=${live.nodes} isStale=${isStale} />`;
}

function Warnings({ warnings, isStale }) {
  if (isStale) return null;
  if (!warnings.length) return html`<p class="fine">${t("overview.no_warnings")}</p>`;
  return html`<ul class="warnings" aria-label=${t("overview.warnings")}>${warnings.map((each) => html`<li key=${each.code + each.node + each.text}
    class="notice ${SEVERE.has(each.code) ? "error" : "warning"}">${inWords(each)}${each.node && html` <span class="id">${each.node}</span>`}</li>`)}</ul>`;
}

function Group({ name, figures, live, rings }) {
  const shown = Object.entries(figures).filter(([key]) => valueOf(live.total, key) !== undefined && (!key.startsWith("webhook") || live.total[key] !== null));
  return html`<section class="group"><h2>${t(`overview.group_${name}`)}</h2>
    <dl>${shown.map(([key, write]) => html`<${Figure} key=${key} word=${t(`overview.${key}`)} write=${write} value=${valueOf(live.total, key)}
      values=${rings.second.map((each) => valueOf(each, key) ?? null)} />`)}</dl></section>`;
}

function Figure({ word, write, value, values }) {
  const known = values.filter((each) => each !== null);
  const label = t("overview.spark", { low: write(known.length ? Math.min(...known) : null), high: write(known.length ? Math.max(...known) : null) });
  return html`<div><dt>${word}</dt><dd><b>${write(value)}</b><${Spark} values=${values} label=${`${word}: ${label}`} /></dd></div>`;
}

function Nodes({ nodes, isStale }) {
  const column = (key, write, more) => ({ key, label: t(`overview.${key}`), number: true, render: (row) => write(row[key]), ...more });
  const columns = [
    { key: "node", label: t("overview.node"), head: true, render: (row) => html`<span class="id">${row.node}</span>${row.worker ? ` ${t("overview.worker", { number: String(row.worker) })}` : ""}` },
    { key: "state", label: t("overview.state"), render: (row) => html`<${NodeState} node=${row} />` },
    { key: "version", label: t("overview.version") },
    { key: "started_at", label: t("overview.started_at"), number: true, render: (row) => html`<span title=${time(row.started_at)}>${span(Date.now() - row.started_at)}</span>` },
    column("connections", number),
    column("messages_in", rate),
    column("messages_out", rate),
    column("send_p99_ms", milliseconds),
    column("reactor_delay_ms", milliseconds),
    column("cpu", percent),
    column("rss", size),
    column("unsent", size),
  ];
  return html`<${Section} title=${t("overview.nodes_title")}>
    <${Table} columns=${columns} rows=${nodes} rowKey=${(row) => `${row.node} ${row.worker}`} label=${t("overview.nodes_title")} isFaded=${isStale} />
  <//>`;
}

function NodeState({ node }) {
  const word = !node.storage_up ? "no_storage" : node.ready ? "ready" : "not_ready";
  return html`<span class="state"><span class="dot ${word === "ready" ? "on" : "bad"}"></span>${t(`overview.${word}`)}</span>`;
}
