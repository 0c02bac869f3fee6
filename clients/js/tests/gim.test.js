/** What the core does not do: sockets, promises, handlers, stores, pages. */
import assert from "node:assert/strict";
import test from "node:test";
import {createCore, Gim, GimError, LocalStore} from "../gim.js";

/** A WebSocket whose other end is the test. */
class FakeSocket {
  static all = [];
  written = [];
  closed = null;

  constructor(url, protocol) {
    Object.assign(this, {url, protocol});
    FakeSocket.all.push(this);
  }

  send(text) {
    this.written.push(JSON.parse(text));
  }

  close(code) {
    this.closed = code;
  }

  receive(packet) {
    this.onmessage?.({data: typeof packet === "string" ? packet : JSON.stringify(packet)});
  }

  /** Answers the request that was written last with an op. */
  reply(op, data, code = 0, msg = "") {
    const {seq} = this.written.findLast(packet => packet.op === op);
    this.receive({op: op + 1, seq, body: JSON.stringify({code, msg, data})});
  }

  push(content, id = "1", session = "2:1001:1002") {
    const item = {id: id.padStart(32, "0"), session_id: session, sender: {id: "1002", name: "Bob"}, content};
    this.receive({op: 207, body: JSON.stringify({session: {id: session, title: "Bob"}, items: [item], skipped: 0})});
  }

  end(code, reason = "") {
    this.onclose?.({code, reason});
  }
}

const LOGIN = {user: {id: "1001", name: "Ann"}, epoch: "e1", missed: 0, recovered: true};
const soon = () => new Promise(resolve => setImmediate(resolve));

/** Returns a client, and closes it after the test. */
function client(t, options = {}) {
  FakeSocket.all = [];
  const gim = new Gim("ws://test", {id: "1001", WebSocket: FakeSocket, ...options});
  t.after(() => {
    gim.close();
    for (const socket of FakeSocket.all) socket.end(1000);
  });
  return gim;
}

/** Logs a client in; returns its socket. */
async function online(gim) {
  const connected = gim.connect();
  await soon();
  const socket = FakeSocket.all.at(-1);
  socket.onopen();
  socket.reply(101, {...LOGIN, server_time: Date.now()});
  socket.reply(205, {items: [], cursor: ""});
  await connected;
  return socket;
}

test("connect resolves with the user", async t => {
  const gim = client(t);
  const socket = await online(gim);
  assert.equal(socket.protocol, "gim.json");
  assert.deepEqual(gim.user, {id: "1001", name: "Ann"});
  assert.equal(gim.state, "online");
  assert.deepEqual(await gim.connect(), gim.user);
});

test("connect rejects when the client is closed instead, and may be ignored", async t => {
  const gim = client(t);
  gim.connect();
  const connected = gim.connect();
  FakeSocket.all[0].onopen();
  FakeSocket.all[0].reply(101, null, 403, "banned");
  await assert.rejects(connected, {name: "GimError", code: 403, message: "banned", temporary: false});
  assert.equal(FakeSocket.all[0].closed, 1000);
});

test("a client begins closed, without a user", t => {
  const gim = client(t);
  assert.deepEqual([gim.state, gim.user, gim.unsent], ["closed", null, []]);
});

test("a platform without WebSocket is told at once", () => {
  assert.throws(() => new Gim("ws://test", {id: "1001", WebSocket: null}), TypeError);
});

test("a URL that no WebSocket takes closes the client", async t => {
  const WebSocket = class {
    constructor() {
      throw new SyntaxError("not a URL");
    }
  };
  await assert.rejects(client(t, {WebSocket}).connect(), {code: 400, message: "not a URL"});
});

test("close waits for the socket, and is final", async t => {
  const gim = client(t);
  const socket = await online(gim);
  let isClosed = false;
  const closed = gim.close().then(() => (isClosed = true));
  await soon();
  assert.deepEqual([socket.closed, isClosed, gim.state], [1000, false, "closed"]);
  socket.end(1000);
  await closed;
  assert.equal(FakeSocket.all.length, 1);
});

