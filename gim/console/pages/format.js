// Numbers, sizes and times as the language of the page writes them. What is not known is written "–".
import { language } from "./i18n.js";

export const UNKNOWN = "–";
const SIZES = ["B", "KiB", "MiB", "GiB", "TiB"];
const SPANS = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1000],
];
const DURATIONS = [600, 3600, 86_400, 604_800, 2_592_000, 31_536_000]; // seconds
const formats = new Map();

function format(Kind, options) {
  const key = `${Kind.name} ${language} ${JSON.stringify(options)}`;
  if (!formats.has(key)) formats.set(key, new Kind(language === "zh" ? "zh-CN" : language, options));
  return formats.get(key);
}

function isUnknown(value) {
  return value === null || value === undefined || Number.isNaN(value);
}

/** Write a number with at most *digits* after the point. */
export function number(value, digits = 0) {
  if (isUnknown(value)) return UNKNOWN;
  return format(Intl.NumberFormat, { maximumFractionDigits: digits }).format(value);
}

/** Write a rate per second: small ones with a digit after the point. */
export function rate(value) {
  return isUnknown(value) ? UNKNOWN : `${number(value, Math.abs(value) < 10 ? 1 : 0)}/s`;
}

/** Write a number of bytes: "512 B", "1.5 MiB". */
export function size(bytes) {
  if (isUnknown(bytes)) return UNKNOWN;
  let step = 0;
  while (Math.abs(bytes) >= 1024 && step < SIZES.length - 1) {
    bytes /= 1024;
    step += 1;
  }
  return `${number(bytes, step && Math.abs(bytes) < 100 ? 1 : 0)} ${SIZES[step]}`;
}

/** Write a rate of bytes: "1.5 MiB/s". */
export function bytesPerSecond(bytes) {
  return isUnknown(bytes) ? UNKNOWN : `${size(bytes)}/s`;
}

/** Write a share of 1 in percent. */
export function percent(share) {
  if (isUnknown(share)) return UNKNOWN;
  return format(Intl.NumberFormat, { style: "percent", maximumFractionDigits: share < 0.1 ? 1 : 0 }).format(share);
}

/** Write milliseconds, "0.8 ms" or "120 ms": for delays that should be short. */
export function milliseconds(ms) {
  return isUnknown(ms) ? UNKNOWN : `${number(ms, ms < 10 ? 1 : 0)} ms`;
}

/** Write how long something took, with its two largest units: "2d 4h", "3m 20s". */
export function span(ms) {
  if (isUnknown(ms)) return UNKNOWN;
  if (ms < 1000) return milliseconds(ms);
  const first = SPANS.findIndex(([, length]) => ms >= length);
  let rest = ms;
  const parts = [];
  for (const [unit, length] of SPANS.slice(first, first + 2)) {
    const count = Math.floor(rest / length);
    rest -= count * length;
    const options = { style: "unit", unit, unitDisplay: "narrow" };
    if (count) parts.push(format(Intl.NumberFormat, options).format(count));
  }
  return parts.join(" ");
}

/** For how long to ban or mute: what can be chosen, as [seconds, words]. */
export function durations() {
  return DURATIONS.map((each) => [String(each), span(each * 1000)]);
}

/** Write a time of Unix ms: only that of the day if it is today. */
export function time(ms) {
  if (!ms) return UNKNOWN;
  const at = new Date(ms);
  const options = { timeStyle: "medium", hourCycle: "h23" };
  if (at.toDateString() !== new Date().toDateString()) options.dateStyle = "medium";
  return format(Intl.DateTimeFormat, options).format(at);
}

/** Write a time of Unix ms with its milliseconds: for lines that follow each other. */
export function clock(ms) {
  const options = {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    fractionalSecondDigits: 3,
    hourCycle: "h23",
  };
  return ms ? format(Intl.DateTimeFormat, options).format(new Date(ms)) : UNKNOWN;
}
