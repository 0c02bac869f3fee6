import {createCore} from "./core.js";

/** Requests by method: the op, and the fields of the body. */
const REQUESTS = {
  read: [209, "session_id", "message_id"],
  recall: [211, "session_id", "message_id"],
  join: [301, "id", "name"],
  leave: [303, "id"],
  rename: [307, "id", "name"],
  dismiss: [309, "id"],
  remove: [311, "id", "user_id"],
  mute: [313, "id", "user_id", "seconds"],
  appoint: [315, "id", "user_id", "role"],
};

/** Returns what the server wrote, with the names in camel case. */
function camel(value) {
  if (Array.isArray(value)) return value.map(camel);
  if (value?.constructor !== Object) return value;
  const name = key => key.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [name(key), camel(each)]));
}

/** A request or a send failed. */
export class GimError extends Error {
  name = "GimError";
  constructor(code, message) {
    super(message);
    this.code = code;
    this.temporary = [429, 503, "closed", "timeout"].includes(code);
  }
}

/** Keeps the state for another client on the same page. */
export class MemoryStore {
  load = () => this.state;
  save = state => (this.state = state);
}

/** Keeps the state in `localStorage`, or in a storage like it. */
export class LocalStore {
  constructor(key, storage = localStorage) {
    this.load = () => JSON.parse(storage.getItem(key));
    this.save = state => storage.setItem(key, JSON.stringify(state));
  }
}

/** A promise that the application may ignore. `start` gets the function that settles it. */
function promise(start) {
  const promised = new Promise((resolve, reject) =>
    start((code, msg, data) => (code ? reject(new GimError(code, msg)) : resolve(camel(data)))),
  );
  promised.catch(() => {});
  return promised;
}

/** One user at one server: gim.d.ts describes it. */
export class Gim {
  #core;
  #handlers = {}; // sets by kind
  #waiters = []; // of connect
  #gone; // a promise that the last socket is closed

