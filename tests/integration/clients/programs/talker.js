// One client of a job, for Node and for a page. What a program does is described in __init__.py beside this.

const JOIN_PAUSE_MS = 200; // until a join that failed is repeated
const NAMES = {sessionId: "session_id", requestId: "request_id"};
const FIELDS = {
  state: ["now", "delay", "code", "reason"],
  reset: ["reason"],
  message: ["id", "sessionId", "content", "sequence", "status"],
  gap: ["sessionId", "after", "before", "skipped"],
  sent: ["requestId", "id"],
  failed: ["requestId", "code"],
  error: ["code", "msg"],
};

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));
const pick = (event, names) =>
  Object.fromEntries(names.map(name => [NAMES[name] ?? name, event[name] ?? null]));

export class Talker {
  #job;
  #gim;
  #write; // takes a report
  #round = 0; // of joins
  #stopped = false;
  #open = 0; // sends that have no end yet
  #wake = () => {}; // called when one has ended
  #connecting;

  constructor(Gim, job, options, write) {
    this.#job = job;
    this.#write = write;
    this.#gim = new Gim(job.url, {id: job.user, fill: job.fill, ...options});
    for (const [kind, names] of Object.entries(FIELDS)) {
      this.#gim.on(kind, event => this.#report(kind, {...pick(event, names), ...this.#sender(event)}));
    }
    this.#gim.on("reset", ({reason}) => reason !== "missed" && this.#joinAll());
    this.#connecting = setTimeout(() => this.#gim.connect().catch(() => {}), job.after * 1000);
  }

  #sender({sender}) {
    return sender && {sender: sender.id};
  }

  #report(is, fields) {
    this.#write({is, at: Date.now() / 1000, user: this.#job.user, ...fields});
  }

  async #joinAll() {
    const round = ++this.#round;
    for (const room of this.#job.rooms) {
      while (!(await this.#joins(room))) {
        await sleep(JOIN_PAUSE_MS);
        if (round !== this.#round) return;
      }
      if (round !== this.#round) return;
      this.#report("joined", {room});
    }
  }

  #joins(room) {
    return this.#gim.join(room).then(() => true, () => false);
  }

  async sendAll() {
    const {to, user, sends, pause, window} = this.#job;
    const called = [];
    for (let number = 0; number < sends; number += 1) {
      while (this.#open >= window) await new Promise(resolve => (this.#wake = resolve));
      if (this.#stopped) break;
      called.push(this.#send(number, to[number % to.length], `${user} ${number}`));
      await sleep(pause * 1000);
    }
    await Promise.all(called);
    if (sends) this.#report("done");
  }

  async #send(number, to, content) {
    this.#open += 1;
    const pending = this.#gim.send(to, content);
    const words = {number, request_id: pending.requestId};
    this.#report("call", {...words, to, content});
    try {
      const sent = await pending;
      this.#report("end", {...words, how: "sent", ...pick(sent, ["id", "sessionId", "sequence"])});
    } catch ({code, message}) {
      const how = code === "uncertain" ? code : "failed";
      this.#report("end", {...words, how, code, msg: message});
    }
    this.#open -= 1;
    this.#wake();
  }

  stop() {
    this.#stopped = true;
  }

  wake() {
    this.#gim.wake();
  }

  async close() {
    clearTimeout(this.#connecting);
    this.stop();
    this.#round += 1;
    await this.#gim.close();
    this.#report("closed");
  }
}

/** The clients of a job, which take commands. */
export class Talkers {
  #all;
  #sending = [];

  constructor(all) {
    this.#all = all;
  }

  /** Follows a command; `close` resolves when all is over. */
  async do(command) {
    if (command === "send") this.#sending = this.#all.map(each => each.sendAll());
    if (command === "stop") this.#all.forEach(each => each.stop());
    if (command === "wake") this.#all.forEach(each => each.wake());
    if (command !== "close") return;
    await Promise.all(this.#all.map(each => each.close()));
    await Promise.all(this.#sending);
  }
}
