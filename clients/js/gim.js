import {createCore} from "./core.js";

const CLOSE_TIMEOUT_MS = 2000; // that the server has to answer a close
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const MESSAGE_LIMIT = 10_000; // messages that wait for a loop
const PAGE_EVENTS = ["visibilitychange", "online", "pageshow", "pagehide"];
const TEMPORARY = [429, 503, "closed", "timeout"];

/** Unix seconds that nothing sets. */
const time = () => (performance.timeOrigin + performance.now()) / 1000;

/** Returns what the server wrote, with the names in camel case. */
function camel(value) {
  if (Array.isArray(value)) return value.map(camel);
  if (value?.constructor !== Object) return value;
  const name = key => key.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [name(key), camel(each)]));
}

/** A request or a send failed. */
export class GimError extends Error {
  constructor(code, message) {
    super(message);
    Object.assign(this, {name: "GimError", code, temporary: TEMPORARY.includes(code)});
  }
}

/** Keeps the state for another client on the same page. */
export class MemoryStore {
  #state = null;
  load = () => this.#state;
  save = state => {
    this.#state = state;
  };
}

/** Keeps the state in `localStorage`, or in a storage like it. */
export class LocalStore {
  constructor(key, storage = localStorage) {
    this.load = () => JSON.parse(storage.getItem(key));
    this.save = state => storage.setItem(key, JSON.stringify(state));
  }
}

/** A message on its way: a promise of what the server says. */
class Pending extends Promise {
  static [Symbol.species] = Promise; // of `then`
  #gim;
  #entry;

  constructor(executor, gim, entry) {
    super(executor);
    this.catch(() => {}); // the application may ignore it
    const {type, target_id, content, category, request_id} = (this.#entry = entry);
    this.#gim = gim;
    const to = type === 1 ? {chatroom: target_id} : target_id;
    Object.assign(this, {requestId: request_id, to, content, category});
  }

  get status() {
    const {code, written_at} = this.#entry;
    if (code === undefined) return written_at === null ? "waiting" : "sending";
    return code === 0 ? "sent" : code === "uncertain" ? code : "failed";
  }

  cancel() {
    return this.#gim.cancel(this);
  }

  retry() {
    const {status, to, content, category} = this;
    return status === "failed" || status === "uncertain" ? this.#gim.send(to, content, {category}) : this;
  }
}

/** One user at one server. gim.d.ts describes all of it. */
export class Gim {
  #core;
  #url;
  #token;
  #store;
  #WebSocket;
  #socket;
  #left; // a promise that the last socket is gone
  #timer;
  #question = 0; // counts the calls of the token function
  #isActive = false;
  #delivers = false;
  #handlers = {}; // sets by kind
  #waiters = []; // of connect
  #replies = new Map(); // {resolve, reject, pending} by the number of a request, or a request_id

