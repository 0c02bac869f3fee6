const NOTICES = /^(recalled|read|renamed|dismissed|removed|muted|appointed|broadcast)$/;

const isRoom = session => session.startsWith("1:");

// R2
const timeMark = ms => Math.trunc(ms - 60_000).toString(16).padStart(12, 0) + "0".repeat(20);

function expiry(token) {
  try {
    return JSON.parse(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"))).exp;
  } catch {} // not a JWT
}

/** clients/BEHAVIOUR.md without input and output; the letters are its sections. */
export function createCore(options, io) {
  const {id: me, name, token, saved, fill = "newest", draw = Math.random} = options;
  const {outboxLimit = 1000, outboxAge = 3600, eventLimit = 10_000} = options;
  let {since = "", epoch = null, newest = {}, sent = [], outbox = []} = saved?.user === me ? saved : {};
  newest = new Map(Object.entries(newest)); // ids by session
  sent = new Set(sent);
  outbox = new Set(outbox);
  const due = new Map();
  let now = io.now();
  let state = "closed";
  let user = null;
  let skew = 0; // of the server
  let savedAt = 0;
  let changed;

  const wait = (f, seconds) => due.set(f, now + seconds);

  function save() {
    if (!changed || !io.save) return;
    changed = false;
    savedAt = now;
    const entries = [...outbox].map(({done, pending, ...entry}) => entry);
    io.save({user: me, since, epoch: epoch || null, newest: Object.fromEntries(merged()), sent: [...sent], outbox: entries});
  }

  // E: events

  const events = [];
  const lost = new Map();

  const emit = (...event) => events.push(event);

  function deliver(items, title) {
    for (const item of items) {
      const {id, session_id} = item;
      const after = newest.get(session_id) ?? null;
      changed = true;
      if (!isRoom(session_id) && id > since) since = id;
      if (id <= after) continue;
      newest.delete(session_id);
      newest.set(session_id, id);
      if (!isRoom(session_id) && sent.has(id)) continue;
      if (lost.has(session_id)) lost.get(session_id).skipped++;
      else if (events.length < eventLimit) emit("message", {...item, title});
      else lost.set(session_id, {session_id, after, before: null, skipped: 1});
    }
  }

  function take(op, body) {
    const {type, session, items, ...fields} = body;
    if (op === 207) return isRoom(session.id) ? takePush(body) : deliver(items, session.title);
    if (type === "muted") fields.until ??= 0;
    if (type === "dismissed" || (type === "removed" && body.user_id === me)) leave(body.session_id);
    if (NOTICES.test(type)) emit(type, fields);
    else emit("event", {type, fields: body});
  }

  // Q: requests

  const pending = new Map();
  let seq = 0;

  function write(op, body, answer, late) {
    if (late) wait(late, 30);
    pending.set(++seq, {op, answer, late});
    io.write(JSON.stringify({op, seq, body}));
  }

  // S, T, H: the connection

  const asks = token === true;
  const waiters = [];
  let secret = token;
  let sockets = 0;
  let socket = 0; // none
  let early = []; // before the reply
  let onlineSince, heardAt;
  let patience = 0; // in seconds
  let over; // why it is closed

  function change(to, code, reason, delay) {
    state = to;
    emit("state", {now: to, code, reason, delay});
    if (to === "online" || to === "closed") for (const done of waiters.splice(0)) done(code, reason, user);
  }

  function connect() {
    over = null;
    change("connecting");
    if (secret !== true && !(asks && expiry(secret) - now - skew < 30)) return open();
    wait(noToken, 30);
    io.ask();
  }

  const noToken = () => comeBack("token", "no token");

  function open() {
    wait(tooLate, 10);
    io.open((socket = ++sockets));
  }

  function tooLate() {
    drop(4000);
    comeBack(4000, "no answer in time");
  }

  function refuse(code, msg) {
    drop(1000);
    comeBack(code, msg);
  }

  function loggedIn(code, msg, data) {
    if (code) return refuse(code, msg);
    if (!data.user || !data.epoch || !(data.server_time > 0)) throw Error("no login");
    user = data.user;
    skew = data.server_time / 1000 - now;
    onlineSince = heardAt = now;
    tried = {};
    changed = true;
    due.delete(tooLate);
    wait(check, 25);
    change("online");
    compares = epoch === data.epoch;
    if (epoch === null) emit("reset", {reason: "start"});
    else if (!compares) emit("reset", {reason: "epoch"});
    else if (!data.recovered) emit("reset", {reason: "missed"});
    if (!compares) forget();
    epoch = data.epoch;
    since ||= timeMark(data.missed ? 60_000 : data.server_time);
    list();
    lose(epoch);
    expire();
    for (const news of early) take(...news);
  }

  function forget() {
    since = epoch = "";
    for (const each of [newest, listed, sent]) each.clear();
  }

  function drop(code) {
    if (socket) io.close(code);
    offline();
  }

  function offline() {
    if (state === "online" && now - onlineSince >= 30) count = last = 0;
    newest = merged();
    for (const {answer, late} of pending.values()) if (late) answer("closed", "the connection broke");
    for (const each of [due, pending, listed, waiting, flying]) each.clear();
    gaps.length = early.length = socket = seq = patience = 0;
    items = reading = null;
    outbox.forEach(keep);
  }

  function end(code, reason) {
    change("closed", code, reason);
    endAll("closed", (over = reason || "closed"));
    due.clear();
    save();
  }

  function check(at) {
    if (!patience && heardAt + 25 > now) return due.set(check, heardAt + 25);
    if (now > at + 5) return beat(5); // it was frozen
    if (!patience) return beat(10);
    if (patience === 10) return tooLate();
    drop(4000);
    connect();
  }

  function beat(seconds) {
    patience = seconds;
    wait(check, seconds);
    write(105, {});
  }

  // D: delays

  let count = 0;
  let tried = {};
  let last, isOrdered;

  function comeBack(code, reason, retryAfter) {
    const isHandshake = retryAfter >= 0;
    const isFirst = code === 3005 ? code !== last : !tried[code];
    const slot = code === 3001 && /reconnect in (\d+(\.\d+)?) s/.exec(reason);
    last = code;
    isOrdered = slot || code === 3013;
    if (asks && !isHandshake && [401, 3005, 3500].includes(code)) {
      secret = token;
      tried[code] = true;
      if (isFirst) return connect();
      if (code === 3500) return end(code, reason);
    } else {
      const final = isHandshake ? [400, 403, 421, 426] : [400, 401, 403, 404, 409, 413, 3005];
      if (final.includes(code) || (code >= 3500 && code < 4000)) return end(code, reason);
    }
    let delay;
    if (slot) [delay, tried.slot] = [+slot[1], 15];
    else if (code === 3013) delay = 30 + 30 * draw("flood");
    else if (code === 3008 || code === 3012) delay = 2 * draw("slow");
    else delay = draw("backoff") * Math.max(tried.slot ?? 0, Math.min(30, 2 ** count / 2)) + (retryAfter ?? 0);
    if (!slot) count++;
    if (delay <= 0) return connect();
    wait(connect, delay);
    change("waiting", code, reason, delay);
  }

  // O: the outbox

  const flying = new Set();
  let refusals = 0;

  const isNew = entry => entry.epoch === null;
  const endOf = entry =>
    isNew(entry) ? entry.created_at + outboxAge : 240 + Math.min(entry.written_at, entry.written_server - skew);

  function keep(entry) {
    outbox.add(entry);
    if (!(due.get(expire) <= endOf(entry))) due.set(expire, endOf(entry) || now);
  }

  function expire() {
    endAll("expired", "waited too long", entry => !(endOf(entry) > now));
    outbox.forEach(keep);
    goOn();
  }

  function endEntry(entry, code, msg, data) {
    const {request_id, done} = entry;
    const end = {request_id, ...(code ? {code, msg} : data)};
    outbox.delete(entry);
    flying.delete(entry);
    changed = true;
    entry.status = !code ? "sent" : code === "uncertain" ? code : "failed";
    if (!code) sent.add(data.id).delete([...sent].at(-1001));
    if (events.length < eventLimit) emit(code ? "failed" : "sent", end);
    done?.(code, msg, end);
  }

  function endAll(code, msg, test = () => true) {
    for (const entry of outbox) if (test(entry)) endEntry(entry, isNew(entry) ? code : "uncertain", msg);
  }

  const lose = to => endAll("", "the server lost its data", entry => !isNew(entry) && entry.epoch !== to);

  const goOn = () => pump(outbox);

  function pump(entries, most = 8) {
    for (const entry of entries) {
      const {request_id, type, target_id, content, category} = entry;
      if (state !== "online" || due.has(goOn) || flying.size === most) return;
      if ([...flying].some(each => each.type === type && each.target_id === target_id)) continue;
      if (isNew(entry)) Object.assign(entry, {written_at: now, written_server: now + skew, epoch});
      changed = true;
      flying.add(entry);
      keep(entry);
      write(201, {request_id, type, target_id, content, category}, (code, msg, data) => {
        if (!flying.delete(entry)) return;
        if (!code) refusals = 0;
        if (code === 429) wait(goOn, 1 + draw("busy"));
        else if (code === 503) wait(goOn, draw("storage") * Math.min(30, 2 ** refusals++ / 2));
        else endEntry(entry, code === 500 ? "uncertain" : code, msg, data);
        pump(outbox, flying.size + 1);
      });
    }
  }

  // G: chatrooms

  const listed = new Map(); // by op 205
  const waiting = new Map(); // by session
  const gaps = [];
  let items, reading, compares;

  function merged() {
    const ids = new Map(newest);
    for (const [session, id] of listed) if (!(id <= ids.get(session))) ids.set(session, id);
    for (const session of [...ids.keys()].filter(each => !isRoom(each)).slice(0, -1000)) ids.delete(session);
    return ids;
  }

  function ask(op, body, again, answer) {
    write(op, body, (code, msg, data) => {
      if (code === 429 || code === 503) wait(again, 1 + draw("busy"));
      else answer(code, data);
    });
  }

  function list(cursor) {
    if (!cursor) items = new Map();
    ask(205, {session_type: 1, count: 200, cursor}, () => list(), (code, data) => {
      for (const item of data.items ?? []) items.set(item.id, item);
      if (data.cursor) return list(data.cursor);
      if (!code) compare();
      items = null;
      for (const session of waiting.keys()) release(session);
    });
  }

  function compare() {
    for (const [session_id, {last, title}] of items) {
      if (!last || listed.has(session_id)) continue; // just joined
      const after = newest.get(session_id) ?? null;
      if (compares && !(last.id <= after)) {
        const missed = waiting.get(session_id)?.flatMap(push => push.items).find(({id}) => !(id <= after));
        find({session_id, after, before: missed?.id ?? null, skipped: null}, title, missed ? null : last.id);
      } else listed.set(session_id, last.id);
    }
    for (const session of newest.keys()) {
      if (isRoom(session) && !(items.has(session) || listed.has(session))) newest.delete(session);
    }
  }

  function takePush(push) {
    const {session: {id, title}, skipped} = push;
    const after = newest.get(id) ?? null;
    const before = push.items[0]?.id ?? null;
    if (items && !waiting.has(id)) waiting.set(id, []);
    if (skipped && !waiting.has(id)) {
      push.skipped = 0;
      if (!before || !(before <= after)) find({session_id: id, after, before, skipped}, title);
    }
    if (waiting.has(id)) waiting.get(id).push(push);
    else deliver(push.items, title);
  }

  function release(session) {
    if (gaps.some(([gap]) => gap.session_id === session)) return;
    const pushes = waiting.get(session);
    waiting.delete(session);
    pushes.forEach(takePush);
  }

  function find(gap, title, end) {
    const {session_id, after, skipped} = gap;
    if (fill === "none" || (fill === "newest" && !after && !skipped)) {
      emit("gap", gap);
      if (end) listed.set(session_id, end);
      return;
    }
    if (!waiting.has(session_id)) waiting.set(session_id, []);
    gaps.push([gap, title, end, [], waiting.get(session_id)]);
  }

  function read() {
    if (reading || !gaps.length) return;
    const [gap, title, end, found, queue] = (reading = gaps[0]);
    const {session_id, after, before, skipped} = gap;
    const count = fill === "newest" ? Math.min(100, skipped ?? 100) : 100;
    ask(203, {session_id, count, message_id: before ?? undefined}, () => (reading = null), (code, data) => {
      const isIn = waiting.get(session_id) === queue;
      const {items = [], has_more = code} = data;
      const more = items.filter(({id}) => !(id <= after));
      const isOpen = has_more && more.length === items.length && (!skipped || skipped > more.length);
      reading = null;
      found.unshift(...more);
      gap.before = more[0]?.id ?? before;
      if (skipped) gap.skipped -= more.length;
      if (isOpen && !code && fill === "all" && isIn) return;
      gaps.shift();
      if (!isIn) return;
      if (isOpen) emit("gap", gap);
      deliver(found, title);
      if (end) listed.set(session_id, end);
      release(session_id);
    });
  }

  function leave(session) {
    changed = true;
    for (const each of [newest, listed, waiting, items]) each?.delete(session);
  }

  const inputs = {
    connect(done) {
      if (state === "online") return done(0, "", user);
      waiters.push(done);
      if (state === "closed") connect();
    },
    close() {
      if (state === "closed") return;
      drop(1000);
      end(1000, "closed");
    },
    wake() {
      if (state === "online" && patience !== 5) beat(5);
      if (state === "waiting" && !isOrdered && due.delete(connect)) connect();
    },
    tick() {
      for (const [f, at] of [...due].sort((a, b) => a[1] - b[1])) {
        if (due.get(f) <= now && due.delete(f)) f(at);
      }
    },
    token(value, failure) {
      if (!due.delete(noToken)) return;
      if (failure) return comeBack("token", failure);
      if (value === null) return end(401, "no token");
      secret = value;
      open();
    },
    opened(number) {
      if (number !== socket || seq) return;
      wait(tooLate, 10);
      write(101, {id: me, name, token: secret, ...(epoch && {since, epoch})}, loggedIn);
    },
    ended(number, code, reason, retryAfter) {
      if (number !== socket) return;
      if (code === 1009) {
        const size = entry => new TextEncoder().encode(entry.content).length;
        const [longest] = [...flying].sort((a, b) => size(b) - size(a));
        if (longest) endEntry(longest, 413, "the message is too long");
      }
      offline();
      if (code === 3009) {
        forget();
        lose();
        changed = true;
      }
      comeBack(code, reason, retryAfter);
    },
    received(number, text) {
      if (number !== socket) return;
      heardAt = now;
      patience = 0;
      try {
        const {op, seq = 0, body: json} = JSON.parse(text);
        const body = JSON.parse(json);
        const {code, msg = "", data} = body;
        const {op: asked, answer, late} = pending.get(seq) ?? {};
        if (op === 207 || op === 213) {
          if (state === "online") take(op, body);
          else early.push([op, body]);
        } else if (op === asked + 1 && code >= 0) {
          pending.delete(seq);
          due.delete(late);
          if (code !== 401 || late) answer?.(code, msg, data ?? {});
          if (code === 401) refuse(code, msg);
        } else if (!op) emit("error", {code: code ?? "protocol", msg});
      } catch ({message}) {
        emit("error", {code: "protocol", msg: message});
      }
    },
    send(message, done) {
      const bytes = [...crypto.getRandomValues(new Uint8Array(16))];
      const request_id = bytes.map(each => each.toString(16).padStart(2, 0)).join("");
      const times = {created_at: now, written_at: null, written_server: null};
      const entry = {...message, request_id, ...times, epoch: null, done};
      changed = true;
      if (over) endEntry(entry, "closed", over);
      else if (outbox.size >= outboxLimit) endEntry(entry, "full", "the outbox is full");
      else pump([entry], keep(entry));
      return entry;
    },
    cancel(entry) {
      return isNew(entry) && outbox.has(entry) && !endEntry(entry, "cancelled", "cancelled");
    },
    request(op, body, done) {
      if (state !== "online") return done("closed", "not online");
      const answer = (code, msg, data) => {
        const {session_id} = data ?? {};
        if (op === 301 && session_id) {
          changed = true;
          if (!newest.has(session_id) && !listed.has(session_id)) listed.set(session_id, timeMark((now + skew) * 1000));
        }
        if (!code && (op === 303 || op === 309)) leave("1:" + body.id);
        done(code, msg, data);
      };
      write(op, body, answer, () => done("timeout", "no answer in time"));
    },
    save,
    report: (code, cause) => emit("error", {code, msg: String(cause), cause}),
  };

  const core = {
    unsent: outbox,
    deliver(handle) {
      while (events.length) {
        const event = events.shift();
        if (events.length <= eventLimit / 2) {
          for (const gap of lost.values()) emit("gap", gap);
          lost.clear();
        }
        handle(...event);
      }
    },
  };
  for (const [input, f] of Object.entries(inputs)) {
    core[input] = (...values) => {
      now = io.now();
      const result = f(...values);
      read();
      if (savedAt + 1 > now) due.set(save, savedAt + 1);
      else save();
      io.settled(Math.min(...due.values()), state, user);
      return result;
    };
  }
  outbox.forEach(keep);
  return core;
}

const now = () => (performance.timeOrigin + performance.now()) / 1000;

function camel(value) {
  if (Array.isArray(value)) return value.map(camel);
  if (value?.constructor !== Object) return value;
  const name = key => key.replace(/_./g, each => each[1].toUpperCase());
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [name(key), camel(each)]));
}

