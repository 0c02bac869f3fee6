// The last hour as a chart, drawn by uPlot, which is loaded with the first one.
import { html, useEffect, useRef, useState } from "./html.js";
import { language, t, words } from "./i18n.js";
import { ErrorNotice, Field, Section } from "./widgets.js";
import { bytesPerSecond, milliseconds, number, percent, rate, size } from "./format.js";

const word = words("overview");
const HEIGHT = 200; // px
const HOUR = 3600; // seconds
const CHOICES = {
  messages_in: [rate, ["messages_in"]],
  messages_out: [rate, ["messages_out", "frames_out"]],
  connections: [number, ["connections", "users"]],
  delay: [milliseconds, ["send_p50_ms", "send_p99_ms", "reactor_delay_ms"]],
  bytes: [bytesPerSecond, ["bytes_in", "bytes_out"]],
  cpu: [percent, ["cpu"]],
  memory: [size, ["rss", "unsent"]],
};
let loading;

function load() {
  loading ??= new Promise((resolve, reject) => {
    const style = document.createElement("link");
    style.rel = "stylesheet";
    style.href = "vendor/uplot/uPlot.min.css";
    const script = document.createElement("script");
    const policy = globalThis.trustedTypes?.createPolicy("gim-chart", { createScriptURL: (url) => url });
    const url = "vendor/uplot/uPlot.iife.min.js";
    script.src = policy ? policy.createScriptURL(url) : url;
    script.onload = () => resolve(globalThis.uPlot);
    script.onerror = () => {
      loading = null;
      reject(new Error(t("common.no_answer")));
    };
    document.head.append(style, script);
  });
  return loading;
}

/** The series of an hour, with a choice of them. */
export function Chart({ rings, isStale }) {
  const [choice, setChoice] = useState("messages_in");
  const [error, setError] = useState(null);
  const options = Object.keys(CHOICES).map((each) => [each, word(`chart_${each}`)]);
  const choose = html`<${Field} class="inline" label=${word("chart_choice")} type="select" value=${choice}
    options=${options} onInput=${setChoice} />`;
  return html`<${Section} title=${word("chart_title")} actions=${choose}>
    <${ErrorNotice} error=${error} />
    <${Plot} key=${`${choice} ${language}`} choice=${choice} rings=${rings} isStale=${isStale} onError=${setError} />
  <//>`;
}

function Plot({ choice, rings, isStale, onError }) {
  const place = useRef();
  const plot = useRef();
  const [write, keys] = CHOICES[choice];
  const samples = rings.hour;
  const data = [samples.map(({ at }) => at / 1000), ...keys.map((key) => samples.map((each) => each[key] ?? null))];
  const newest = useRef();
  newest.current = data;
  useEffect(() => {
    const element = place.current; // the page may go while the chart is loaded
    let isGone = false;
    const begin = (uPlot) => {
      if (isGone) return;
      plot.current = new uPlot(optionsOf(element, write, keys), newest.current, element);
    };
    load().then(begin, onError);
    const fit = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: HEIGHT }));
    fit.observe(element);
    const redraw = () => plot.current?.redraw(false);
    addEventListener("theme", redraw);
    return () => {
      isGone = true;
      fit.disconnect();
      removeEventListener("theme", redraw);
      plot.current?.destroy();
    };
  }, []);
  useEffect(() => plot.current?.setData(data), [data[0].at(-1)]);
  const high = keys
    .map((key, i) => word("chart_series", { name: word(`${key}`), high: write(highest(data[i + 1])) }))
    .join("; ");
  return html`<div class="panel chart ${isStale ? "stale" : ""}" ref=${place} role="img"
    aria-label=${`${word("chart_title")}: ${high}`}>
    <i class="series-1"></i><i class="series-2"></i><i class="series-3"></i><i class="axis"></i><i class="grid"></i>
  </div>`;
}

function highest(values) {
  const known = values.filter((each) => each !== null);
  return known.length ? Math.max(...known) : null;
}

/** Options of uPlot. It asks for colours at each drawing, so they follow the theme. */
function optionsOf(place, write, keys) {
  const colour = (name) => () => getComputedStyle(place.querySelector(`.${name}`)).color;
  const axis = {
    stroke: colour("axis"),
    grid: { stroke: colour("grid"), width: 1 },
    ticks: { show: false },
    font: "12px system-ui",
  };
  const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const inWords = (_, values) => values.map((each) => write(each));
  return {
    width: place.clientWidth,
    height: HEIGHT,
    cursor: { y: false, drag: { x: false, y: false } },
    scales: {
      x: { range: (_, first, last) => [last - HOUR, last] },
      y: { range: (_, low, high) => [0, high > 0 ? high * 1.08 : 1] },
    },
    axes: [
      { ...axis, values: (_, values) => values.map((each) => clock.format(each * 1000)), space: 70, size: 28 },
      { ...axis, values: inWords, size: 78 },
    ],
    series: [
      { label: word("time"), value: (_, at) => (at === null ? "–" : clock.format(at * 1000)) },
      ...keys.map((key, i) => ({
        label: word(`${key}`),
        stroke: colour(`series-${i + 1}`),
        width: 1.5,
        value: (_, value) => write(value),
        points: { show: false },
      })),
    ],
  };
}
