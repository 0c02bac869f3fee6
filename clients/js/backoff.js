const SLOT = /reconnect in (\d+(?:\.\d+)?) s/;
const FINAL_LOGIN = [400, 403, 404, 409, 413];
const FINAL_HANDSHAKE = [400, 403, 421, 426];

/** 0.5, 1, 2, 4 … 30 seconds. */
export const doubling = count => Math.min(30, 0.5 * 2 ** count);

/** Section D: says how many seconds to wait before the next connection; `undefined` means for ever. */
export function createBackoff(draw, canRenew) {
  let count = 0; // of ends in a row
  let last; // the code of the end before
  const renewed = new Set(); // refusals of tokens since the last login

  const formula = () => draw("backoff") * doubling(count++);
  const isFirst = code => !renewed.has(code) && !!renewed.add(code);

  const backoff = {
    isOrdered: false, // whether nothing may shorten the delay
    loggedIn: () => renewed.clear(),
    /** A connection was online for long. */
    stable() {
      count = 0;
      last = undefined;
    },
    /** After the end of a socket, or a token that was not found. */
    afterEnd(code, reason) {
      const again = code === last;
      last = code;
      if (code === 3005) return canRenew ? (again ? formula() : 0) : undefined;
      if (code >= 3500 && code < 4000) {
        return code === 3500 && canRenew && isFirst(code) ? 0 : undefined;
      }
      const slot = code === 3001 && SLOT.exec(reason);
      backoff.isOrdered = !!slot || code === 3013;
      if (slot) return +slot[1];
      const wait = formula();
      if (code === 3008 || code === 3012) return 2 * draw("slow");
      return code === 3013 ? 30 + 30 * draw("flood") : wait;
    },
    /** After a login or a request that was refused. */
    afterLogin(code) {
      last = code;
      backoff.isOrdered = false;
      if (code === 401) return canRenew ? (isFirst(code) ? 0 : formula()) : undefined;
      return FINAL_LOGIN.includes(code) ? undefined : formula();
    },
    afterHandshake(status, retryAfter) {
      last = status;
      backoff.isOrdered = false;
      return FINAL_HANDSHAKE.includes(status) ? undefined : formula() + retryAfter;
    },
  };
  return backoff;
}
