import {Clock} from "./clock.js";
import {createConnection} from "./connection.js";
import {createOutbox} from "./outbox.js";
import {isChatroom, Positions} from "./positions.js";
import {createQueue} from "./queue.js";
import {createRooms} from "./rooms.js";

const SAVE_INTERVAL = 1; // seconds between two saves
const DEFAULTS = {fill: "newest", outboxLimit: 1000, outboxAge: 3600, eventLimit: 10_000, draw: Math.random};
const NOTICES = ["recalled", "read", "renamed", "dismissed", "removed", "muted", "appointed", "broadcast"];

/**
 * A client of gim without input and output: clients/BEHAVIOUR.md. The methods that take `now`, Unix
 * seconds that never go back, are its inputs. After each one, the shell does what `commands` says, and takes
 * `ends` ([number or request_id, code, msg, data]) and the events. It calls `tick` at `deadline()`.
 * `saved` is the state that the last command to save had, if any.
 */
export function createCore(options, now, saved) {
  options = {...options};
  for (const name in DEFAULTS) options[name] ??= DEFAULTS[name];
  const {id: me, stores} = options;
  const clock = new Clock(now);
  const queue = createQueue(options.eventLimit);
  const positions = new Positions();
  const core = {state: "closed", change: {now: "closed"}, user: null, skew: 0, commands: [], ends: []};
  const {commands, ends} = core;
  let early = []; // pushes and events before the login reply
  let lastNumber = 0; // of the application's requests
  let wasClosed = false;
  let changed = false; // since the last save
  let savedAt = -Infinity;

  const outbox = createOutbox(options, clock, writeEntry, (entry, code, msg, data) => {
    const {request_id} = entry;
    changed = true;
    entry.code = code;
    if (code) {
      queue.putEnd("failed", {request_id, code, msg});
    } else {
      positions.sent(data.id);
      queue.putEnd("sent", (data = {request_id, ...data}));
    }
    ends.push([request_id, code, msg, data]);
  });

  const rooms = createRooms(options, clock, positions, {
    ask: (op, body, answer) => connection.request(op, body, (code, msg, data) => answer(code, data)),
    deliver,
    report: gap => queue.put("gap", gap),
  });

  const connection = createConnection(core, options, clock, {
    emit: queue.put,
    position: () => (positions.epoch === null ? {} : {since: positions.since, epoch: positions.epoch}),
    online(data) {
      const reason = positions.loggedIn(data);
      if (reason) queue.put("reset", {reason});
      rooms.loggedIn(!reason || reason === "missed");
      outbox.loggedIn(data.epoch, core.skew);
      const news = early;
      early = [];
      changed = true;
      for (const [op, body] of news) takeNews(op, body);
    },
    offline() {
      early = [];
      for (const part of [rooms, positions, outbox]) part.disconnected();
    },
    tooBig: outbox.failLongest,
    dataLost() {
      positions.loseData();
      outbox.loseData();
      changed = true;
    },
    closed(reason) {
      wasClosed = true;
      outbox.endAll(reason);
      save();
    },
  });

  function writeEntry(entry) {
    const {type, target_id, content, category, request_id} = entry;
    changed = true;
    connection.request(201, {type, target_id, content, category, request_id}, (...answer) =>
      outbox.answered(entry, ...answer),
    );
  }

  function deliver(title, items) {
    for (const item of items) {
      const [isNew, previous] = positions.take(item.session_id, item.id);
      changed = true;
      if (isNew) queue.putMessage({...item, title}, previous);
    }
  }

  function take(op, seq, body) {
    if (op === 207 || op === 213) {
      if (core.state === "online") takeNews(op, body);
      else early.push([op, body]);
    } else if (!connection.take(op, seq, body) && op === 0) {
      queue.put("error", {code: body.code, msg: body.msg});
    }
  }

  function takeNews(op, body) {
    if (op === 213) takeNotice(body);
    else if (isChatroom(body.session.id)) rooms.take(body);
    else deliver(body.session.title, body.items);
  }

  function takeNotice(body) {
    const {type, ...fields} = body;
    if (type === "muted") fields.until ??= 0; // the end of a mute
    if (type === "dismissed" || (type === "removed" && body.user_id === me)) leave(body.session_id);
    if (NOTICES.includes(type)) queue.put(type, fields);
    else queue.put("event", {type, fields: body});
  }

  function leave(session) {
    rooms.left(session);
    changed = true;
  }

  /** Begins or forgets a chatroom that the user joined or left. */
  function followRoom(op, body, data) {
    if (op === 301) {
      positions.joined(data.session_id, Math.trunc((clock.now + core.skew) * 1000));
      changed = true;
    } else if (op === 303 || op === 309) leave(`1:${body.id}`);
  }

  function save() {
    if (!changed || !stores) return;
    changed = false;
    savedAt = clock.now;
    clock.cancel("save");
    commands.push({save: {user: me, ...positions.state(), outbox: outbox.state()}});
  }

  /** Makes a function an input: the time comes first; what may be written is written after it. */
  const input = f => (now, ...values) => {
    clock.now = now;
    const result = f(...values);
    outbox.pump();
    if (changed && stores) {
      const wait = savedAt + SAVE_INTERVAL - now;
      if (wait > 0) clock.set("save", wait, save);
      else save();
    }
    return result;
  };

  for (const name of ["connect", "close", "wake", "token", "noToken", "opened", "refused", "ended"]) {
    core[name] = input(connection[name]);
  }
  if (saved?.user === me) {
    positions.load(saved);
    outbox.load(saved.outbox);
  }
  return Object.assign(core, {
    deadline: () => clock.next(),
    tick: input(() => clock.run()),
    /** Hands the state to the store now: the program may end without another call. */
    save: input(save),
    received: input((socket, text) => {
      if (!connection.heard(socket)) return;
      try {
        const {op, seq = 0, body} = JSON.parse(text);
        take(op, seq, JSON.parse(body));
      } catch (error) {
        queue.put("error", {code: "protocol", msg: `not a packet: ${error.message}`});
      }
    }),
    /** Puts a message into the outbox; returns its entry, which gets a `code` when it ends. */
    send: input((type, target, content, category) => {
      const entry = outbox.add(type, target, content, category);
      if (wasClosed && core.state === "closed") outbox.endAll("the client is closed");
      changed = true;
      return entry;
    }),
    cancel: input(outbox.cancel),
    unsent: () => [...outbox.entries.values()],
    /** Writes a request; returns the number that its end has. */
    request: input((op, body) => {
      const number = ++lastNumber;
      const fail = (code, msg) => ends.push([number, code, msg]);
      if (core.state !== "online") fail("closed", `the client is ${core.state}`);
      else {
        connection.request(op, body, (code, msg, data) => {
          followRoom(op, body, data);
          ends.push([number, 0, msg, data]);
        }, fail);
      }
      return number;
    }),
    nextEvent: queue.take,
    /** Adds an error that the shell found. */
    report: error => queue.put("error", error),
  });
}
