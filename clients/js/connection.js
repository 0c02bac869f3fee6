import {createBackoff} from "./backoff.js";
import {createHeartbeat} from "./heartbeat.js";

const OPEN_TIMEOUT = 10; // seconds, for the socket and then for the login
const TOKEN_TIMEOUT = 30; // seconds until the application has found a token
const TOKEN_MARGIN = 30; // seconds before its end from which a token is not used any more
const ANSWER_TIMEOUT = 30; // seconds until a request of the application fails
const STABLE_AFTER = 30; // seconds online after which the delays begin anew
const BYE = 1000;
const GIVEN_UP = 4000;

/** The end of a JWT in Unix seconds; not a number when it has none, or is something else. */
function expiry(token) {
  try {
    const claims = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    return JSON.parse(atob(claims)).exp;
  } catch {
    return NaN;
  }
}

/**
 * Sections S, D, H, T and Q: connects, logs in, notices the end, comes back, and matches replies.
 * `core` has the state, `hooks` do what follows from it.
 */
export function createConnection(core, {id, name, token, draw}, clock, hooks) {
  const {commands} = core;
  const asks = token === true;
  const backoff = createBackoff(draw, asks);
  const heartbeat = createHeartbeat(clock, () => request(105, {}, () => {}), atOnce => {
    drop(GIVEN_UP);
    if (atOnce) connect();
    else afterEnd(GIVEN_UP, "no sign of life");
  });
  const pending = new Map(); // requests without a reply, by seq
  let current = asks ? null : token; // the token
  let asking = false;
  let sockets = 0; // how many have been opened
  let socket = 0; // the number of the current one, 0 without one
  let seq = 0; // of the last request
  let onlineSince;

  function change(now, delay, code, reason) {
    core.state = now;
    core.change = {now, delay, code, reason};
    hooks.emit("state", core.change);
  }

  function connect() {
    change("connecting");
    if (!asks || (current !== null && !(expiry(current) - clock.now - core.skew < TOKEN_MARGIN))) {
      return openSocket();
    }
    asking = true;
    clock.set("token", TOKEN_TIMEOUT, () => noToken("no token in time"));
    commands.push({token: true});
  }

  function stopAsking() {
    const asked = asking;
    asking = false;
    clock.cancel("token");
    return asked;
  }

  function noToken(reason) {
    if (stopAsking()) comeBack(backoff.afterEnd("token"), "token", reason);
  }

  function openSocket() {
    socket = ++sockets;
    commands.push({open: socket});
    clock.set("answer", OPEN_TIMEOUT, tooLate);
  }

  function tooLate() {
    drop(GIVEN_UP);
    afterEnd(GIVEN_UP, "no answer in time");
  }

  function logIn() {
    clock.set("answer", OPEN_TIMEOUT, tooLate);
    request(101, {id, name, token: current ?? undefined, ...hooks.position()}, (code, msg, data) => {
      if (code) return refuse(code, msg);
      const {user, server_time, epoch} = data;
      if (!user.id || !server_time || !epoch) throw new TypeError("a login without its data");
      core.user = {id: user.id, name: user.name};
      core.skew = server_time / 1000 - clock.now;
      clock.cancel("answer");
      backoff.loggedIn();
      onlineSince = clock.now;
      change("online");
      heartbeat.start();
      hooks.online(data);
    });
  }

  /** Comes back after a login that was refused, or after a 401 to any request. */
  function refuse(code, msg) {
    drop(BYE);
    if (code === 401) forgetToken();
    comeBack(backoff.afterLogin(code), code, msg);
  }

  function forgetToken() {
    if (asks) current = null;
  }

  /** Closes the current socket, and forgets it. */
  function drop(code) {
    if (socket) commands.push({close: code});
    disconnected();
  }

  function afterEnd(code, reason) {
    if (code === 1009) hooks.tooBig();
    disconnected();
    if (code === 3009) hooks.dataLost();
    if (code === 3005 || code === 3500) forgetToken();
    comeBack(backoff.afterEnd(code, reason), code, reason);
  }

  /** Forgets all that belongs to the current socket. */
  function disconnected() {
    if (core.state === "online" && clock.now - onlineSince >= STABLE_AFTER) backoff.stable();
    socket = seq = 0;
    clock.cancel("answer");
    heartbeat.stop();
    for (const [number, {fail}] of pending) {
      settle(number);
      fail?.("closed", "the connection broke");
    }
    hooks.offline();
  }

  function comeBack(delay, code, reason) {
    if (delay === undefined) return end(code, reason);
    if (delay <= 0) return connect();
    clock.set("delay", delay, connect);
    change("waiting", delay, code, reason);
  }

  function end(code, reason) {
    stopAsking();
    clock.clear();
    change("closed", undefined, code, reason);
    hooks.closed(reason || "the client is closed");
  }

  /**
   * Writes a request; `answer(code, msg, data)` takes the reply, unless it is a 401. With `fail(code, msg)`,
   * that takes all but a success, such as no reply in time.
   */
  function request(op, body, answer, fail) {
    const number = ++seq;
    pending.set(number, {op, answer, fail});
    if (fail) {
      clock.set(number, ANSWER_TIMEOUT, () => {
        settle(number);
        fail("timeout", "no answer in time");
      });
    }
    commands.push({write: JSON.stringify({op, seq, body})});
  }

  function settle(number) {
    pending.delete(number);
    clock.cancel(number);
  }

  return {
    request,
    connect() {
      if (core.state === "closed") connect();
    },
    close() {
      if (core.state === "closed") return;
      drop(BYE);
      end(BYE, "");
    },
    wake() {
      if (core.state === "online") heartbeat.wake();
      if (core.state !== "waiting" || backoff.isOrdered) return;
      clock.cancel("delay");
      connect();
    },
    /** Takes the application's token; `null` means that it has none, which ends the client. */
    token(value) {
      if (!stopAsking()) return;
      if (value === null) return end(401, "there is no token");
      current = value;
      openSocket();
    },
    noToken,
    opened(number) {
      if (number === socket && !seq) logIn();
    },
    refused(number, status, retryAfter) {
      if (number !== socket) return;
      disconnected();
      comeBack(backoff.afterHandshake(status, retryAfter), status, `the server refuses with ${status}`);
    },
    ended(number, code, reason) {
      if (number === socket) afterEnd(code, reason);
    },
    /** Says whether a packet of a socket counts, and takes it as a sign of life. */
    heard(number) {
      if (number === socket) heartbeat.heard();
      return number === socket;
    },
    /** Takes a reply; says whether it was to one of these requests. */
    take(op, number, {code, msg = "", data}) {
      const {op: asked, answer, fail} = pending.get(number) ?? {};
      if (op !== asked + 1) return false;
      if (typeof code !== "number") throw new TypeError("a reply without a code");
      settle(number);
      if (code && fail) fail(code, msg);
      if (code === 401) refuse(code, msg);
      else if (!code || !fail) answer(code, msg, data ?? {});
      return true;
    },
  };
}