test("a socket that was left has no handlers, and nothing that it does counts", async t => {
  const gim = client(t);
  const socket = await online(gim);
  const {onmessage, onclose} = socket;
  gim.close();
  assert.deepEqual([socket.onopen, socket.onmessage], [null, null]);
  const messages = [];
  gim.on("message", message => messages.push(message));
  await online(gim);
  onmessage({data: JSON.stringify({op: 207, body: "{}"})});
  onclose({code: 3503, reason: ""});
  await soon();
  assert.deepEqual([messages, gim.state, FakeSocket.all.length], [[], "online", 2]);
});

test("events have names in camel case, and handlers come in order", async t => {
  const gim = client(t);
  const heard = [];
  gim.on("message", ({sessionId, title}) => heard.push([1, sessionId, title]));
  gim.on("message", ({content}) => heard.push([2, content]));
  gim.on("event", ({type, fields}) => heard.push([type, fields]));
  const socket = await online(gim);
  socket.push("hi");
  socket.receive({op: 213, body: JSON.stringify({type: "waved", by: "1002", user_id: "1001"})});
  assert.deepEqual(heard, []); // a handler never runs within an input
  await soon();
  const waved = {type: "waved", by: "1002", userId: "1001"};
  assert.deepEqual(heard, [[1, "2:1001:1002", "Bob"], [2, "hi"], ["waved", waved]]);
});

test("a handler that fails is an event, now or later, and stops nothing", async t => {
  const gim = client(t);
  const heard = [];
  const failure = new Error("no");
  gim.on("message", () => {
    throw failure;
  });
  gim.on("message", async () => {
    throw failure;
  });
  gim.on("message", ({content}) => heard.push(content));
  gim.on("error", error => heard.push(error));
  const socket = await online(gim);
  socket.push("hi");
  await soon();
  const error = {code: "handler", msg: "Error: no", cause: failure};
  assert.deepEqual(heard, ["hi", error, error]);
});

test("a handler of errors that fails does not get its own error: the console does", async t => {
  const written = [];
  t.mock.method(console, "error", what => written.push(what));
  const gim = client(t);
  const failure = new Error("no");
  let count = 0;
  gim.on("error", () => {
    count++;
    throw failure;
  });
  (await online(gim)).receive("junk");
  await soon();
  await soon();
  assert.equal(count, 1);
  assert.deepEqual(written, [failure]);
});

test("errors go to the console as long as there is no listener of them", async t => {
  const written = [];
  t.mock.method(console, "error", what => written.push(what));
  const gim = client(t);
  const failure = new Error("no");
  gim.on("message", () => {
    throw failure;
  });
  const off = gim.on("error", () => {});
  const socket = await online(gim);
  socket.push("heard", "1");
  await soon();
  assert.equal(written.length, 0);
  off();
  socket.push("not heard", "2");
  await soon();
  const error = {code: "handler", msg: "Error: no", cause: failure};
  assert.deepEqual(written, [error]);
});

test("a handler may call anything, also remove itself and add others", async t => {
  const gim = client(t);
  const heard = [];
  const off = gim.on("message", async ({sender, content}) => {
    off();
    gim.on("message", ({content}) => heard.push(content));
    await gim.send(sender.id, content);
    heard.push("sent");
  });
  const socket = await online(gim);
  socket.push("a", "1");
  await soon();
  socket.reply(201, {id: "5", session_id: "2:1001:1002", sequence: 0, created_at: 1});
  socket.push("b", "2");
  await soon();
  assert.deepEqual(heard, ["sent", "b"]);
});

test("a handler that was removed is not called any more, by off or by a signal", async t => {
  const gim = client(t);
  const heard = [];
  const stop = new AbortController();
  const off = gim.on("message", () => heard.push("off"));
  gim.on("message", () => heard.push("signal"), stop);
  gim.on("message", () => heard.push("never"), {signal: AbortSignal.abort()});
  const again = () => heard.push("twice");
  const once = gim.on("message", again);
  gim.on("message", again);
  const socket = await online(gim);
  socket.push("a", "1");
  off();
  stop.abort();
  once();
  once();
  await soon();
  assert.deepEqual(heard, ["twice"]);
});

