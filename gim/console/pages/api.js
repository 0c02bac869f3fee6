// Requests to the HTTP API. The cookie of the console counts only with the header that each of them sends.
import { t } from "./i18n.js";
import { readEvents } from "./events.js";

const ROOT = new URL("../", document.baseURI);
const SHORTEST_PAUSE = 1000; // ms
const LONGEST_PAUSE = 15_000; // ms
const SILENCE = 20_000; // ms: a stream that lives sends a comment every 15 s
const FINAL = new Set([400, 401, 403, 404]); // another attempt would be refused, too

/** A refusal: `code` as in docs/errors.md, 0 if there was no answer; `msg` is the server's sentence. */
export class ApiError extends Error {
  constructor(code, msg) {
    super(msg);
    Object.assign(this, { code, msg });
  }
}

const noAnswer = () => new ApiError(0, t("common.no_answer"));
let whenLoggedOut = () => {};

/** Call *listener* when the server does not accept the login any more. */
export function onLoggedOut(listener) {
  whenLoggedOut = listener;
}

/** Build a path: path`/v1/users/${id}` encodes what is inserted. */
export function path(strings, ...values) {
  return String.raw({ raw: strings }, ...values.map(encodeURIComponent));
}

/** Without what is empty. */
export function known(values) {
  return Object.entries(values).filter(([, value]) => value !== "" && value !== null && value !== undefined);
}

// Each returns the data of the answer, or raises ApiError.
export const get = (where, query, signal) => ask("GET", where, { query, signal });
export const post = (where, body = {}) => ask("POST", where, { body });
export const put = (where, body = {}) => ask("PUT", where, { body });
export const patch = (where, body = {}) => ask("PATCH", where, { body });
export const del = (where) => ask("DELETE", where, {});

async function ask(method, where, more) {
  const response = await send(method, where, more);
  return (await response.json()).data;
}

/** Send a request and return its response, also for what has no envelope; raise `ApiError` if it is refused. */
export async function send(method, where, { query = {}, body, signal, headers, allowAll = false } = {}) {
  const url = new URL(where.slice(1), ROOT);
  url.search = new URLSearchParams(known(query));
  const content = body && { "Content-Type": "application/json" };
  const all = { "X-Gim-Console": "1", ...content, ...headers };
  let response;
  try {
    response = await fetch(url, {
      method,
      headers: all,
      body: body && JSON.stringify(body),
      signal,
      cache: "no-store",
    });
  } catch (error) {
    throw error.name === "AbortError" ? error : noAnswer();
  }
  if (response.ok || allowAll) return response;
  const { code = response.status, msg = `HTTP ${response.status}` } = await response.json().catch(() => ({}));
  if (code === 401) whenLoggedOut();
  throw new ApiError(code, msg);
}

/**
 * Read server-sent events until *signal* aborts, again after each loss, with growing pauses.
 *
 * `onEvent(name, data)` gets each event, `onState(state, error)` "open", "lost" (it is tried again) or
 * "refused" (it is not). While the tab is hidden nothing is read, unless *evenHidden*.
 */
export async function stream(where, { query, onEvent, onState = () => {}, evenHidden = false }, signal) {
  let pause = SHORTEST_PAUSE;
  const heard = (name, data) => {
    pause = SHORTEST_PAUSE;
    onEvent(name, data);
  };
  while (!signal.aborted) {
    if (!evenHidden) await until(() => !document.hidden, signal);
    const error = await readOnce(where, { query, heard, onState, evenHidden }, signal);
    if (signal.aborted) return;
    if (!error) continue; // the tab was hidden
    const isFinal = FINAL.has(error.code);
    onState(isFinal ? "refused" : "lost", error);
    if (isFinal) return;
    const end = Date.now() + pause * (0.75 + Math.random() / 2);
    await until(() => Date.now() >= end, signal, end - Date.now());
    pause = Math.min(pause * 1.7, LONGEST_PAUSE);
  }
}

/** Read a stream to its end; return why it ended, null if that was the page's own wish. */
async function readOnce(where, { query, heard, onState, evenHidden }, signal) {
  const attempt = new AbortController();
  let isSilent = false;
  let silence;
  const check = () => (signal.aborted || (document.hidden && !evenHidden)) && attempt.abort();
  const alive = () => {
    clearTimeout(silence);
    silence = setTimeout(() => {
      isSilent = true;
      attempt.abort();
    }, SILENCE);
  };
  const end = new AbortController();
  signal.addEventListener("abort", check, { signal: end.signal });
  document.addEventListener("visibilitychange", check, { signal: end.signal });
  alive();
  try {
    const response = await send("GET", where, { query, signal: attempt.signal });
    onState("open");
    await readEvents(response.body, heard, alive);
    return new ApiError(0, t("common.stream_ended"));
  } catch (error) {
    if (error instanceof ApiError) return error;
    return error.name === "AbortError" && !isSilent ? null : noAnswer();
  } finally {
    clearTimeout(silence);
    end.abort();
  }
}

/** Wait until *isDone*, asked when the tab is shown and after *ms*, or until *signal* aborts. */
function until(isDone, signal, ms) {
  return new Promise((resolve) => {
    const end = new AbortController();
    const check = () => {
      if (!isDone() && !signal.aborted) return;
      end.abort();
      resolve();
    };
    document.addEventListener("visibilitychange", check, { signal: end.signal });
    signal.addEventListener("abort", check, { signal: end.signal });
    if (ms) setTimeout(check, ms + 1);
    check();
  });
}
