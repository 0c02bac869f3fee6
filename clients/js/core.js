const NOTICES = /^(recalled|read|renamed|dismissed|removed|muted|appointed|broadcast)$/;

const isRoom = session => session.startsWith("1:");
const isBusy = code => code === 429 || code === 503;
const doubling = count => Math.min(30, 2 ** count / 2);

/** R2: an id below those of all messages from now on. */
const timeMark = ms => Math.trunc(ms - 60_000).toString(16).padStart(12, 0) + "0".repeat(20);

function expiry(token) {
  try {
    return JSON.parse(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"))).exp;
  } catch {} // not a JWT
}

/**
 * clients/BEHAVIOUR.md without input and output; the letters are its sections. The inputs are at the end. After
 * each one comes `io.settled(deadline, state, user)`.
 */
export function createCore(options, io) {
  const {id: me, name, token, draw = Math.random, fill = "newest", saved} = options;
  const {outboxLimit = 1000, outboxAge = 3600, eventLimit = 10_000} = options;
  let {since = "", epoch = null, newest = {}, sent = [], outbox = []} = saved?.user === me ? saved : {};
  newest = new Map(Object.entries(newest)); // ids by session; the one that moved last at the end
  sent = new Set(sent);
  outbox = new Set(outbox);
  const due = new Map(); // times by function
  let now = io.now();
  let state = "closed";
  let user = null;
  let skew = 0; // seconds that the server's clock is ahead
  let savedAt = 0;
  let changed;

  const wait = (f, seconds) => due.set(f, now + seconds);

  function save() {
    if (!changed || !io.save) return;
    changed = false;
    savedAt = now;
    const entries = [...outbox].map(({done, pending, ...entry}) => entry);
    io.save({user: me, since, epoch, newest: Object.fromEntries(merged()), sent: [...sent], outbox: entries});
  }

  // E: events

  const events = [];
  const lost = new Map(); // gaps by session, while there are too many events

  const emit = (kind, data) => events.push([kind, data]);

  function deliver(items, title) {
    for (const item of items) {
      const {id, session_id} = item;
      const after = newest.get(session_id) ?? null;
      changed = true;
      if (!isRoom(session_id) && id > since) since = id;
      if (id <= after) continue;
      newest.delete(session_id);
      newest.set(session_id, id);
      newest.delete([...newest.keys()].filter(each => !isRoom(each)).at(-1001));
      if (!isRoom(session_id) && sent.has(id)) continue;
      if (lost.has(session_id)) lost.get(session_id).skipped++;
      else if (events.length < eventLimit) emit("message", {...item, title});
      else lost.set(session_id, {session_id, after, before: null, skipped: 1});
    }
  }

  function take(op, body) {
    const {type, session, items, ...fields} = body;
    if (op === 207) return isRoom(session.id) ? takePush(body) : deliver(items, session.title);
    if (type === "muted") fields.until ??= 0; // it ended
    if (type === "dismissed" || (type === "removed" && body.user_id === me)) leave(body.session_id);
    if (NOTICES.test(type)) emit(type, fields);
    else emit("event", {type, fields: body});
  }

  // Q: requests

  const pending = new Map(); // by seq
  let seq = 0;

  /** `answer` takes the reply; if it is the application's, also a 401, and why there is none. */
  function write(op, body, answer, isOurs) {
    const number = ++seq;
    const late = () => pending.delete(number) && answer("timeout", "no answer in time");
    if (isOurs) wait(late, 30);
    pending.set(number, {op, answer, late, isOurs});
    io.write(JSON.stringify({op, seq, body}));
  }

  // S, T, H: the connection

  const asks = token === true;
  const waiters = []; // for the login
  let secret = asks ? null : token;
  let sockets = 0;
  let socket = 0; // the number of the current one
  let early = []; // pushes and events before the login reply
  let onlineSince, heardAt;
  let patience = 0; // seconds that a sign of life may take, 5 if the program has just woken up
  let isOver; // closed after it was connected

  function change(to, code, reason, delay) {
    state = to;
    emit("state", {now: to, code, reason, delay});
    if (to === "online" || to === "closed") for (const done of waiters.splice(0)) done(code, reason, user);
  }

  function connect() {
    isOver = false;
    change("connecting");
    if (!asks || (secret !== null && !(expiry(secret) - now - skew < 30))) return open();
    wait(noToken, 30);
    io.ask();
  }

  const noToken = () => comeBack("token", "no token in time");

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
    if (!data.epoch) throw Error("no epoch");
    user = data.user;
    skew = data.server_time / 1000 - now;
    onlineSince = heardAt = now;
    tried = {};
    changed = true;
    due.delete(tooLate);
    wait(check, 25);
    change("online");
    const reason = epoch === null ? "start" : epoch !== data.epoch ? "epoch" : data.recovered ? "" : "missed";
    if (reason) emit("reset", {reason});
    if (reason === "epoch") forget();
    epoch = data.epoch;
    since ||= timeMark(data.missed ? 60_000 : data.server_time);
    compares = !reason || reason === "missed";
    list();
    lose(epoch);
    expire();
    for (const news of early.splice(0)) take(...news);
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
    const broken = [...pending.values()];
    for (const each of [due, pending, listed, waiting, flying]) each.clear();
    gaps.length = early.length = socket = seq = patience = 0;
    items = reading = null;
    outbox.forEach(watch);
    for (const {answer, isOurs} of broken) if (isOurs) answer("closed", "the connection broke");
  }

  function end(code, reason) {
    due.clear();
    change("closed", code, reason);
    isOver = true;
    endAll("closed", reason);
    save();
  }

  function check(at) {
    if (!patience && heardAt + 25 > now) return due.set(check, heardAt + 25);
    if (now > at + 5) return beat(5); // the program was frozen
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

  let count = 0; // of ends in a row
  let last; // the code of the one before
  let tried = {}; // refusals of tokens since the last login
  let isOrdered; // whether nothing shortens the delay

  function comeBack(code, reason, retryAfter) {
    const isHandshake = retryAfter >= 0;
    const again = code === last;
    const slot = code === 3001 && /reconnect in ([\d.]+) s/.exec(reason);
    last = code;
    isOrdered = slot || code === 3013;
    if (asks && !isHandshake && [401, 3005, 3500].includes(code)) {
      const isFirst = code === 3005 ? !again : !tried[code];
      secret = null;
      tried[code] = true;
      if (isFirst) return connect();
      if (code === 3500) return end(code, reason);
    } else {
      const final = isHandshake ? [400, 403, 421, 426] : [400, 401, 403, 404, 409, 413, 3005];
      if (final.includes(code) || (code >= 3500 && code < 4000)) return end(code, reason);
    }
    let delay = draw("backoff") * doubling(count) + (retryAfter ?? 0);
    if (slot) delay = +slot[1];
    else count++;
    if (code === 3013) delay = 30 + 30 * draw("flood");
    if (code === 3008 || code === 3012) delay = 2 * draw("slow");
    if (delay <= 0) return connect();
    wait(connect, delay);
    change("waiting", code, reason, delay);
  }

  // O: the outbox. An entry is what a store keeps, and `done`, which takes its end

  const flying = new Set(); // entries without an answer
  let refusals = 0; // 503 in a row

  const isNew = entry => entry.epoch === null; // never written
  const endOf = entry =>
    isNew(entry) ? entry.created_at + outboxAge : 240 + Math.min(entry.written_at, entry.written_server - skew);

  function watch(entry) {
    if (!(due.get(expire) <= endOf(entry))) due.set(expire, endOf(entry));
  }

  function expire() {
    endAll("expired", "it has waited too long", entry => endOf(entry) <= now);
    outbox.forEach(watch);
  }

  function endEntry(entry, code, msg, data) {
    const {request_id, done} = entry;
    const end = code ? {request_id, code, msg} : {request_id, ...data};
    outbox.delete(entry);
    flying.delete(entry);
    changed = true;
    entry.status = !code ? "sent" : code === "uncertain" ? code : "failed";
    if (!code) sent.add(data.id).delete([...sent].at(-1001));
    if (events.length < eventLimit) emit(code ? "failed" : "sent", end);
    done?.(code, msg, end);
  }

  /** Entries that were written are uncertain. */
  function endAll(code, msg, test = () => true) {
    for (const entry of outbox) if (test(entry)) endEntry(entry, isNew(entry) ? code : "uncertain", msg);
  }

  const lose = to => endAll("", "the server has lost its data", entry => !isNew(entry) && entry.epoch !== to);

  function goOn() {} // after a pause: `pump` follows

  function pump() {
    for (const entry of outbox) {
      const {request_id, type, target_id, content, category} = entry;
      if (state !== "online" || due.has(goOn) || flying.size === 8) return;
      if ([...flying].some(each => each.type === type && each.target_id === target_id)) continue;
      if (isNew(entry)) Object.assign(entry, {written_at: now, written_server: now + skew, epoch});
      changed = true;
      flying.add(entry);
      watch(entry);
      write(201, {request_id, type, target_id, content, category}, (code, msg, data) => {
        if (!flying.delete(entry)) return;
        if (!code) refusals = 0;
        if (!isBusy(code)) endEntry(entry, code === 500 ? "uncertain" : code, msg, data);
        else wait(goOn, code === 429 ? 1 + draw("busy") : draw("storage") * doubling(refusals++));
      });
    }
  }

  // G: chatrooms

  const listed = new Map(); // ids by the list of sessions, as long as the connection lasts
  const waiting = new Map(); // pushes by session
  const gaps = [];
  let reading; // the first gap
  let items; // of the list, until it is complete
  let compares; // whether it tells of gaps

  function merged() {
    const ids = new Map(newest);
    for (const [session, id] of listed) if (!(id <= ids.get(session))) ids.set(session, id);
    return ids;
  }

  function ask(op, body, again, answer) {
    write(op, body, (code, msg, data) => {
      if (isBusy(code)) wait(again, 1 + draw("busy"));
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
      for (const session of [...waiting.keys()]) release(session);
    });
  }

  function compare() {
    for (const [session_id, {last, title}] of items) {
      if (!last || listed.has(session_id)) continue; // joined just now
      const after = newest.get(session_id) ?? null;
      if (compares && !(last.id <= after)) {
        const missed = waiting.get(session_id)?.flatMap(push => push.items).find(({id}) => !(id <= after));
        find({session_id, after, before: missed?.id ?? null, skipped: null}, title);
      }
      listed.set(session_id, last.id);
    }
    for (const session of newest.keys()) {
      if (isRoom(session) && !items.has(session) && !listed.has(session)) newest.delete(session);
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
    if (gaps.some(gap => gap.session_id === session)) return;
    const pushes = waiting.get(session);
    waiting.delete(session);
    pushes.forEach(takePush);
  }

  function find(gap, title) {
    const {session_id, after, skipped} = gap;
    if (fill === "none" || (fill === "newest" && !after && !skipped)) return emit("gap", gap);
    if (!waiting.has(session_id)) waiting.set(session_id, []);
    gaps.push({...gap, title, found: []});
  }

  /** Reads a page of the first gap, and shrinks the gap by it. */
  function read() {
    if (reading || !gaps.length) return;
    const {session_id, after, before, skipped, title, found} = (reading = gaps[0]);
    const count = fill === "newest" ? Math.min(100, skipped ?? 100) : 100;
    ask(203, {session_id, count, message_id: before ?? undefined}, () => (reading = null), (code, data) => {
      const gap = reading;
      const isIn = waiting.has(session_id);
      let isOpen = code;
      reading = null;
      if (!code) {
        const more = data.items.filter(({id}) => !(id <= after));
        found.unshift(...more);
        gap.before = more[0]?.id ?? before;
        if (skipped) gap.skipped -= more.length;
        isOpen = more.length === data.items.length && data.has_more && !(skipped && gap.skipped <= 0);
        if (isOpen && fill === "all" && isIn) return;
      }
      gaps.shift();
      if (!isIn) return;
      if (isOpen) emit("gap", {session_id, after, before: gap.before, skipped: gap.skipped});
      deliver(found, title);
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
      end(1000, "the client is closed");
    },
    wake() {
      if (state === "online" && patience !== 5) beat(5);
      if (state === "waiting" && !isOrdered && due.delete(connect)) connect();
    },
    tick() {
      for (const [f, at] of [...due].sort((a, b) => a[1] - b[1])) {
        if (at <= now && due.get(f) === at && due.delete(f)) f(at);
      }
    },
    /** The application's token; `null` ends the client. */
    token(value, failure) {
      if (!due.delete(noToken)) return;
      if (failure) return comeBack("token", failure);
      if (value === null) return end(401, "there is no token");
      secret = value;
      open();
    },
    opened(number) {
      if (number !== socket || seq) return;
      wait(tooLate, 10);
      write(101, {id: me, name, token: secret ?? undefined, ...(epoch && {since, epoch})}, loggedIn);
    },
    /** With `retryAfter`, the handshake was refused, and the code is its status. */
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
      if (patience) wait(check, 25);
      patience = 0;
      try {
        const packet = JSON.parse(text);
        const body = JSON.parse(packet.body);
        const {op, seq = 0} = packet;
        const {code, msg = "", data} = body;
        const {op: asked, answer, late, isOurs} = pending.get(seq) ?? {};
        if (op === 207 || op === 213) {
          if (state === "online") take(op, body);
          else early.push([op, body]);
        } else if (op === asked + 1 && code >= 0) {
          pending.delete(seq);
          due.delete(late);
          if (code !== 401 || isOurs) answer?.(code, msg, data ?? {});
          if (code === 401) refuse(code, msg);
        } else if (!op) emit("error", {code, msg});
      } catch ({message}) {
        emit("error", {code: "protocol", msg: message});
      }
    },
    send(message, done) {
      const bytes = [...crypto.getRandomValues(new Uint8Array(16))];
      const request_id = bytes.map(byte => byte.toString(16).padStart(2, 0)).join("");
      const written = {created_at: now, written_at: null, written_server: null, epoch: null};
      const entry = {request_id, ...message, ...written, done};
      changed = true;
      if (isOver) endEntry(entry, "closed", "the client is closed");
      else if (outbox.size >= outboxLimit) endEntry(entry, "full", "too many messages wait");
      else watch(entry, outbox.add(entry));
      return entry;
    },
    cancel(entry) {
      const can = isNew(entry) && outbox.has(entry);
      if (can) endEntry(entry, "cancelled", "it is cancelled");
      return can;
    },
    request(op, body, done) {
      if (state !== "online") return done("closed", `the client is ${state}`);
      write(op, body, (code, msg, data) => {
        const {session_id} = data ?? {};
        if (op === 301 && session_id && !newest.has(session_id) && !listed.has(session_id)) {
          listed.set(session_id, timeMark((now + skew) * 1000));
          changed = true;
        }
        if (!code && (op === 303 || op === 309)) leave("1:" + body.id);
        done(code, msg, data);
      }, true);
    },
    save,
    report: error => emit("error", error),
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
      pump();
      if (changed && savedAt + 1 > now) due.set(save, savedAt + 1);
      else save();
      io.settled(Math.min(...due.values()), state, user);
      return result;
    };
  }
  outbox.forEach(watch);
  return core;
}