test("send is a promise of what the server says", async t => {
  const gim = client(t);
  const pending = gim.send({chatroom: "9999"}, "hi", {category: "picture"});
  assert.deepEqual([pending.status, pending.to, pending.content], ["waiting", {chatroom: "9999"}, "hi"]);
  assert.deepEqual(gim.unsent, [pending]);
  const socket = await online(gim);
  assert.equal(pending.status, "sending");
  const {body} = socket.written.find(packet => packet.op === 201);
  assert.deepEqual(body, {
    request_id: pending.requestId,
    type: 1,
    target_id: "9999",
    content: "hi",
    category: "picture",
  });
  assert.match(pending.requestId, /^[0-9a-f]{32}$/);
  assert.equal(pending.cancel(), false);
  const reply = {id: "5", session_id: "1:9999", sequence: 3, created_at: 4};
  socket.reply(201, reply);
  const sent = {requestId: pending.requestId, id: "5", sessionId: "1:9999", sequence: 3, createdAt: 4};
  assert.deepEqual(await pending, sent);
  assert.deepEqual([pending.status, gim.unsent], ["sent", []]);
});

test("a send that fails rejects, and can be sent again; ignored, it is not unhandled", async t => {
  const unhandled = [];
  const note = reason => unhandled.push(reason);
  process.on("unhandledRejection", note);
  t.after(() => process.off("unhandledRejection", note));
  const gim = client(t);
  const socket = await online(gim);
  const pending = gim.send("1002", "hi");
  const taken = gim.send("1002", "later");
  assert.equal(taken.cancel(), true);
  socket.reply(201, null, 403, "muted");
  await soon();
  assert.equal(pending.status, "failed");
  await assert.rejects(pending, {code: 403, message: "muted"});
  await assert.rejects(taken, error => error instanceof GimError && error.code === "cancelled");
  const again = pending.retry();
  assert.notEqual(again.requestId, pending.requestId);
  assert.deepEqual([again.to, again.content, again.status], ["1002", "hi", "sending"]);
  gim.close();
  await soon();
  assert.equal(again.status, "uncertain");
  assert.deepEqual(unhandled, []);
});

test("request ids need no secure page: getRandomValues is enough", async t => {
  const {randomUUID} = Object.getPrototypeOf(crypto);
  delete Object.getPrototypeOf(crypto).randomUUID;
  t.after(() => (Object.getPrototypeOf(crypto).randomUUID = randomUUID));
  assert.equal(client(t).send("1002", "hi").requestId.length, 32);
});

test("requests have the fields of the protocol", async t => {
  const gim = client(t);
  const socket = await online(gim);
  const calls = [
    [gim.join("9999", "Den"), 301, {id: "9999", name: "Den"}],
    [gim.leave("9999"), 303, {id: "9999"}],
    [gim.rename("9999", "Den"), 307, {id: "9999", name: "Den"}],
    [gim.dismiss("9999"), 309, {id: "9999"}],
    [gim.remove("9999", "1002"), 311, {id: "9999", user_id: "1002"}],
    [gim.mute("9999", "1002", 60), 313, {id: "9999", user_id: "1002", seconds: 60}],
    [gim.appoint("9999", "1002", "admin"), 315, {id: "9999", user_id: "1002", role: "admin"}],
    [gim.read("1:9999", "5"), 209, {session_id: "1:9999", message_id: "5"}],
    [gim.recall("1:9999", "5"), 211, {session_id: "1:9999", message_id: "5"}],
    [gim.history("1:9999"), 203, {session_id: "1:9999"}],
    [gim.history("1:9999", {before: "5", count: 3}), 203, {session_id: "1:9999", message_id: "5", count: 3}],
  ];
  for (const [promise, op, body] of calls.toReversed()) {
    const at = socket.written.findLastIndex(packet => packet.op === op);
    const [packet] = socket.written.splice(at, 1);
    assert.deepEqual(packet.body, body);
    socket.receive({op: op + 1, seq: packet.seq, body: JSON.stringify({code: 0, msg: "", data: {has_more: true}})});
    assert.deepEqual(await promise, {hasMore: true});
  }
  gim.close();
  await assert.rejects(gim.members("9999"), {code: "closed", temporary: true});
});

