import {createOutbox} from "./outbox.js";
import {createRooms, timeMark} from "./rooms.js";

const NOTICES = ["recalled", "read", "renamed", "dismissed", "removed", "muted", "appointed", "broadcast"];

/** The end of a JWT in Unix seconds, undefined for another token. */
function expiry(token) {
  try {
    return JSON.parse(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"))).exp;
  } catch {}
}

/**
 * A client of gim without input and output: clients/BEHAVIOUR.md. The inputs are at the end. `io` has the
 * outputs `open(number)`, `write(text)`, `close(code)`, `ask()` for a token, `save(state)`, `settled(deadline)`
 * after each input, and `now()` in Unix seconds. `token` is true for a function, `state` what was saved last.
 */
export function createCore({id: me, name, token, eventLimit = 10_000, draw = Math.random, state, ...options}, io) {
  const saved = state?.user === me ? state : {since: "", epoch: null, newest: {}, sent: [], outbox: []};
  const newest = new Map(Object.entries(saved.newest)); // ids by session; the one that moved last at the end
  const sent = new Set(saved.sent);
  const due = new Map(); // times by function
  const core = {state: "closed", change: {}, user: null, now: io.now(), skew: 0, epoch: saved.epoch, due};
  let {since} = saved;
  let isLost = false; // the server said that its data is gone
  let savedAt = 0;

  core.wait = (f, seconds) => due.set(f, core.now + seconds);
  const rooms = createRooms(core, newest, {...options, draw});
  const outbox = createOutbox(core, {...options, draw});
  saved.outbox.forEach(outbox.load);

  // Events: section E

  const events = []; // [kind, data]
  const lost = new Map(); // gaps by session, of messages that the queue could not take

  core.emit = (kind, data) => events.push([kind, data]);

  core.deliver = (items, title) => {
    for (const item of items) {
      const {id, session_id} = item;
      const after = newest.get(session_id) ?? null;
      const isPrivate = !session_id.startsWith("1:");
      if (isPrivate && id > since) since = id;
      core.changed = true;
      if (id <= after) continue;
      newest.delete(session_id);
      newest.set(session_id, id);
      if (newest.size > 1000) {
        const privates = [...newest.keys()].filter(each => !each.startsWith("1:"));
        if (privates.length > 1000) newest.delete(privates[0]);
      }
      if (isPrivate && sent.has(id)) continue;
      if (lost.has(session_id)) lost.get(session_id).skipped++;
      else if (events.length < eventLimit) core.emit("message", {...item, title});
      else lost.set(session_id, {session_id, after, before: null, skipped: 1});
    }
  };

  core.finish = ({request_id, done}, code, msg, data) => {
    core.changed = true;
    if (!code) {
      sent.add(data.id);
      if (sent.size > 1000) sent.delete(sent.keys().next().value);
      data = {request_id, ...data};
    }
    if (events.length < eventLimit) core.emit(code ? "failed" : "sent", code ? {request_id, code, msg} : data);
    done?.(code, msg, data);
  };

  function takeNews(op, body) {
    if (op === 207) {
      if (body.session.id.startsWith("1:")) rooms.take(body);
      else core.deliver(body.items, body.session.title);
      return;
    }
    const {type, ...fields} = body;
    if (type === "muted") fields.until ??= 0; // it ended
    if (type === "dismissed" || (type === "removed" && body.user_id === me)) leave(body.session_id);
    if (NOTICES.includes(type)) core.emit(type, fields);
    else core.emit("event", {type, fields: body});
  }

  function leave(session) {
    rooms.left(session);
    core.changed = true;
  }

  // Requests: section Q

  const pending = new Map(); // by seq
  let seq = 0;

  /** Writes a request. `answer` takes the reply; that of the application also hears why there is none. */
  core.write = (op, body, answer, isOurs) => {
    const number = ++seq;
    const late = () => pending.delete(number) && answer("timeout", "no answer in time");
    if (isOurs) core.wait(late, 30);
    pending.set(number, {op, answer, late, isOurs});
    io.write(JSON.stringify({op, seq, body}));
  };

  function takeReply(op, number, {code, msg = "", data}) {
    const {op: asked, answer, late, isOurs} = pending.get(number) ?? {};
    if (op !== asked + 1) return false;
    if (code * 0 !== 0) throw new TypeError("a reply without a code");
    pending.delete(number);
    due.delete(late);
    if (code !== 401 || isOurs) answer(code, msg, data ?? {});
    if (code === 401) refuse(code, msg);
    return true;
  }

  // The connection: sections S, T and H

  const asks = token === true;
  let secret = asks ? null : token;
  let sockets = 0;
  let socket = 0; // the number of the current one
  let early = []; // pushes and events before the login reply
  let onlineSince, heardAt;
  let woken = false; // whether the sign of life is awaited since the program woke up

  function change(state, delay, code, reason) {
    core.state = state;
    core.change = {now: state, delay, code, reason};
    core.emit("state", core.change);
  }

  function connect() {
    change("connecting");
    if (asks && (secret === null || expiry(secret) - core.now - core.skew < 30)) {
      core.wait(tokenLate, 30);
      io.ask();
    } else open();
  }

  const tokenLate = () => comeBack("token", "no token in time");

  function open() {
    io.open((socket = ++sockets));
    core.wait(tooLate, 10);
  }

  function tooLate() {
    drop(4000);
    comeBack(4000, "no answer in time");
  }

  function loggedIn(code, msg, data) {
    if (code) return refuse(code, msg);
    const {user, server_time, epoch, recovered, missed} = data;
    core.user = {id: user.id, name: user.name};
    if (!(server_time && epoch)) throw new TypeError("a login without its data");
    due.delete(tooLate);
    core.skew = server_time / 1000 - core.now;
    onlineSince = core.now;
    tried = {};
    change("online");
    heardAt = core.now;
    core.wait(silent, 25);
    core.changed = true;
    const isOther = isLost || (core.epoch !== null && core.epoch !== epoch);
    const reason = isOther ? "epoch" : core.epoch === null ? "start" : recovered ? "" : "missed";
    if (isOther) forget();
    isLost = false;
    core.epoch = epoch;
    since ||= missed ? "0".repeat(32) : timeMark(server_time);
    if (reason) core.emit("reset", {reason});
    rooms.loggedIn(!reason || reason === "missed");
    outbox.lose(epoch);
    outbox.expire();
    for (const news of early.splice(0)) takeNews(...news);
  }

  function forget() {
    since = "";
    core.epoch = null;
    for (const each of [newest, rooms.listed, sent]) each.clear();
  }

  /** Comes back after a login that was refused, or after a 401 to any request. */
  function refuse(code, msg) {
    drop(1000);
    comeBack(code, msg);
  }

  /** Closes the current socket, and forgets it. */
  function drop(code) {
    if (socket) io.close(code);
    disconnected();
  }

  /** Forgets all that belongs to the current socket. */
  function disconnected() {
    if (core.state === "online" && core.now - onlineSince >= 30) count = last = 0;
    socket = seq = 0;
    woken = false;
    early = [];
    due.clear();
    rooms.disconnected();
    outbox.disconnected();
    const broken = [...pending.values()];
    pending.clear();
    for (const {answer, isOurs} of broken) if (isOurs) answer("closed", "the connection broke");
  }

  function end(code, reason) {
    due.clear();
    change("closed", undefined, code, reason);
    core.wasClosed = true;
    outbox.endAll(() => true, "closed", reason || "the client is closed");
    save();
  }

  function silent(at) {
    if (heardAt + 25 > core.now) due.set(silent, heardAt + 25);
    else if (core.now > at + 5) wake();
    else beat(10);
  }

  function beat(patience) {
    due.delete(silent);
    core.wait(unanswered, patience);
    core.write(105, {}, () => {});
  }

  function unanswered(at) {
    const atOnce = woken;
    woken = false;
    if (core.now > at + 5) return wake(); // the program was frozen
    drop(4000);
    if (atOnce) connect();
    else comeBack(4000, "no sign of life");
  }

  function wake() {
    if (woken) return;
    woken = true;
    beat(5);
  }

  // Delays: section D

  let count = 0; // of ends in a row
  let last; // the code of the one before
  let tried = {}; // refusals of tokens since the last login
  let isOrdered = false; // whether nothing shortens the delay

  function comeBack(code, reason) {
    const again = code === last;
    last = code;
    const slot = code === 3001 && /reconnect in (\d+(\.\d+)?) s/.exec(reason);
    isOrdered = slot || code === 3013;
    if (slot) return pause(+slot[1], code, reason);
    if (asks && [401, 3005, 3500].includes(code)) {
      secret = null;
      const isFirst = code === 3005 ? !again : !tried[code];
      tried[code] = true;
      if (isFirst) return connect();
      if (code === 3500) return end(code, reason);
    } else if ([400, 401, 403, 404, 409, 413, 3005].includes(code) || (code >= 3500 && code < 4000)) {
      return end(code, reason);
    }
    const delay = draw("backoff") * Math.min(30, 2 ** count++ / 2);
    if (code === 3013) pause(30 + 30 * draw("flood"), code, reason);
    else pause(code === 3008 || code === 3012 ? 2 * draw("slow") : delay, code, reason);
  }

  function pause(delay, code, reason) {
    if (delay <= 0) return connect();
    core.wait(connect, delay);
    change("waiting", delay, code, reason);
  }

  function save() {
    if (!core.changed || !io.save) return;
    core.changed = false;
    savedAt = core.now;
    due.delete(save);
    const ids = Object.fromEntries(rooms.merged());
    io.save({user: me, since, epoch: core.epoch, newest: ids, sent: [...sent], outbox: outbox.state()});
  }

  const next = () => Math.min(...due.values());

  const inputs = {
    connect() {
      if (core.state === "closed") connect();
    },
    close() {
      if (core.state === "closed") return;
      drop(1000);
      end(1000, "");
    },
    wake() {
      if (core.state === "online") wake();
      if (core.state !== "waiting" || isOrdered) return;
      due.delete(connect);
      connect();
    },
    tick() {
      for (let at; (at = next()) <= core.now; ) {
        for (const [f, time] of due) if (time === at && due.delete(f)) f(at);
      }
    },
    /** The application's token; without one, the client ends. */
    token(value) {
      if (!due.delete(tokenLate)) return;
      if (value === null) return end(401, "there is no token");
      secret = value;
      open();
    },
    noToken(reason) {
      if (due.delete(tokenLate)) comeBack("token", reason);
    },
    opened(number) {
      if (number !== socket || seq) return;
      core.wait(tooLate, 10);
      const position = core.epoch === null ? {} : {since, epoch: core.epoch};
      core.write(101, {id: me, name, token: secret ?? undefined, ...position}, loggedIn);
    },
    refused(number, status, retryAfter) {
      if (number !== socket) return;
      disconnected();
      const reason = `the server refuses with ${status}`;
      last = status;
      isOrdered = false;
      if ([400, 403, 421, 426].includes(status)) end(status, reason);
      else pause(draw("backoff") * Math.min(30, 2 ** count++ / 2) + retryAfter, status, reason);
    },
    ended(number, code, reason) {
      if (number !== socket) return;
      if (code === 1009) outbox.failLongest();
      disconnected();
      if (code === 3009) {
        forget();
        isLost = core.changed = true;
        outbox.lose();
      }
      comeBack(code, reason);
    },
    received(number, text) {
      if (number !== socket) return;
      heardAt = core.now;
      if (due.delete(unanswered)) {
        woken = false;
        core.wait(silent, 25);
      }
      try {
        const {op, seq: reply = 0, body: inner} = JSON.parse(text);
        const body = JSON.parse(inner);
        if (op === 207 || op === 213) {
          if (core.state === "online") takeNews(op, body);
          else early.push([op, body]);
        } else if (!takeReply(op, reply, body) && op === 0) {
          core.emit("error", {code: body.code, msg: body.msg});
        }
      } catch (error) {
        core.emit("error", {code: "protocol", msg: `not a packet: ${error.message}`});
      }
    },
    send(...message) {
      const entry = outbox.add(...message);
      core.changed = true;
      if (core.wasClosed && core.state === "closed") outbox.endAll(() => true, "closed", "the client is closed");
      return entry;
    },
    cancel: outbox.cancel,
    request(op, body, done) {
      if (core.state !== "online") return done("closed", `the client is ${core.state}`);
      core.write(op, body, (code, msg, data) => {
        if (!code && op === 301) {
          rooms.joined(data.session_id, (core.now + core.skew) * 1000);
          core.changed = true;
        }
        if (!code && (op === 303 || op === 309)) leave(`1:${body.id}`);
        done(code, msg, data);
      }, true);
    },
    save,
    report: error => core.emit("error", error),
  };

  for (const [name, f] of Object.entries(inputs)) {
    core[name] = (...values) => {
      core.now = io.now();
      const result = f(...values);
      outbox.pump();
      if (core.changed && io.save) {
        if (savedAt + 1 > core.now) due.set(save, savedAt + 1);
        else save();
      }
      io.settled(next());
      return result;
    };
  }
  core.unsent = outbox.entries;
  core.nextEvent = () => {
    const event = events.shift();
    if (events.length <= eventLimit / 2) {
      for (const gap of lost.values()) core.emit("gap", gap);
      lost.clear();
    }
    return event;
  };
  return core;
}
