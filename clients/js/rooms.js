const LIST_PAGE = 200; // the largest pages that the server allows
const HISTORY_PAGE = 100;

const tryAgain = code => code === 429 || code === 503;

/**
 * Section G: takes the pushes of chatrooms, finds the gaps between them, and hands on the messages in order.
 * `ask(op, body, answer)` writes a request, `deliver(title, items)` takes messages, `report(gap)` a gap.
 */
export function createRooms({fill, draw}, clock, positions, {ask, deliver, report}) {
  let listing = false;
  let compares = false; // whether what the list says is compared with the positions
  const listed = new Map(); // the list so far
  const waiting = new Map(); // pushes by session
  const readings = []; // gaps that are read; the first one is under way

  const later = (name, f) => clock.set(name, 1 + draw("busy"), f);

  function startList() {
    listed.clear();
    askList();
  }

  function askList(cursor) {
    ask(205, {session_type: 1, count: LIST_PAGE, cursor}, (code, data) => {
      if (tryAgain(code)) return later("list", startList);
      if (!code) {
        for (const item of data.items) listed.set(item.id, item);
        if (data.cursor) return askList(data.cursor);
        compareList();
      }
      listing = false;
      for (const session of [...waiting.keys()]) if (!isRead(session)) release(session);
    });
  }

  function compareList() {
    for (const [session, {last, title}] of listed) {
      if (!last || positions.listed.has(session)) continue; // joined just now
      const after = positions.rooms.get(session) ?? null;
      if (compares && (after === null || last.id > after)) {
        const items = (waiting.get(session) ?? []).flatMap(push => push.items);
        const before = items.find(({id}) => id > (after ?? ""))?.id ?? null;
        find({session_id: session, after, before, skipped: null}, title);
      }
      positions.listed.set(session, last.id);
    }
    positions.keepRooms(listed);
  }

  const isRead = session => readings.some(({gap}) => gap.session_id === session);

  /** Delivers a push, after the gap before it. */
  function handle({session, items, skipped}) {
    const {id, title} = session;
    if (skipped) {
      const after = positions.rooms.get(id) ?? null;
      const before = items[0]?.id ?? null;
      if (before === null || after === null || before > after) {
        find({session_id: id, after, before, skipped}, title);
      }
    }
    if (waiting.has(id)) waiting.get(id).push({session, items});
    else deliver(title, items);
  }

  /** Handles the pushes that wait, up to the next gap. */
  function release(session) {
    const pushes = waiting.get(session) ?? [];
    waiting.delete(session);
    while (pushes.length) {
      handle(pushes.shift());
      if (waiting.has(session)) return waiting.get(session).push(...pushes);
    }
  }

  function find(gap, title) {
    if (fill === "none" || (fill === "newest" && gap.after === null && gap.skipped === null)) {
      return report(gap);
    }
    if (!waiting.has(gap.session_id)) waiting.set(gap.session_id, []);
    if (readings.push({gap, title, items: []}) === 1) read();
  }

  /** Asks for the next page of the first gap. */
  function read() {
    const [reading] = readings;
    const {session_id, before, skipped} = reading.gap;
    const count = fill === "newest" && skipped !== null ? Math.min(HISTORY_PAGE, skipped) : HISTORY_PAGE;
    ask(203, {session_id, count, message_id: before ?? undefined}, (code, data) => {
      if (reading.dropped) finish(reading);
      else if (tryAgain(code)) later("fill", read);
      else if (code) finish(reading, true);
      else takePage(reading, data);
    });
  }

  /** Puts a page before what was read, and shrinks the gap by it. */
  function takePage(reading, {items, has_more}) {
    const {session_id, after, before, skipped} = reading.gap;
    const found = items.filter(({id}) => after === null || id > after);
    const left = skipped === null ? null : skipped - found.length;
    reading.items.unshift(...found);
    reading.gap = {session_id, after, before: found[0]?.id ?? before, skipped: left};
    const covered = found.length < items.length || !has_more || (left !== null && left <= 0);
    if (covered || fill === "newest") finish(reading, !covered);
    else read();
  }

  /** Delivers what was read, then what waited for it, and goes on with the next gap. */
  function finish({gap, title, items, dropped}, isOpen = false) {
    if (!dropped) {
      if (isOpen) report(gap);
      deliver(title, items);
      if (readings.filter(each => each.gap.session_id === gap.session_id).length === 1) {
        release(gap.session_id);
      }
    }
    readings.shift(); // only now, so that a gap that was found just now waits for its turn
    if (readings.length) read();
  }

  return {
    /** Lists the chatrooms, and compares them with what is known. */
    loggedIn(compare) {
      listing = true;
      compares = compare;
      startList();
    },
    /** Forgets what waits: the next login finds it again. */
    disconnected() {
      listing = false;
      waiting.clear();
      readings.length = 0;
      clock.cancel("list", "fill");
    },
    take(push) {
      const {id} = push.session;
      if (listing && !waiting.has(id)) waiting.set(id, []);
      if (waiting.has(id)) waiting.get(id).push(push);
      else handle(push);
    },
    left(session) {
      positions.left(session);
      listed.delete(session);
      waiting.delete(session);
      for (const reading of readings) if (reading.gap.session_id === session) reading.dropped = true;
    },
  };
}