test("lists are read to the end, and the last line of an item counts", async t => {
  const gim = client(t);
  const socket = await online(gim);
  const listed = gim.sessions(2);
  socket.reply(205, {items: [{id: "a", unread: 1}, {id: "b", unread: 0}], cursor: "x"});
  await soon();
  assert.equal(socket.written.at(-1).body.cursor, "x");
  socket.reply(205, {items: [{id: "a", unread: 2}], cursor: ""});
  assert.deepEqual(await listed, [{id: "a", unread: 2}, {id: "b", unread: 0}]);
});

test("all reads a session back, and fill reads a gap", async t => {
  const gim = client(t);
  const socket = await online(gim);
  const answer = async (ids, has_more) => {
    await soon();
    socket.reply(203, {items: ids.map(id => ({id, created_at: 1})), has_more});
  };
  const all = (async () => {
    const ids = [];
    for await (const {id} of gim.all("1:9999")) ids.push(id);
    return ids;
  })();
  await answer(["3", "4"], true);
  await answer(["1", "2"], false);
  assert.equal(socket.written.at(-1).body.message_id, "3");
  assert.deepEqual(await all, ["4", "3", "2", "1"]);
  const filled = gim.fill({sessionId: "1:9999", after: "2", before: "9", skipped: null});
  await answer(["1", "2", "3", "4"], true);
  assert.deepEqual(await filled, [{id: "3", createdAt: 1}, {id: "4", createdAt: 1}]);
  const counted = gim.fill({sessionId: "1:9999", after: null, before: null, skipped: 2});
  await answer(["1", "2", "3", "4"], true);
  assert.deepEqual((await counted).map(({id}) => id), ["3", "4"]);
});

test("messages yields what comes from the call on, of one session, until the loop breaks", async t => {
  const gim = client(t);
  const messages = gim.messages({session: "2:1001:1002"});
  const socket = await online(gim);
  socket.push("a", "1");
  socket.push("other", "2", "2:1001:1003");
  socket.push("b", "3");
  const found = [];
  for await (const {content} of messages) {
    found.push(content);
    if (found.length === 2) break;
  }
  assert.deepEqual(found, ["a", "b"]);
  assert.equal((await messages.next()).done, true);
});

test("messages waits for the next one", async t => {
  const gim = client(t);
  const socket = await online(gim);
  const next = gim.messages().next();
  await soon();
  socket.push("a");
  assert.equal((await next).value.content, "a");
});

test("messages ends with the signal, and with the client", async t => {
  const gim = client(t);
  const stop = new AbortController();
  const stopped = gim.messages({signal: stop.signal}).next();
  const closed = gim.messages().next();
  await online(gim);
  await soon();
  stop.abort();
  assert.equal((await Promise.race([stopped, soon()]))?.done, true); // at once, not with the next event
  gim.close();
  assert.equal((await closed).done, true);
});

test("a loop that is too slow ends", async t => {
  const gim = client(t);
  const messages = gim.messages();
  const socket = await online(gim);
  for (let i = 1; i <= 10_001; i++) {
    socket.push("a", String(i).padStart(8, "0"));
    if (i % 1000 === 0) await soon();
  }
  await soon();
  await assert.rejects(messages.next(), {code: "full"});
});

test("a token function is asked once for each login, and a late answer is dropped", async t => {
  const questions = [];
  const token = () => new Promise((resolve, reject) => questions.push({resolve, reject}));
  const gim = client(t, {token});
  gim.connect();
  await soon();
  gim.close();
  gim.connect();
  await soon();
  questions[0].resolve("old");
  await soon();
  assert.equal(FakeSocket.all.length, 0);
  questions[1].resolve("new");
  await soon();
  FakeSocket.all[0].onopen();
  assert.equal(FakeSocket.all[0].written[0].body.token, "new");
});

test("a token function that fails is tried again; one without a token closes the client", async t => {
  let result = () => {
    throw new Error("no network");
  };
  const gim = client(t, {token: () => result()});
  const states = [];
  gim.on("state", ({now, code, reason}) => states.push([now, code, reason]));
  const connected = gim.connect();
  await soon();
  assert.deepEqual(states.at(-1), ["waiting", "token", "Error: no network"]);
  result = () => undefined;
  gim.wake();
  await assert.rejects(connected, {code: 401});
});

