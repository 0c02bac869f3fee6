/** Runs the scenarios of clients/scenarios on the core: FORMAT.md there says what they mean. */
import assert from "node:assert/strict";
import {readdirSync, readFileSync} from "node:fs";
import {createCore} from "../gim.js";

const DIRECTORY = new URL("../../scenarios/", import.meta.url);
const START = 1_800_000_000; // the core's time at the start of a scenario
const CALLS = [
  ...["connect", "close", "wake", "opened", "ended", "refused", "reply", "push", "notify", "receive"],
  ...["token", "token_failed", "send", "request", "cancel", "retry", "hold", "restart"],
];
const OTHERS = ["at", "late", "do", "events", "ends", "unsent", "socket", "data", "code", "msg"];

export const names = readdirSync(DIRECTORY)
  .filter(name => name.endsWith(".json"))
  .map(name => name.slice(0, -5))
  .sort();

const load = name => JSON.parse(readFileSync(new URL(`${name}.json`, DIRECTORY), "utf8"));
const isObject = value => typeof value === "object" && value !== null && !Array.isArray(value);

/** Returns a copy of a value in which `change` replaced each text, also those that are keys. */
function mapTexts(value, change) {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map(each => mapTexts(each, change));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [change(k), mapTexts(v, change)]));
}

/** Writes ids, time marks and short messages out. */
function expand(value) {
  if (Array.isArray(value)) return value.map(expand);
  if (isObject(value)) {
    if (Object.keys(value).sort().join() === "ids,messages") {
      return value.ids.map(id => message(id, value.messages));
    }
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [expand(k), expand(v)]));
  }
  if (typeof value !== "string") return value;
  const id = /^#([0-9a-f]+)$/.exec(value);
  const mark = /^@([0-9]+)$/.exec(value);
  if (id) return "02" + id[1].padStart(30, "0");
  if (mark) return (START * 1000 + Number(mark[1]) - 60_000).toString(16).padStart(12, "0") + "0".repeat(20);
  return value;
}

function message(item, session) {
  if (typeof item !== "string") return expand(item);
  return {
    id: expand(item),
    session_id: session,
    sender: {id: "1002", name: "1002"},
    category: "text",
    content: "m" + item.slice(1),
    sequence: 0,
    status: 1,
    created_at: START * 1000,
  };
}

/** Says whether an output is the expected one. */
function matches(expected, actual) {
  if (Array.isArray(expected)) {
    return (
      Array.isArray(actual) &&
      expected.length === actual.length &&
      expected.every((each, i) => matches(each, actual[i]))
    );
  }
  if (isObject(expected)) {
    return isObject(actual) && Object.entries(expected).every(([k, v]) => k in actual && matches(v, actual[k]));
  }
  if (typeof expected === "number") return typeof actual === "number" && Math.abs(expected - actual) < 0.001;
  return expected === actual;
}

/** Plays one scenario, and throws where the core does something else. */
export class Runner {
  #chain;
  #options = {id: "1001"};
  #draws = {};
  #saved;
  #commands = []; // of the step
  #ends = []; // likewise
  #settled = new Set(); // requests
  #names = new Map(); // of requests: {op, seq} or the name; of sends: the entry
  #bodies = new Map(); // of sends
  #now = 0;
  #time = START; // that the core sees
  #deadline;
  #core;
  #socket;
  #held;

