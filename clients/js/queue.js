/** E4 and E5: events that wait for the application, each a pair of a kind and its data. */
export function createQueue(limit) {
  const events = [];
  const lost = new Map(); // gaps by session

  return {
    /** Adds an event that must not be lost. */
    put: (kind, data) => events.push([kind, data]),
    /** Adds the end of a send, unless the queue is full: the send itself tells it, too. */
    putEnd(kind, data) {
      if (events.length < limit) events.push([kind, data]);
    },
    /** Adds a message, or counts it as lost. `after` is the id before it in its session. */
    putMessage(message, after) {
      const {session_id} = message;
      if (lost.has(session_id)) lost.get(session_id).skipped++;
      else if (events.length < limit) events.push(["message", message]);
      else lost.set(session_id, {session_id, after, before: null, skipped: 1});
    },
    take() {
      const event = events.shift();
      if (event && lost.size && events.length <= limit / 2) {
        for (const gap of lost.values()) events.push(["gap", gap]);
        lost.clear();
      }
      return event;
    },
  };
}