export class GimError extends Error {
  constructor(code, message) {
    const temporary = [429, 503, "closed", "timeout"].includes(code);
    Object.assign(super(message), {code, temporary, name: "GimError"});
  }
}

export class LocalStore {
  constructor(key, storage = localStorage) {
    this.load = () => JSON.parse(storage.getItem(key));
    this.save = state => storage.setItem(key, JSON.stringify(state));
  }
}

function promise(start) {
  const promised = new Promise((resolve, reject) =>
    start((code, msg, data) => (code ? reject(new GimError(code, msg)) : resolve(camel(data)))),
  );
  promised.catch(() => {}); // it may be ignored
  return promised;
}

export class Gim {
  #handlers = {};

  constructor(url, {token, store, WebSocket = globalThis.WebSocket, ...options}) {
    if (!WebSocket) throw TypeError("pass a WebSocket");
    let core, socket, timer, gone;
    let questions = 0;

    const call = f => Promise.resolve().then(f); // of the application

    function onPage({type}) {
      core[type === "pagehide" || (type === "visibilitychange" && document.hidden) ? "save" : "wake"]();
    }

    function open(number) {
      const ended = (...end) => core.ended(number, ...end);
      try {
        socket = new WebSocket(url, "gim.json");
      } catch ({message}) {
        return ended(400, message, 0);
      }
      socket.onopen = () => core.opened(number);
      socket.onmessage = ({data}) => core.received(number, data);
      socket.onclose = ({code, reason}) => ended(code, reason);
      socket.onerror = () => {}; // for ws
      socket.on?.("unexpected-response", (request, {statusCode, statusMessage, headers}) => {
        request.destroy();
        ended(statusCode, statusMessage, +headers["retry-after"] || 0);
      });
    }

    function close(code) {
      socket.onopen = socket.onmessage = null;
      gone = new Promise(resolve => {
        const late = setTimeout(resolve, 2000);
        socket.onclose = () => resolve(clearTimeout(late));
      });
      socket.close(code);
    }

    function ask() {
      const question = ++questions;
      const answer = (...values) => question === questions && core.token(...values);
      call(token).then((value = null) => answer(value), cause => answer(null, String(cause)));
    }

    const settled = (deadline, state, user) => {
      Object.assign(this, {state, user});
      for (const type of ["visibilitychange", "online", "pageshow", "pagehide"]) {
        globalThis[state === "closed" ? "removeEventListener" : "addEventListener"]?.(type, onPage);
      }
      clearTimeout(timer);
      timer = setTimeout(core.tick, Math.min((deadline - now()) * 1000, 1e9));
      if (state === "closed") timer.unref?.();
      queueMicrotask(() => core.deliver((kind, data) => {
        const report = kind === "error" ? console.error : cause => core.report("handler", cause);
        for (const f of this.#handlers[kind] ?? []) call(() => f(camel(data))).catch(report);
        if (kind === "error" && !this.#handlers[kind]?.size) report(data);
      }));
    };

    const track = (message, start = done => core.send(message, done)) => {
      let entry;
      const pending = promise(done => (entry = start(done)));
      const {request_id, type, target_id, content, category} = entry;
      const to = type === 1 ? {chatroom: target_id} : target_id;
      const cancel = () => core.cancel(entry);
      const retry = () => this.send(to, content, {category});
      Object.assign(pending, {requestId: request_id, to, content, category, cancel, retry});
      const get = () => entry.status ?? (entry.epoch ? "sending" : "waiting");
      return (entry.pending = Object.defineProperty(pending, "status", {get}));
    };

    const save = store && (state => call(() => store.save(state)).catch(cause => core.report("store", cause)));
    const io = {now, open, write: text => socket.send(text), close, ask, save, settled};
    options.token = typeof token === "function" || token;
    try {
      core = createCore({...options, saved: store?.load()}, io);
    } catch (cause) {
      core = createCore(options, io);
      core.report("store", cause);
    }
    for (const entry of core.unsent) track(entry, done => Object.assign(entry, {done}));
    core.save();

    Object.defineProperty(this, "unsent", {get: () => [...core.unsent].map(entry => entry.pending)});
    this.connect = () => promise(core.connect);
    this.wake = core.wake;
    this.close = async () => {
      core.close();
      await gone;
    };
    this.send = (to, content, {category = "text"} = {}) => {
      const [type, target_id] = to.chatroom ? [1, to.chatroom] : [2, to];
      return track({type, target_id, content, category});
    };
    this.request = (op, body) => promise(done => core.request(op, body, done));
  }

  on(kind, f, {signal} = {}) {
    const handlers = (this.#handlers[kind] ??= new Set());
    const handler = data => handlers.has(handler) && f(data);
    const off = () => void handlers.delete(handler);
    if (!signal?.aborted) handlers.add(handler);
    signal?.addEventListener("abort", off);
    return off;
  }

  messages({session, signal} = {}) {
    const found = [];
    const stop = new AbortController();
    let wake = () => {};
    let isEnded;
    this.on("message", message => {
      if (found.length <= 10_000 && (session ?? message.sessionId) === message.sessionId) found.push(message);
      wake();
    }, stop);
    this.on("state", ({now}) => wake((isEnded = now === "closed")), stop);
    signal?.addEventListener("abort", () => wake(), stop);
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
  history = (session_id, {before: message_id, count} = {}) => this.request(203, {session_id, message_id, count});

  async #list(op, body) {
    const items = new Map();
    do {
      const page = await this.request(op, body);
      for (const item of page.items) items.set(item.id, item);
      body.cursor = page.cursor;
    } while (body.cursor);
    return [...items.values()];
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
