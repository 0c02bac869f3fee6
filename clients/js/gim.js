import {createCore} from "./core.js";

/** Returns what the server wrote, with names in camel case. */
function camel(value) {
  if (Array.isArray(value)) return value.map(camel);
  if (value?.constructor !== Object) return value;
  const name = key => key.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [name(key), camel(each)]));
}

export class GimError extends Error {
  constructor(code, message) {
    const temporary = [429, 503, "closed", "timeout"].includes(code);
    Object.assign(super(message), {name: "GimError", code, temporary});
  }
}

/** Keeps the state for another client on the same page. */
export class MemoryStore {
  load = () => this.state;
  save = state => (this.state = state);
}

export class LocalStore {
  constructor(key, storage = localStorage) {
    this.load = () => JSON.parse(storage.getItem(key));
    this.save = state => storage.setItem(key, JSON.stringify(state));
  }
}

/** A promise that the application may ignore; `start` gets what settles it. */
function promise(start) {
  const promised = new Promise((resolve, reject) =>
    start((code, msg, data) => (code ? reject(new GimError(code, msg)) : resolve(camel(data)))),
  );
  promised.catch(() => {});
  return promised;
}

const now = () => (performance.timeOrigin + performance.now()) / 1000; // nothing sets it
const attempt = f => new Promise(resolve => resolve(f()));

/** gim.d.ts describes it. */
export class Gim {
  #core;
  #handlers = {}; // sets by kind
  #gone; // a promise that the last socket is closed

