// A line of the last values, small enough to stand beside a figure.
import { html } from "./html.js";

const HEIGHT = 24;

/** Draw *values*, oldest first, from 0 upwards; null is a gap. `label` says what it shows. */
export function Spark({ values, label }) {
  const known = values.filter((each) => each !== null && each !== undefined);
  const top = Math.max(...known, 0) || 1;
  const width = Math.max(values.length - 1, 1);
  const height = (value) => (HEIGHT - 1 - (value / top) * (HEIGHT - 2)).toFixed(1);
  return html`<svg class="spark" viewBox="0 0 ${width} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label=${label}>
    ${runs(values).map((run) => {
      const line = run.map(([x, value]) => `${x} ${height(value)}`).join("L");
      return html`<path class="area"
        d=${`M${run[0][0]} ${HEIGHT}L${line}L${run.at(-1)[0]} ${HEIGHT}Z`} /><path class="line" d=${`M${line}`} />`;
    })}
  </svg>`;
}

/** Return the parts without a gap, as arrays of [x, value]. */
function runs(values) {
  const found = [];
  let isRunning = false;
  values.forEach((value, x) => {
    const isKnown = value !== null && value !== undefined;
    if (isKnown && !isRunning) found.push([]);
    if (isKnown) found.at(-1).push([x, value]);
    isRunning = isKnown;
  });
  return found;
}
