// A line of the last values, small enough to stand beside a figure.
import { html } from "./html.js";

const HEIGHT = 24;

/** Draw *values*, oldest first, from 0 upwards; null is a gap. `label` says what it shows. */
export function Spark({ values, label }) {
  const known = values.filter((each) => each !== null && each !== undefined);
  const top = Math.max(...known, 0) || 1;
  const width = Math.max(values.length - 1, 1);
  let isDrawing = false;
  const points = values.map((value, x) => {
    const isKnown = value !== null && value !== undefined;
    const command = isDrawing ? "L" : "M";
    isDrawing = isKnown;
    return isKnown ? `${command}${x} ${(HEIGHT - 1 - (value / top) * (HEIGHT - 2)).toFixed(1)}` : "";
  });
  return html`<svg class="spark" viewBox="0 0 ${width} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label=${label}>
    <path d=${points.join("")} />
  </svg>`;
}
