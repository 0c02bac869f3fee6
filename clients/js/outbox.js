/** Section O: messages on their way. An entry is what a store keeps, and `done`, which takes its end. */
export function createOutbox(core, {outboxLimit = 1000, outboxAge = 3600, draw}) {
  const entries = new Set(); // in order
  const flying = new Map(); // by session: the entry without an answer, 8 at most
  let refusals = 0; // 503 in a row

  const key = e => e.type + ":" + e.target_id;
  const isNew = e => e.epoch === null; // never written
  const left = e =>
    isNew(e)
      ? e.created_at + outboxAge - core.now
      : 240 - Math.max(core.now - e.written_at, core.now + core.skew - e.written_server);

  function watch(e) {
    if (!(core.due.get(expire) < core.now + left(e))) core.wait(expire, left(e));
  }

  function end(e, code, msg, data) {
    entries.delete(e);
    if (flying.get(key(e)) === e) flying.delete(key(e));
    e.code = code;
    core.finish(e, code, msg, data);
  }

  /** Ends the entries that pass a test; those that were written are uncertain. */
  function endAll(test, code, msg) {
    for (const e of entries) if (test(e)) end(e, isNew(e) ? code : "uncertain", msg);
  }

  function expire() {
    endAll(e => left(e) <= 0, "expired", "it has waited too long");
    core.due.delete(expire);
    entries.forEach(watch);
  }

  function goOn() {} // the end of a pause: `pump` comes after each input

  function answered(e, code, msg, data) {
    if (flying.get(key(e)) !== e) return;
    flying.delete(key(e));
    if (!code) refusals = 0;
    if (code === 429) core.wait(goOn, 1 + draw("busy"));
    else if (code === 503) core.wait(goOn, draw("storage") * Math.min(30, 2 ** refusals++ / 2));
    else end(e, code === 500 ? "uncertain" : code, msg, data);
  }

  return {
    entries,
    expire,
    endAll,
    state: () => [...entries].map(({done, pending, ...saved}) => saved),
    load(e) {
      entries.add(e);
      watch(e);
    },
    add(type, target_id, content, category, done) {
      const bytes = [...crypto.getRandomValues(new Uint8Array(16))];
      const request_id = bytes.map(byte => byte.toString(16).padStart(2, 0)).join("");
      const written = {created_at: core.now, written_at: null, written_server: null, epoch: null};
      const e = {request_id, type, target_id, content, category, ...written, done};
      if (entries.size < outboxLimit) this.load(e);
      else end(e, "full", "too many messages wait");
      return e;
    },
    cancel(e) {
      const can = isNew(e) && entries.has(e);
      if (can) end(e, "cancelled", "cancelled before it was sent");
      return can;
    },
    /** Ends what was written to another data set. */
    lose: epoch => endAll(e => !isNew(e) && e.epoch !== epoch, "", "the server has lost its data since"),
    disconnected() {
      flying.clear();
      entries.forEach(watch);
    },
    failLongest() {
      const size = e => new TextEncoder().encode(e.content).length;
      const [longest] = [...flying.values()].sort((a, b) => size(b) - size(a));
      if (longest) end(longest, 413, "the message is too long for the server");
    },
    /** Writes what may be written: one entry for each session, in order. */
    pump() {
      if (core.state !== "online" || core.due.has(goOn)) return;
      for (const e of entries) {
        if (flying.size === 8) return;
        if (flying.has(key(e))) continue;
        flying.set(key(e), e);
        const {request_id, type, target_id, content, category} = e;
        if (isNew(e)) {
          Object.assign(e, {written_at: core.now, written_server: core.now + core.skew, epoch: core.epoch});
          watch(e);
        }
        core.changed = true;
        const body = {request_id, type, target_id, content, category};
        core.write(201, body, (...answer) => answered(e, ...answer));
      }
    },
  };
}
