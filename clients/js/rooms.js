/** An id below those of all messages that are stored from now on, for clocks that differ by a minute. */
export const timeMark = ms => Math.trunc(Math.max(0, ms - 60_000)).toString(16).padStart(12, 0) + "0".repeat(20);

/**
 * Section G: takes the pushes of chatrooms, finds the gaps between them, and delivers messages in order.
 * `newest` has the newest id by session.
 */
export function createRooms(core, newest, {fill = "newest", draw}) {
  const listed = new Map(); // the newest ids by the list of sessions, during this connection
  const waiting = new Map(); // pushes by session
  const gaps = []; // that are read, the first one now
  let items = null; // of the list so far, null when it is complete
  let compares; // whether the list is compared with `newest`

  /** Asks again from the start when the server is busy; a 401 ends the connection anyway. */
  const ask = (op, body, retry, answer) =>
    core.write(op, body, (code, msg, data) =>
      code === 429 || code === 503 ? core.wait(retry, 1 + draw("busy")) : answer(code, data));

  function list() {
    items = new Map();
    page();
  }

  function page(cursor) {
    ask(205, {session_type: 1, count: 200, cursor}, list, (code, data) => {
      if (!code) {
        for (const item of data.items) items.set(item.id, item);
        if (data.cursor) return page(data.cursor);
        compare();
      }
      items = null;
      for (const session of [...waiting.keys()]) {
        if (!gaps.some(gap => gap.session_id === session)) release(session);
      }
    });
  }

  function compare() {
    for (const [session_id, {last, title}] of items) {
      if (!last || listed.has(session_id)) continue; // joined just now
      const after = newest.get(session_id) ?? null;
      if (compares && !(last.id <= after)) {
        const ids = (waiting.get(session_id) ?? []).flatMap(push => push.items.map(({id}) => id));
        const before = ids.find(id => !(id <= after)) ?? null;
        find({session_id, after, before, skipped: null}, title);
      }
      listed.set(session_id, last.id);
    }
    for (const session of newest.keys()) {
      if (session.startsWith("1:") && !items.has(session) && !listed.has(session)) newest.delete(session);
    }
  }

  /** Delivers a push after the gap before it. */
  function handle({session, items, skipped}) {
    const {id, title} = session;
    const after = newest.get(id) ?? null;
    const before = items[0]?.id ?? null;
    if (skipped && !(before <= after && before)) find({session_id: id, after, before, skipped}, title);
    if (waiting.has(id)) waiting.get(id).push({session, items});
    else core.deliver(items, title);
  }

  /** Handles the pushes that wait, up to the next gap. */
  function release(session) {
    const pushes = waiting.get(session);
    waiting.delete(session);
    while (pushes?.length) {
      handle(pushes.shift());
      if (waiting.has(session)) return waiting.get(session).push(...pushes);
    }
  }

  function find(gap, title) {
    const {session_id, after, skipped} = gap;
    if (fill === "none" || (fill === "newest" && after === null && skipped === null)) {
      return core.emit("gap", gap);
    }
    if (!waiting.has(session_id)) waiting.set(session_id, []);
    if (gaps.push({...gap, title, items: []}) === 1) read();
  }

  /** Reads a page of the first gap, puts it before the others, and shrinks the gap by it. */
  function read() {
    const [gap] = gaps;
    const {session_id, after, before, skipped} = gap;
    const count = fill === "newest" ? Math.min(100, skipped ?? 100) : 100;
    ask(203, {session_id, count, message_id: before ?? undefined}, read, (code, data) => {
      let isOpen = code;
      if (!code) {
        const found = data.items.filter(({id}) => !(id <= after));
        gap.items.unshift(...found);
        gap.before = found[0]?.id ?? before;
        gap.skipped = skipped && skipped - found.length;
        isOpen = found.length === data.items.length && data.has_more && !(gap.skipped <= 0 && skipped);
        if (isOpen && fill === "all" && !gap.isLeft) return read();
      }
      finish(gap, isOpen);
    });
  }

  /** Delivers what was read, then what waited for it, and goes on with the next gap. */
  function finish({title, items, isLeft, ...gap}, isOpen) {
    const {session_id} = gap;
    if (!isLeft) {
      if (isOpen) core.emit("gap", gap);
      core.deliver(items, title);
      if (gaps.filter(each => each.session_id === session_id).length === 1) release(session_id);
    }
    gaps.shift(); // only now, so that a gap that was found just now waits for its turn
    if (gaps.length) read();
  }

  return {
    listed,
    /** `newest` as it is once the list is known: what was stored before is not pushed any more. */
    merged() {
      const merged = new Map(newest);
      for (const [session, id] of listed) if (!(id <= merged.get(session))) merged.set(session, id);
      return merged;
    },
    loggedIn(isKnown) {
      compares = isKnown;
      list();
    },
    /** Forgets what waits: the next login finds it again. */
    disconnected() {
      for (const [session, id] of this.merged()) newest.set(session, id);
      for (const each of [listed, waiting]) each.clear();
      items = null;
      gaps.length = 0;
    },
    take(push) {
      const {id} = push.session;
      if (items && !waiting.has(id)) waiting.set(id, []);
      if (waiting.has(id)) waiting.get(id).push(push);
      else handle(push);
    },
    joined(session, ms) {
      if (!newest.has(session) && !listed.has(session)) listed.set(session, timeMark(ms));
    },
    left(session) {
      for (const each of [newest, listed, waiting, items]) each?.delete(session);
      for (const gap of gaps) if (gap.session_id === session) gap.isLeft = true;
    },
  };
}