test("a store gets the state, and the next client goes on with it", async t => {
  const items = new Map();
  const storage = {getItem: key => items.get(key) ?? null, setItem: (key, value) => items.set(key, value)};
  const gim = client(t, {store: new LocalStore("gim", storage)});
  const pending = gim.send("1002", "hi");
  await soon();
  assert.equal(JSON.parse(items.get("gim")).outbox[0].request_id, pending.requestId);
  const next = client(t, {store: new LocalStore("gim", storage)});
  const [restored] = next.unsent;
  assert.equal(restored.requestId, pending.requestId);
  assert.deepEqual([restored.to, restored.content, restored.status], ["1002", "hi", "waiting"]);
  const socket = await online(next);
  socket.reply(201, {id: "5", session_id: "2:1001:1002", sequence: 0, created_at: 1});
  assert.equal((await restored).id, "5");
});

test("a store that fails is an event, and the client works without it", async t => {
  const errors = [];
  const fail = () => {
    throw new Error("full");
  };
  const gim = client(t, {store: {load: fail, save: fail}});
  gim.on("error", ({code, msg}) => errors.push([code, msg]));
  await online(gim);
  await soon();
  assert.deepEqual(errors, [["store", "Error: full"], ["store", "Error: full"]]);
  assert.equal(gim.state, "online");
});

test("a store whose promise rejects is an event", async t => {
  const errors = [];
  const gim = client(t, {store: {load: () => null, save: () => Promise.reject(new Error("gone"))}});
  gim.on("error", ({msg}) => errors.push(msg));
  await online(gim);
  await soon();
  assert.deepEqual(errors, ["Error: gone"]);
});

for (const [what, text] of [
  ["not JSON", "{"],
  ["a number", "5"],
  ["null in the outbox", '{"user": "1001", "outbox": [null]}'],
  ["a list that is a number", '{"user": "1001", "sent": 5}'],
  ["an entry without fields", '{"user": "1001", "outbox": [{}]}'],
]) {
  test(`a damaged state does not stop the client: ${what}`, async t => {
    const store = new LocalStore("gim", {getItem: () => text, setItem: () => {}});
    const gim = client(t, {store});
    await soon();
    await online(gim);
    assert.deepEqual(gim.unsent, []);
  });
}

test("a page that hides saves, and one that shows or comes online wakes; a closed client does neither", async t => {
  const page = new EventTarget();
  for (const name of ["addEventListener", "removeEventListener"]) {
    globalThis[name] = page[name].bind(page);
    t.after(() => delete globalThis[name]);
  }
  globalThis.document = {hidden: true};
  t.after(() => delete globalThis.document);
  const saved = [];
  const store = {load: () => null, save: state => saved.push(state)};
  const gim = client(t, {store});
  const socket = await online(gim);
  await soon();
  const dispatch = type => page.dispatchEvent(new Event(type));
  const beats = () => socket.written.filter(packet => packet.op === 105).length;
  for (const type of ["pagehide", "visibilitychange"]) {
    const {length} = saved;
    gim.send("1002", type);
    dispatch(type);
    await soon();
    assert.equal(saved.length, length + 1, type);
  }
  assert.equal(beats(), 0);
  document.hidden = false;
  for (const type of ["visibilitychange", "online", "pageshow"]) {
    const before = beats();
    dispatch(type);
    assert.equal(beats(), before + 1, type);
    socket.reply(105, {});
  }
  gim.close();
  await soon();
  const {length} = saved;
  gim.send("1002", "late");
  dispatch("pagehide");
  dispatch("online");
  await soon();
  assert.deepEqual([saved.length, FakeSocket.all.length], [length, 1]);
});

test("a client that is closed keeps no process alive", async t => {
  const timers = () => process.getActiveResourcesInfo().filter(each => each === "Timeout").length;
  const before = timers();
  const gim = client(t);
  gim.send("1002", "hi");
  assert.equal(timers(), before);
  const socket = await online(gim);
  assert.equal(timers(), before + 1);
  gim.close();
  socket.end(1000);
  await soon();
  assert.equal(timers(), before);
});

