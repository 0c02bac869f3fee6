// Requests to the HTTP API. The cookie of the console counts only with the header that each of them sends.
import { useCallback, useEffect, useRef, useState } from "./html.js";
import { t } from "./i18n.js";
import { readEvents } from "./events.js";

const ROOT = new URL("../", document.baseURI);
const HEADERS = { "X-Gim-Console": "1" };
const SHORTEST_PAUSE = 1000; // ms
const LONGEST_PAUSE = 15_000; // ms
const SILENCE = 20_000; // ms: a stream that lives sends a comment every 15 s
const FINAL = new Set([400, 401, 403, 404]); // another attempt would be refused, too

/** A refusal: `code` as in docs/errors.md, 0 if there was no answer; `msg` is the server's sentence. */
export class ApiError extends Error {
  constructor(code, msg) {
    super(msg);
    this.code = code;
    this.msg = msg;
  }
}

let whenLoggedOut = () => {};

/** Call *listener* when the server does not accept the login any more. */
export function onLoggedOut(listener) {
  whenLoggedOut = listener;
}

/** Build a path: path`/v1/users/${id}` encodes what is inserted. */
export function path(strings, ...values) {
  return String.raw({ raw: strings }, ...values.map(encodeURIComponent));
}

export const get = (where, query, signal) => ask("GET", where, { query, signal });
export const post = (where, body = {}) => ask("POST", where, { body });
export const put = (where, body = {}) => ask("PUT", where, { body });
export const patch = (where, body = {}) => ask("PATCH", where, { body });
export const del = (where, body) => ask("DELETE", where, { body });

async function ask(method, where, { query, body, signal }) {
  const response = await send(method, where, { query, body, signal });
  return (await response.json()).data;
}

/** Send a request and return its response, also for what has no envelope; raise `ApiError` if it is refused. */
export async function send(method, where, { query = {}, body, signal, headers: more, allowAll = false } = {}) {
  const url = new URL(where.replace(/^\//, ""), ROOT);
  for (const [name, value] of Object.entries(query)) {
    if (value !== "" && value !== null && value !== undefined) url.searchParams.set(name, value);
  }
  const sent = body && JSON.stringify(body);
  const headers = { ...HEADERS, ...(sent && { "Content-Type": "application/json" }), ...more };
  let response;
  try {
    response = await fetch(url, { method, headers, body: sent, signal, cache: "no-store" });
  } catch (error) {
    throw error.name === "AbortError" ? error : new ApiError(0, t("common.no_answer"));
  }
  if (!response.ok && !allowAll) throw await refusal(response);
  return response;
}

async function refusal(response) {
  const answer = await response.json().catch(() => ({}));
  const error = new ApiError(answer.code ?? response.status, answer.msg || `HTTP ${response.status}`);
  if (error.code === 401) whenLoggedOut();
  return error;
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
    if (!evenHidden) await shown(signal);
    const error = await readOnce(where, query, heard, onState, evenHidden, signal);
    if (signal.aborted) return;
    if (error && FINAL.has(error.code)) return void onState("refused", error);
    if (!error) continue; // the tab was hidden
    onState("lost", error);
    await rest(pause * (0.75 + Math.random() / 2), signal);
    pause = Math.min(pause * 1.7, LONGEST_PAUSE);
  }
}

async function readOnce(where, query, onEvent, onState, evenHidden, signal) {
  const attempt = new AbortController();
  const stop = () => attempt.abort();
  const hide = () => document.hidden && !evenHidden && stop();
  signal.addEventListener("abort", stop);
  document.addEventListener("visibilitychange", hide);
  let silence = setTimeout(stop, SILENCE);
  let isSilent = false;
  const alive = () => {
    clearTimeout(silence);
    silence = setTimeout(() => {
      isSilent = true;
      stop();
    }, SILENCE);
  };
  alive();
  try {
    const response = await send("GET", where, { query, signal: attempt.signal });
    onState("open");
    await readEvents(response.body, onEvent, alive);
    return new ApiError(0, t("common.stream_ended"));
  } catch (error) {
    if (error.name === "AbortError") return isSilent ? new ApiError(0, t("common.no_answer")) : null;
    return error instanceof ApiError ? error : new ApiError(0, t("common.no_answer"));
  } finally {
    clearTimeout(silence);
    signal.removeEventListener("abort", stop);
    document.removeEventListener("visibilitychange", hide);
  }
}

function shown(signal) {
  return new Promise((resolve) => {
    const check = () => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener("visibilitychange", check);
      resolve();
    };
    document.addEventListener("visibilitychange", check);
    signal.addEventListener("abort", check);
    check();
  });
}

function rest(ms, signal) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
    signal.addEventListener("abort", resolve);
  });
}

/**
 * Load data when *inputs* change: `{data, error, isLoading, reload}`.
 *
 * `load(signal)` returns a promise. The data of before stay until the next ones are there.
 */
export function useData(load, inputs) {
  const [state, setState] = useState({ isLoading: true });
  const current = useRef();
  const reload = useCallback(async () => {
    current.current?.abort();
    const { signal } = (current.current = new AbortController());
    setState((before) => ({ ...before, isLoading: true }));
    try {
      const data = await load(signal);
      if (!signal.aborted) setState({ data, isLoading: false });
    } catch (error) {
      if (!signal.aborted) setState((before) => ({ data: before.data, error, isLoading: false }));
    }
  }, inputs);
  useEffect(() => {
    reload();
    return () => current.current.abort();
  }, [reload]);
  return { ...state, reload };
}
