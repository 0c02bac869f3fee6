/** The time in Unix seconds, and at most one deadline for each name. */
export class Clock {
  #due = new Map();

  constructor(now) {
    this.now = now;
  }

  /** Calls `f` after so many seconds, with the time at which it was due; replaces what the name had. */
  set(name, delay, f) {
    this.#due.set(name, {at: this.now + delay, f});
  }

  /** Sets it, unless the name has an earlier deadline. */
  setSooner(name, delay, f) {
    if (!(this.#due.get(name)?.at <= this.now + delay)) this.set(name, delay, f);
  }

  cancel(...names) {
    for (const name of names) this.#due.delete(name);
  }

  clear() {
    this.#due.clear();
  }

  /** The earliest deadline, `Infinity` without any. */
  next() {
    return Math.min(...[...this.#due.values()].map(({at}) => at));
  }

  /** Runs what is due, the earliest first. */
  run() {
    for (let next; (next = this.next()) <= this.now; ) {
      const [name, {at, f}] = [...this.#due].find(([, due]) => due.at === next);
      this.#due.delete(name);
      f(at);
    }
  }
}
