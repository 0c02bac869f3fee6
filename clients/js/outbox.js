import {doubling} from "./backoff.js";

const IN_FLIGHT = 8; // entries without an answer at a time
const SAFE_AGE = 240; // seconds; the server knows a request_id for 300
const LOST = "the server has lost its data since";

const newId = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, "0")).join("");
const size = ({content}) => new TextEncoder().encode(content).length;

/**
 * Section O: messages on their way to the server, as entries with the fields that a store keeps.
 * `write(entry)` writes one. `ended(entry, code, msg, data)` takes its end; `code` is 0 when it was sent.
 */
export function createOutbox({outboxLimit, outboxAge, draw}, clock, write, ended) {
  const entries = new Map(); // by request_id, in order
  const flying = new Map(); // the entry that has no answer yet, by session
  let epoch; // of the connection; undefined while there is none
  let skew = 0; // seconds that the server's clock is ahead
  let paused = false;
  let refusals = 0; // 503 in a row

  const key = ({type, target_id}) => `${type}:${target_id}`;
  const isWritten = entry => entry.written_at !== null;

  function forget(entry) {
    entries.delete(entry.request_id);
    if (flying.get(key(entry)) === entry) flying.delete(key(entry));
    if (!entries.size) clock.cancel("age");
  }

  function end(entry, code, msg, data) {
    forget(entry);
    ended(entry, code, msg, data);
  }

  /** Ends entries that were written as uncertain. */
  function endWritten(msg, isLost = () => true) {
    for (const entry of [...entries.values()]) {
      if (isWritten(entry) && isLost(entry)) end(entry, "uncertain", msg);
    }
  }

  /** Seconds until an entry is too old. */
  function left(entry) {
    if (!isWritten(entry)) return entry.created_at + outboxAge - clock.now;
    return SAFE_AGE - Math.max(clock.now - entry.written_at, clock.now + skew - entry.written_server);
  }

  const watch = entry => clock.setSooner("age", left(entry), expire);

  function expire() {
    for (const entry of [...entries.values()]) {
      if (left(entry) > 0) continue;
      if (isWritten(entry)) end(entry, "uncertain", "no answer for too long");
      else end(entry, "expired", `not sent for ${outboxAge} s`);
    }
    clock.cancel("age");
    entries.forEach(watch);
  }

  function keep(entry) {
    entries.set(entry.request_id, entry);
    watch(entry);
  }

  function pause(seconds) {
    paused = true;
    clock.set("pause", seconds, () => (paused = false));
  }

  return {
    entries,
    load: saved => saved.forEach(entry => keep({...entry})),
    state: () => [...entries.values()].map(entry => ({...entry})),
    add(type, target_id, content, category) {
      const entry = {request_id: newId(), type, target_id, content, category, created_at: clock.now};
      Object.assign(entry, {written_at: null, written_server: null, epoch: null});
      if (entries.size < outboxLimit) keep(entry);
      else ended(entry, "full", `${entries.size} messages wait already`);
      return entry;
    },
    /** Ends an entry that was never written; says whether it was one. */
    cancel(id) {
      const entry = entries.get(id);
      if (!entry || isWritten(entry)) return false;
      end(entry, "cancelled", "cancelled before it was sent");
      return true;
    },
    loggedIn(newEpoch, newSkew) {
      epoch = newEpoch;
      skew = newSkew;
      endWritten(LOST, entry => entry.epoch !== epoch);
      expire();
    },
    loseData: () => endWritten(LOST),
    disconnected() {
      epoch = undefined;
      paused = false;
      flying.clear();
      clock.cancel("pause");
    },
    /** A packet was too long for the server. */
    failLongest() {
      const [longest] = [...flying.values()].sort((a, b) => size(b) - size(a));
      if (longest) end(longest, 413, "the message is too long for the server");
    },
    endAll(msg) {
      for (const entry of [...entries.values()]) end(entry, isWritten(entry) ? "uncertain" : "closed", msg);
    },
    /** Writes what may be written now: one entry for each session, in order. */
    pump() {
      if (epoch === undefined || paused) return;
      for (const entry of entries.values()) {
        if (flying.size >= IN_FLIGHT) return;
        if (flying.has(key(entry))) continue;
        flying.set(key(entry), entry);
        if (!isWritten(entry)) {
          Object.assign(entry, {written_at: clock.now, written_server: clock.now + skew, epoch});
          watch(entry);
        }
        write(entry);
      }
    },
    answered(entry, code, msg, data) {
      if (flying.get(key(entry)) !== entry) return;
      flying.delete(key(entry));
      if (code === 429) return pause(1 + draw("busy"));
      if (code === 503) return pause(doubling(refusals++) * draw("storage"));
      if (!code) refusals = 0;
      end(entry, code === 500 ? "uncertain" : code, msg, data);
    },
  };
}