  constructor(name) {
    this.#chain = [load(name)];
    while (this.#chain[0].after) this.#chain.unshift(load(this.#chain[0].after));
    for (const {options = {}, draws = {}, state} of this.#chain) {
      for (const [key, value] of Object.entries(options)) {
        this.#options[key.replace(/_(.)/g, (_, letter) => letter.toUpperCase())] = value;
      }
      Object.assign(this.#draws, structuredClone(draws));
      if (state !== undefined) this.#saved = expand(state);
    }
    this.#start();
  }

  #start() {
    const {store, ...options} = this.#options;
    const put = command => this.#commands.push(command);
    const io = {
      now: () => this.#time,
      open: number => {
        this.#socket = number;
        put({open: true});
      },
      write: text => {
        const {op, seq, body} = JSON.parse(text);
        put({write: op, seq, body});
      },
      close: code => put({close: code}),
      ask: () => put({token: true}),
      save: store && (state => put({save: (this.#saved = JSON.parse(JSON.stringify(state)))})),
      settled: deadline => (this.#deadline = deadline),
    };
    this.#deadline = Infinity;
    this.#core = createCore({...options, draw: name => this.#draw(name), saved: this.#saved}, io);
    this.#core.save(); // sets the deadline of what was loaded
    this.#socket = 0;
    this.#held = false;
  }

  #draw(name) {
    const drawn = this.#draws[name] ?? 0.5;
    if (!Array.isArray(drawn)) return drawn;
    return drawn.length > 1 ? drawn.shift() : drawn[0];
  }

  run() {
    for (const {steps} of this.#chain) {
      const base = this.#now;
      steps.forEach((step, i) => {
        const unknown = Object.keys(step).filter(key => !CALLS.includes(key) && !OTHERS.includes(key));
        assert.deepEqual(unknown, [], "unknown in a step");
        try {
          this.#play(step, base);
        } catch (error) {
          error.message = `step ${i + 1} ${JSON.stringify(step)}: ${error.message}`;
          throw error;
        }
      });
    }
  }

  #play(step, base) {
    const at = step.at === undefined ? this.#now : base + step.at;
    assert.ok(at >= this.#now, "time goes back");
    this.#advance(at, step.late);
    for (const call of CALLS) if (call in step) this.#inputs[call](step[call], step);
    this.#compare(step);
  }

  #advance(at, late = false) {
    while (this.#deadline <= START + at + 1e-6) {
      this.#time = late ? START + at : Math.max(this.#deadline, this.#time);
      this.#core.tick();
    }
    this.#now = at;
    this.#time = START + at;
  }

  #packet(op, seq, body, step) {
    const text = JSON.stringify({op, body: JSON.stringify(body), seq});
    this.#core.received(step.socket ?? this.#socket, text);
  }

  #send(name, body) {
    this.#bodies.set(name, body);
    this.#names.set(name, this.#core.send(body));
  }

  #inputs = {
    connect: () => this.#core.connect(() => {}),
    close: () => this.#core.close(),
    wake: () => this.#core.wake(),
    opened: (_, step) => this.#core.opened(step.socket ?? this.#socket),
    ended: (value, step) => {
      const [code, reason] = Array.isArray(value) ? value : [value, ""];
      this.#core.ended(step.socket ?? this.#socket, code, reason);
    },
    refused: (value, step) => {
      const [status, retryAfter] = Array.isArray(value) ? value : [value, 0];
      this.#core.ended(step.socket ?? this.#socket, status, "", retryAfter);
    },
    reply: (name, step) => {
      const {op, seq} = this.#names.get(name);
      const {code = 0, msg = "", data = {}} = step;
      const body = {code, msg, data: code ? null : this.#data(op, expand(data))};
      this.#packet(op + 1, seq, body, step);
    },
    push: ({session, ids, skipped}, step) => {
      const head = {id: session, type: Number(session[0]), title: session};
      const items = ids.map(id => message(id, session));
      this.#packet(207, 0, {session: head, items, skipped}, step);
    },
    notify: (value, step) => this.#packet(213, 0, expand(value), step),
    receive: (value, step) => this.#core.received(step.socket ?? this.#socket, value),
    token: value => this.#core.token(value),
    token_failed: () => this.#core.token(null, "no"),
    send: ({as, to, content, category = "text"}) => {
      const [type, target_id] = isObject(to) ? [1, to.chatroom] : [2, to];
      this.#send(as, {type, target_id, content, category});
    },
    request: ({as, op, body = {}}) => {
      const of = Symbol(as); // settled once, like a promise
      const ended = (code, msg, data) => {
        if (!this.#settled.has(of)) this.#ends.push(code ? {of: as, code, msg} : {of: as, data});
        this.#settled.add(of);
      };
      this.#core.request(op, expand(body), ended);
    },
    cancel: name => this.#core.cancel(this.#names.get(name)),
    retry: ({of, as}) => this.#send(as, this.#bodies.get(of)),
    hold: value => (this.#held = value),
    restart: () => this.#start(),
  };

  #data(op, data) {
    if (op === 101) {
      const user = {id: "1001", name: "1001"};
      const login = {user, token: "t", epoch: "e1", missed: 0, recovered: true};
      return {...login, server_time: Math.round(1000 * this.#time), ...data};
    }
    if (op === 205) return {cursor: "", ...data, items: (data.items ?? []).map(session)};
    return data;
  }

  #compare(step) {
    this.#compareCommands(step.do ?? [], this.#commands.splice(0));
    const events = [];
    if (!this.#held) this.#core.deliver((kind, data) => events.push({event: kind, ...data}));
    this.#check("events", step.events ?? [], events);
    this.#check("ends", step.ends ?? [], this.#ends.splice(0));
    if (step.unsent) {
      const entries = [...this.#core.unsent].map(entry => entry.request_id);
      this.#check("unsent", step.unsent.map(name => `$${name}`), entries);
    }
  }

  #check(what, expected, actual) {
    const names = text => (text.startsWith("$") ? this.#names.get(text.slice(1)).request_id : text);
    expected = mapTexts(expand(expected), names);
    const shown = `\n expected ${JSON.stringify(expected)}\n      got ${JSON.stringify(actual)}`;
    assert.ok(matches(expected, actual), `${what}: ${shown}`);
  }

  #compareCommands(expected, commands) {
    this.#check("do", expected.map(({as, without, ...plain}) => plain), commands);
    expected.forEach(({as, without = []}, i) => {
      const {write, save = {}, body = save, seq} = commands[i];
      assert.deepEqual(without.filter(key => key in body), [], "should not be there");
      if (as) this.#names.set(as, {op: write, seq});
    });
  }
}

function session(item) {
  if (isObject(item)) return item;
  const [id, last] = item;
  return {id, type: Number(id[0]), title: id, unread: 0, last: last && {id: last, session_id: id}};
}
