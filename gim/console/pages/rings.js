// The samples that the overview draws: the last five minutes by second, the last hour by ten seconds.
const SECONDS = 300;
const TEN_SECONDS = 360;
const HIGHEST = new Set(["reactor_delay_ms", "send_p99_ms"]); // of ten seconds the worst counts, else the mean

/** Samples of all nodes, oldest first. It begins with the event `history` of the server. */
export class Rings {
  constructor({ second = [], ten_seconds: tenSeconds = [] } = {}) {
    this.second = second;
    this.tenSeconds = tenSeconds;
    const end = tenSeconds.at(-1)?.at ?? 0;
    this.fresh = second.filter(({ at }) => at > end); // seconds that are not in tenSeconds yet
  }

  /** Add the sample of a second. */
  add(sample) {
    this.second = [...this.second, sample].slice(-SECONDS);
    this.fresh.push(sample);
    if (this.fresh.length < 10) return;
    this.tenSeconds = [...this.tenSeconds, joined(this.fresh)].slice(-TEN_SECONDS);
    this.fresh = [];
  }

  /** The samples of the last hour. */
  get hour() {
    return [...this.tenSeconds, ...this.fresh];
  }
}

function joined(samples) {
  const last = samples.at(-1);
  return Object.fromEntries(
    Object.entries(last).map(([key, value]) => [key, key === "at" ? value : joinedValue(key, samples, value)]),
  );
}

function joinedValue(key, samples, last) {
  const known = samples.map((each) => each[key]).filter((each) => typeof each === "number");
  if (!known.length) return last;
  return HIGHEST.has(key) ? Math.max(...known) : known.reduce((sum, each) => sum + each, 0) / known.length;
}