  constructor(url, {token, store, WebSocket = globalThis.WebSocket, ...options}) {
    if (!/^wss?:/.test(url)) throw new TypeError("the URL of a WebSocket begins with ws: or wss:");
    if (!WebSocket) throw new TypeError("there is no WebSocket here: pass one");
    let socket, timer;
    let isListening = false;
    let question = 0; // counts the calls of the token function

    const open = number => {
      const tell = (input, ...values) => this.#core[input](number, ...values);
      try {
        socket = new WebSocket(url, "gim.json");
      } catch ({message}) {
        socket = null;
        return queueMicrotask(() => tell("ended", 1006, message));
      }
      socket.onopen = () => tell("opened");
      socket.onmessage = ({data}) => tell("received", data);
      socket.onclose = ({code, reason}) => tell("ended", code, reason);
      socket.onerror = () => {}; // without it, the package ws throws
      socket.on?.("unexpected-response", (request, {statusCode, headers}) => {
        tell("refused", statusCode, +headers["retry-after"] || 0);
        request.destroy();
      });
    };

    const close = code => {
      if (!socket) return;
      socket.onopen = socket.onmessage = null;
      this.#gone = new Promise(resolve => {
        const late = setTimeout(resolve, 2000);
        socket.onclose = () => resolve(clearTimeout(late));
      });
      socket.close(code);
    };

    const ask = () => {
      const asked = ++question;
      const tell = (input, value) => asked === question && this.#core[input](value);
      new Promise(resolve => resolve(token())).then(
        value => tell("token", value ?? null),
        error => tell("noToken", String(error)),
      );
    };

    const onPage = ({type}) =>
      this.#core[type === "pagehide" || (type === "visibilitychange" && document.hidden) ? "save" : "wake"]();

    const settled = deadline => {
      const {state, change, user} = this.#core;
      const isClosed = state === "closed";
      if (isClosed || state === "online") {
        const code = isClosed && change.code;
        for (const done of this.#waiters.splice(0)) done(code, change.reason || "the client is closed", user);
      }
      if (isListening === isClosed) {
        isListening = !isClosed;
        for (const type of ["visibilitychange", "online", "pageshow", "pagehide"]) {
          globalThis[isClosed ? "removeEventListener" : "addEventListener"]?.(type, onPage);
        }
      }
      clearTimeout(timer);
      const ms = Math.ceil((deadline - now()) * 1000);
      timer = ms < Infinity && setTimeout(() => this.#core.tick(), Math.min(ms, 2 ** 31 - 1));
      if (isClosed) timer?.unref?.(); // in Node, it keeps no process alive then
      queueMicrotask(() => this.#deliver());
    };

    const now = () => (performance.timeOrigin + performance.now()) / 1000;
    const save = store && (state => this.#guard("store", () => store.save(state)));
    const io = {now, open, write: text => socket.send(text), close, ask, save, settled};
    options.token = typeof token === "function" || token;
    try {
      this.#core = createCore({...options, state: store?.load()}, io);
    } catch (cause) {
      this.#core = createCore(options, io);
      this.#core.report({code: "store", msg: String(cause), cause});
    }
    for (const entry of this.#core.unsent) {
      const {type, target_id, content, category} = entry;
      const to = type === 1 ? {chatroom: target_id} : target_id;
      this.#pending(to, content, category, done => Object.assign(entry, {done}));
    }
    this.#core.save(); // begins the timers of what was loaded
  }

  get state() {
    return this.#core.state;
  }

  get user() {
    return this.#core.user;
  }

  get unsent() {
    return [...this.#core.unsent].map(entry => entry.pending);
  }

  connect() {
    return promise(done => {
      this.#waiters.push(done);
      this.#core.connect();
    });
  }

  async close() {
    this.#core.close();
    await this.#gone;
  }

  wake() {
    this.#core.wake();
  }

  on(kind, f, {signal} = {}) {
    const handlers = (this.#handlers[kind] ??= new Set());
    const handler = data => f(data); // so that a function can be added twice
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
    const target = typeof to === "object" ? [1, to.chatroom] : [2, to];
    return this.#pending(to, content, category, done => this.#core.send(...target, content, category, done));
  }

  #pending(to, content, category, start) {
    let entry;
    const pending = promise(done => (entry = start(done)));
    const retry = () => this.send(to, content, {category});
    const cancel = () => this.#core.cancel(entry);
    const get = () => {
      const {code = entry.epoch === null ? "waiting" : "sending"} = entry;
      return code === 0 ? "sent" : /ing$|uncertain/.test(code) ? code : "failed";
    };
    Object.assign(pending, {requestId: entry.request_id, to, content, category, retry, cancel});
    return (entry.pending = Object.defineProperty(pending, "status", {get}));
  }

  request(op, body) {
    return promise(done => this.#core.request(op, body, done));
  }

  history(session, {before, count} = {}) {
    return this.request(203, {session_id: session, message_id: before, count});
  }

  async *all(session, before) {
    for (let hasMore = true; hasMore; ) {
      const page = await this.history(session, {before, count: 100});
      before = page.items[0]?.id;
      hasMore = page.hasMore && before;
      yield* page.items.reverse();
    }
  }

  async fill({sessionId, after, before, skipped}) {
    const found = [];
    for await (const message of this.all(sessionId, before ?? undefined)) {
      if (message.id <= after) break;
      found.unshift(message);
      if (after === null && found.length === skipped) break;
    }
    return found;
  }

  /** Reads all pages of a list; an item may come twice: the last one counts. */
  async #list(op, body) {
    const items = new Map();
    do {
      const page = await this.request(op, body);
      for (const item of page.items) items.set(item.id, item);
      body.cursor = page.cursor;
    } while (body.cursor);
    return [...items.values()];
  }

  sessions(type) {
    return this.#list(205, {session_type: type, count: 200});
  }

  members(room) {
    return this.#list(305, {id: room, count: 1000});
  }

  /** Calls a function of the application; when it fails, now or later, that is an event. */
  #guard(code, f) {
    new Promise(resolve => resolve(f())).catch(cause => this.#core.report({code, msg: String(cause), cause}));
  }

  #deliver() {
    for (let event; (event = this.#core.nextEvent()); ) {
      const [kind, data] = event;
      for (const handler of [...(this.#handlers[kind] ?? [])]) {
        if (this.#handlers[kind].has(handler)) this.#guard("handler", () => handler(camel(data)));
      }
    }
  }
}

for (const [name, [op, ...fields]] of Object.entries(REQUESTS)) {
  Gim.prototype[name] = function (...values) {
    return this.request(op, Object.fromEntries(fields.map((field, i) => [field, values[i]])));
  };
}