  constructor(url, {token, store, WebSocket = globalThis.WebSocket, ...options}) {
    if (!/^wss?:/.test(url)) throw new TypeError(`not the URL of a WebSocket: ${url}`);
    if (!WebSocket) throw new TypeError("this platform has no WebSocket: pass one");
    Object.assign(options, {token: typeof token === "function" || token, stores: !!store});
    this.#url = url;
    this.#token = token;
    this.#store = store;
    this.#WebSocket = WebSocket;
    try {
      this.#core = createCore(options, time(), store?.load());
    } catch (error) {
      this.#core = createCore(options, time());
      this.#core.report({code: "store", msg: String(error), cause: error});
    }
    for (const entry of this.#core.unsent()) this.#track(entry);
    this.#follow();
  }

  get state() {
    return this.#core.state;
  }

  get user() {
    return this.#core.user;
  }

  get unsent() {
    return this.#core.unsent().map(({request_id}) => this.#replies.get(request_id).pending);
  }

  connect() {
    const promise = new Promise((resolve, reject) => this.#waiters.push({resolve, reject}));
    promise.catch(() => {});
    this.#do("connect");
    return promise;
  }

  async close() {
    this.#do("close");
    await this.#left;
  }

  wake() {
    this.#do("wake");
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
    let isEnded = false;
    let wake = () => {};
    const stop = new AbortController();
    this.on("message", message => {
      if (session && session !== message.sessionId) return;
      if (found.length <= MESSAGE_LIMIT) found.push(message);
      wake();
    }, stop);
    this.on("state", ({now}) => {
      isEnded = now === "closed";
      wake();
    }, stop);
    signal?.addEventListener("abort", () => wake(), stop);
    async function* read() {
      try {
        while (!signal?.aborted) {
          if (found.length > MESSAGE_LIMIT) throw new GimError("full", "too many messages wait");
          if (found.length) yield found.shift();
          else if (isEnded) return;
          else await new Promise(resolve => (wake = resolve));
        }
      } finally {
        stop.abort();
      }
    }
    return read();
  }

  send(to, content, {category = "text"} = {}) {
    const target = to.chatroom === undefined ? [2, to] : [1, to.chatroom];
    const pending = this.#track(this.#core.send(time(), ...target, content, category));
    this.#follow();
    return pending;
  }

  cancel({requestId}) {
    return this.#do("cancel", requestId);
  }

  /** Sends any request of docs/protocol.md, section 5. */
  request(op, body) {
    const promise = new Promise((resolve, reject) => {
      this.#replies.set(this.#core.request(time(), op, body), {resolve, reject});
    });
    promise.catch(() => {});
    this.#follow();
    return promise;
  }

  history(session, {before, count} = {}) {
    return this.request(203, {session_id: session, message_id: before, count});
  }

  async *all(session, before) {
    for (let hasMore = true; hasMore; ) {
      const page = await this.history(session, {before, count: 100});
      before = page.items[0]?.id;
      yield* page.items.reverse();
      hasMore = page.hasMore && before;
    }
  }

  async fill({sessionId, after, before, skipped}) {
    const found = [];
    for await (const message of this.all(sessionId, before ?? undefined)) {
      if (after !== null && message.id <= after) break;
      found.unshift(message);
      if (after === null && found.length === skipped) break;
    }
    return found;
  }

  async #list(op, body) {
    const items = new Map(); // an item may come twice: the last one counts
    let cursor;
    do {
      const page = await this.request(op, {...body, cursor});
      for (const item of page.items) items.set(item.id, item);
      cursor = page.cursor;
    } while (cursor);
    return [...items.values()];
  }

  sessions(type) {
    return this.#list(205, {session_type: type, count: 200});
  }

  members(room) {
    return this.#list(305, {id: room, count: 1000});
  }

  join(room, name) {
    return this.request(301, {id: room, name});
  }

  async leave(room) {
    await this.request(303, {id: room});
  }

  async read(session, messageId) {
    return (await this.request(209, {session_id: session, message_id: messageId})).unread;
  }

  async recall(session, messageId) {
    await this.request(211, {session_id: session, message_id: messageId});
  }

  async rename(room, name) {
    await this.request(307, {id: room, name});
  }

  async dismiss(room) {
    await this.request(309, {id: room});
  }

  async remove(room, user) {
    await this.request(311, {id: room, user_id: user});
  }

  async mute(room, user, seconds) {
    return (await this.request(313, {id: room, user_id: user, seconds})).until;
  }

  async appoint(room, user, role) {
    await this.request(315, {id: room, user_id: user, role});
  }

  #track(entry) {
    const reply = {};
    const executor = (resolve, reject) => Object.assign(reply, {resolve, reject});
    reply.pending = new Pending(executor, this, entry);
    this.#replies.set(entry.request_id, reply);
    return reply.pending;
  }

  /** Calls the core with the time, and does what it commands. */
  #do(method, ...values) {
    const result = this.#core[method](time(), ...values);
    this.#follow();
    return result;
  }

