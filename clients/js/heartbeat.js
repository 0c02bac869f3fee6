const SILENCE = 25; // seconds without a packet after which the server is asked for one
const PATIENCE = 10; // seconds that it has to answer
const PATIENCE_AWAKE = 5; // seconds, when the program has just woken up
const FROZEN = 5; // seconds that a tick comes late when the program was frozen

/** Section H: `beat()` writes a heartbeat; `lost(atOnce)` says that no sign of life came. */
export function createHeartbeat(clock, beat, lost) {
  let heardAt;
  let asked = false;
  let woken = false; // asked because the program woke up

  const wait = (seconds, f) => clock.set("heartbeat", seconds, due => f(clock.now > due + FROZEN));

  const listen = () =>
    wait(heardAt + SILENCE - clock.now, frozen => {
      if (heardAt + SILENCE > clock.now) listen();
      else if (frozen) wake();
      else ask(PATIENCE);
    });

  function ask(patience) {
    asked = true;
    wait(patience, frozen => {
      if (!frozen) return lost(woken);
      woken = false;
      wake();
    });
    beat();
  }

  function wake() {
    if (woken) return;
    woken = true;
    ask(PATIENCE_AWAKE);
  }

  function stop() {
    asked = woken = false;
    clock.cancel("heartbeat");
  }

  function start() {
    stop();
    heardAt = clock.now;
    listen();
  }

  /** A packet has come. */
  function heard() {
    heardAt = clock.now;
    if (asked) start();
  }

  return {start, stop, heard, wake};
}