  constructor(url, {token, store, WebSocket = globalThis.WebSocket, ...options}) {
    if (!WebSocket) throw TypeError("pass a WebSocket: this platform has none");
    let socket, timer;
    let questions = 0;

    /** Calls a function of the application. */
    const guard = (code, f) =>
      attempt(f).catch(cause => code && this.#core.report({code, msg: String(cause), cause}));

    const onPage = ({type}) => {
      const hides = type === "pagehide" || (type === "visibilitychange" && document.hidden);
      this.#core[hides ? "save" : "wake"]();
    };

    const io = {
      now,
      open: number => {
        const ended = (...end) => this.#core.ended(number, ...end);
        try {
          socket = new WebSocket(url, "gim.json");
        } catch ({message}) {
          socket = null;
          return queueMicrotask(() => ended(400, message, 0));
        }
        socket.onopen = () => this.#core.opened(number);
        socket.onmessage = ({data}) => this.#core.received(number, data);
        socket.onclose = ({code, reason}) => ended(code, reason);
        socket.onerror = () => {}; // the package ws throws without it
        socket.on?.("unexpected-response", (request, {statusCode, statusMessage, headers}) => {
          request.destroy();
          ended(statusCode, statusMessage, +headers["retry-after"] || 0);
        });
      },
      write: text => socket.send(text),
      close: code => {
        if (!socket) return;
        socket.onopen = socket.onmessage = null;
        this.#gone = new Promise(resolve => {
          const late = setTimeout(resolve, 2000);
          socket.onclose = () => resolve(clearTimeout(late));
        });
        socket.close(code);
      },
      ask: () => {
        const question = ++questions;
        const answer = (...values) => question === questions && this.#core.token(...values);
        attempt(token).then((value = null) => answer(value), error => answer(null, String(error)));
      },
      save: store && (state => guard("store", () => store.save(state))),
      settled: (deadline, state, user) => {
        Object.assign(this, {state, user});
        for (const type of ["visibilitychange", "online", "pageshow", "pagehide"]) {
          globalThis[state === "closed" ? "removeEventListener" : "addEventListener"]?.(type, onPage);
        }
        clearTimeout(timer);
        timer = setTimeout(() => this.#core.tick(), Math.min((deadline - now()) * 1000, 1e9));
        if (state === "closed") timer.unref?.(); // it keeps no process alive
        queueMicrotask(() => this.#core.deliver((kind, data) => {
          const code = kind === "error" ? "" : "handler";
          for (const f of [...(this.#handlers[kind] ?? [])]) guard(code, () => f(camel(data)));
        }));
      },
    };

    options.token = typeof token === "function" || token;
    try {
      this.#core = createCore({...options, saved: store?.load()}, io);
    } catch (cause) {
      this.#core = createCore(options, io);
      guard("store", () => Promise.reject(cause));
    }
    for (const entry of this.#core.unsent) this.#pend(entry, done => Object.assign(entry, {done}));
    this.#core.save(); // sets the timer
  }

  get unsent() {
    return [...this.#core.unsent].map(entry => entry.pending);
  }

  connect = () => promise(done => this.#core.connect(done));
  wake = () => this.#core.wake();

  async close() {
    this.#core.close();
    await this.#gone;
  }

  on(kind, f, {signal} = {}) {
    const handlers = (this.#handlers[kind] ??= new Set());
    const handler = data => handlers.has(handler) && f(data); // a function may be added twice
    const off = () => void handlers.delete(handler);
    if (!signal?.aborted) handlers.add(handler);
    signal?.addEventListener("abort", off);
    return off;
  }

  messages({session, signal} = {}) {
    const found = [];
    const stop = new AbortController();
    let isEnded, wake;
    this.on("message", message => {
      if (found.length <= 10_000 && (session ?? message.sessionId) === message.sessionId) found.push(message);
      wake?.();
    }, stop);
    this.on("state", ({now}) => {
      isEnded = now === "closed";
      wake?.();
    }, stop);
    signal?.addEventListener("abort", () => wake?.(), stop);
    return (async function* () {
      try {
        while (!signal?.aborted) {
          if (found.length > 10_000) throw new GimError("full", "the loop is too slow");
          if (found.length) yield found.shift();
          else if (isEnded) return;
          else await new Promise(resolve => (wake = resolve));
        }
      } finally {
        stop.abort();
      }
    })();
  }

  send(to, content, {category = "text"} = {}) {
    const [type, target_id] = to.chatroom ? [1, to.chatroom] : [2, to];
    return this.#pend({type, target_id, content, category});
  }

  #pend(message, start = done => this.#core.send(message, done)) {
    let entry;
    const pending = promise(done => (entry = start(done)));
    const {request_id, type, target_id, content, category} = entry;
    const to = type === 1 ? {chatroom: target_id} : target_id;
    const cancel = () => this.#core.cancel(entry);
    const retry = () => this.send(to, content, {category});
    const get = () => entry.status ?? (entry.epoch ? "sending" : "waiting");
    Object.assign(pending, {requestId: request_id, to, content, category, cancel, retry});
    return (entry.pending = Object.defineProperty(pending, "status", {get}));
  }

  // docs/protocol.md, section 5

  request = (op, body) => promise(done => this.#core.request(op, body, done));
  read = (session_id, message_id) => this.request(209, {session_id, message_id});
  recall = (session_id, message_id) => this.request(211, {session_id, message_id});
  join = (id, name) => this.request(301, {id, name});
  leave = id => this.request(303, {id});
  rename = (id, name) => this.request(307, {id, name});
  dismiss = id => this.request(309, {id});
  remove = (id, user_id) => this.request(311, {id, user_id});
  mute = (id, user_id, seconds) => this.request(313, {id, user_id, seconds});
  appoint = (id, user_id, role) => this.request(315, {id, user_id, role});
  sessions = session_type => this.#list(205, {session_type, count: 200});
  members = id => this.#list(305, {id, count: 1000});

  async #list(op, body) {
    const items = new Map(); // one may come twice, then the last counts
    do {
      const page = await this.request(op, body);
      for (const item of page.items) items.set(item.id, item);
      body.cursor = page.cursor;
    } while (body.cursor);
    return [...items.values()];
  }

  history(session_id, {before: message_id, count} = {}) {
    return this.request(203, {session_id, message_id, count});
  }

  async *all(session, before) {
    for (let more = true; more; ) {
      const {items, hasMore} = await this.history(session, {before, count: 100});
      before = items[0]?.id;
      more = hasMore && before;
      yield* items.reverse();
    }
  }

  async fill({sessionId, after, before, skipped}) {
    const found = [];
    for await (const message of this.all(sessionId, before ?? undefined)) {
      if (message.id <= after) break;
      found.unshift(message);
      if (!after && found.length === skipped) break;
    }
    return found;
  }
}