  #follow() {
    const {commands, ends, state, change, user} = this.#core;
    while (commands.length) this.#perform(commands.shift());
    for (const [key, code, msg, data] of ends.splice(0)) {
      const {resolve, reject} = this.#replies.get(key);
      this.#replies.delete(key);
      if (code) reject(new GimError(code, msg));
      else resolve(camel(data));
    }
    if (state === "online" || state === "closed") {
      for (const {resolve, reject} of this.#waiters.splice(0)) {
        if (state === "online") resolve(user);
        else reject(new GimError(change.code, change.reason || "the client is closed"));
      }
    }
    this.#listen(state !== "closed");
    this.#setTimer();
    if (this.#delivers) return;
    this.#delivers = true;
    queueMicrotask(() => this.#deliver());
  }

  #perform({open, write, close, token, save}) {
    if (open) this.#open(open);
    if (write) this.#socket.send(write);
    if (close) this.#leave(close);
    if (token) this.#ask();
    if (save) this.#guard("store", () => this.#store.save(save));
  }

  /** Calls a function of the application; when it fails, now or later, that is an event. */
  #guard(code, f) {
    new Promise(resolve => resolve(f())).catch(cause => {
      if (!code) return console.error(cause); // a handler of errors would get its own for ever
      this.#core.report({code, msg: String(cause), cause});
      this.#follow();
    });
  }

  #open(number) {
    const tell = (method, ...values) => this.#do(method, number, ...values);
    this.#socket = null;
    try {
      const socket = (this.#socket = new this.#WebSocket(this.#url, "gim.json"));
      socket.onopen = () => tell("opened");
      socket.onmessage = ({data}) => tell("received", data);
      socket.onclose = ({code, reason}) => tell("ended", code, reason);
      socket.onerror = () => {}; // without it, the package ws throws
      socket.on?.("unexpected-response", (request, {statusCode, headers}) => {
        tell("refused", statusCode, Number(headers["retry-after"]) || 0);
        socket.terminate();
      });
    } catch (error) {
      queueMicrotask(() => tell("ended", 1006, error.message));
    }
  }

  #leave(code) {
    const socket = this.#socket;
    if (!socket) return;
    socket.onopen = socket.onmessage = null;
    this.#left = new Promise(resolve => {
      const timer = setTimeout(resolve, CLOSE_TIMEOUT_MS);
      socket.onclose = () => resolve(clearTimeout(timer));
    });
    socket.close(code);
  }

  #ask() {
    const question = ++this.#question;
    const tell = (method, value) => question === this.#question && this.#do(method, value);
    new Promise(resolve => resolve(this.#token())).then(
      token => tell("token", token ?? null),
      error => tell("noToken", String(error)),
    );
  }

  #setTimer() {
    clearTimeout(this.#timer);
    const ms = (this.#core.deadline() - time()) * 1000;
    if (ms === Infinity) return;
    this.#timer = setTimeout(() => this.#do("tick"), Math.min(LONGEST_TIMER_MS, Math.ceil(ms)));
    if (this.state === "closed") this.#timer.unref?.(); // in Node, it keeps no process alive then
  }

  #listen(active) {
    if (active === this.#isActive) return;
    this.#isActive = active;
    for (const type of PAGE_EVENTS) {
      globalThis[active ? "addEventListener" : "removeEventListener"]?.(type, this.#onPage);
    }
  }

  #onPage = ({type}) => {
    const hides = type === "pagehide" || (type === "visibilitychange" && document.hidden);
    this.#do(hides ? "save" : "wake");
  };

  #deliver() {
    for (let event; (event = this.#core.nextEvent()); ) {
      const [kind, data] = event;
      const handlers = this.#handlers[kind] ?? new Set();
      if (kind === "error" && !handlers.size) console.error(data);
      for (const handler of [...handlers]) {
        if (handlers.has(handler)) this.#guard(kind === "error" ? null : "handler", () => handler(camel(data)));
      }
    }
    this.#delivers = false;
  }
}