test("a handshake that the package ws reports as refused has its status and Retry-After", async t => {
  class NodeSocket extends FakeSocket {
    on(event, f) {
      assert.equal(event, "unexpected-response");
      this.refuse = f;
    }
  }
  const states = [];
  const gim = client(t, {WebSocket: NodeSocket});
  gim.on("state", state => states.push(state));
  gim.connect();
  let isDestroyed = false;
  const request = {destroy: () => (isDestroyed = true)};
  FakeSocket.all[0].refuse(request, {
    statusCode: 503,
    statusMessage: "Service Unavailable",
    headers: {"retry-after": "7"},
  });
  FakeSocket.all[0].end(1006);
  await soon();
  const {now, code, reason, delay} = states.at(-1);
  assert.deepEqual([now, code, reason, isDestroyed], ["waiting", 503, "Service Unavailable", true]);
  assert.ok(delay >= 7 && delay <= 7.5);
});

test("the core keeps the newest 1,000 private sessions and ids of sends", () => {
  const saved = [];
  let now = 1_800_000_000;
  let socket;
  let seq;
  const io = {
    now: () => now,
    open: number => (socket = number),
    write: text => ({seq} = JSON.parse(text)),
    save: state => saved.push(state),
    settled: () => {},
  };
  const core = createCore({id: "1001"}, io);
  const receive = (op, reply, body) =>
    core.received(socket, JSON.stringify({op, seq: reply, body: JSON.stringify(body)}));
  const push = (session, id) =>
    receive(207, 0, {session: {id: session, title: ""}, items: [{id, session_id: session}], skipped: 0});
  core.connect(() => {});
  core.opened(socket);
  receive(102, seq, {code: 0, msg: "", data: {...LOGIN, server_time: now * 1000}});
  for (let i = 0; i <= 1000; i++) push(`2:1001:${i}`, String(i).padStart(32, "0"));
  push("2:1001:1", "5".padStart(32, "0"));
  push("2:1001:new", "7".repeat(32));
  for (let i = 0; i <= 1000; i++) {
    core.send({type: 2, target_id: "1002", content: "hi", category: "text"});
    receive(202, seq, {code: 0, msg: "", data: {id: `s${i}`}});
  }
  now += 5;
  core.send({type: 2, target_id: "1002", content: "hi", category: "text"});
  const {newest, sent} = saved.at(-1);
  assert.equal(Object.keys(newest).length, 1000);
  assert.deepEqual([newest["2:1001:0"], newest["2:1001:2"]], [undefined, undefined]);
  assert.ok(newest["2:1001:1"] && newest["2:1001:3"] && newest["2:1001:new"]);
  assert.deepEqual([sent.length, sent[0], sent.at(-1)], [1000, "s1", "s1000"]);
});

test("a long outbox costs little: sends, answers and pushes do not go through all of it", () => {
  const COUNT = 5000;
  let socket;
  const written = [];
  const io = {
    now: () => 1_800_000_000,
    open: number => (socket = number),
    write: text => written.push(JSON.parse(text)),
    settled: () => {},
  };
  const core = createCore({id: "1001", outboxLimit: COUNT}, io);
  const receive = (op, seq, body) => core.received(socket, JSON.stringify({op, seq, body: JSON.stringify(body)}));
  core.connect(() => {});
  core.opened(socket);
  receive(102, 1, {code: 0, msg: "", data: {...LOGIN, server_time: 1_800_000_000_000}});
  let visits = 0;
  core.unsent[Symbol.iterator] = function* () {
    for (const entry of Set.prototype.values.call(this)) {
      visits++;
      yield entry;
    }
  };
  const message = {type: 2, target_id: "1002", content: "hi", category: "text"};
  for (let i = 0; i < COUNT; i++) core.send(message);
  for (let i = 0; i < COUNT; i++) receive(207, 0, {session: {id: "2:1001:1003", title: ""}, items: [], skipped: 0});
  for (let i = 0; i < 100; i++) {
    const {seq} = written.findLast(({op}) => op === 201);
    receive(202, seq, {code: 0, msg: "", data: {id: `s${i}`}});
  }
  assert.equal(core.unsent.size, COUNT - 100);
  assert.equal(written.filter(({op}) => op === 201).length, 101);
  assert.ok(visits < 1000, `${visits} entries`);
});
