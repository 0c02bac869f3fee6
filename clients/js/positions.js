const KNOWN_SENT = 1000; // ids of sent messages
const KNOWN_PRIVATE = 1000; // private sessions whose newest id is kept
const MARGIN_MS = 60_000; // how far the clocks of a node and its storage may differ

/** An id below those of all messages that are stored from now on. */
export const timeMark = ms => Math.max(0, ms - MARGIN_MS).toString(16).padStart(12, "0") + "0".repeat(20);

export const isChatroom = session => session.startsWith("1:");

/** Removes the oldest key of a map or a set that has grown above a limit. */
function trim(keys, limit) {
  if (keys.size > limit) keys.delete(keys.keys().next().value);
}

/** R1 to R6 and G3: what the device has got so far. Ids rise within a session, and compare as text. */
export class Positions {
  since = "";
  epoch = null;
  rooms = new Map(); // the newest id by session
  listed = new Map(); // what the list of sessions said, during this connection
  #private = new Map(); // the session that moved last is at the end
  #sent = new Set();
  #lost = false; // the server said that its data is gone

  load({since, epoch, newest, sent}) {
    this.since = since;
    this.epoch = epoch;
    this.#sent = new Set(sent);
    for (const [session, id] of Object.entries(newest)) {
      (isChatroom(session) ? this.rooms : this.#private).set(session, id);
    }
  }

  state() {
    const newest = Object.fromEntries([...this.#private, ...this.#merged()]);
    return {since: this.since, epoch: this.epoch, newest, sent: [...this.#sent]};
  }

  #merged() {
    const merged = new Map(this.rooms);
    for (const [session, id] of this.listed) if (!(merged.get(session) > id)) merged.set(session, id);
    return merged;
  }

  /** Takes the data of a login; returns the reason for a reset, if there is one. */
  loggedIn({epoch, recovered, server_time, missed}) {
    let reason = this.epoch === null ? "start" : recovered ? undefined : "missed";
    if (this.#lost || (this.epoch !== null && this.epoch !== epoch)) {
      this.#forget();
      reason = "epoch";
    }
    this.#lost = false;
    this.epoch = epoch;
    this.since ||= missed ? "0".repeat(32) : timeMark(server_time);
    return reason;
  }

  #forget() {
    this.since = "";
    for (const each of [this.rooms, this.listed, this.#private, this.#sent]) each.clear();
  }

  loseData() {
    this.#forget();
    this.epoch = null;
    this.#lost = true;
  }

  /** What was stored before the list came is not pushed any more. */
  disconnected() {
    this.rooms = this.#merged();
    this.listed.clear();
  }

  /** Moves on to a message. Returns whether it is new, and the id before it in its session. */
  take(session, id) {
    const isRoom = isChatroom(session);
    const ids = isRoom ? this.rooms : this.#private;
    const previous = ids.get(session) ?? null;
    if (!isRoom && id > this.since) this.since = id;
    if (id <= previous) return [false, previous];
    if (!isRoom) ids.delete(session);
    ids.set(session, id);
    if (!isRoom) trim(ids, KNOWN_PRIVATE);
    return [isRoom || !this.#sent.has(id), previous];
  }

  sent(id) {
    this.#sent.add(id);
    trim(this.#sent, KNOWN_SENT);
  }

  joined(session, ms) {
    if (!this.rooms.has(session) && !this.listed.has(session)) this.listed.set(session, timeMark(ms));
  }

  left(session) {
    this.rooms.delete(session);
    this.listed.delete(session);
  }

  /** Forgets all chatrooms but these and the ones joined meanwhile. */
  keepRooms(sessions) {
    for (const session of this.rooms.keys()) {
      if (!sessions.has(session) && !this.listed.has(session)) this.rooms.delete(session);
    }
  }
}
