// Tells a screen reader what has changed: the last text of each second, so that it can keep up.
const PAUSE = 1000; // ms

const region = document.createElement("div");
region.className = "unseen";
region.setAttribute("role", "status");
region.setAttribute("aria-live", "polite");
document.body.append(region);

let next = null;
let isResting = false;

/** Say *text*, or what follows within a second instead. */
export function announce(text) {
  next = text;
  if (!isResting) say();
}

function say() {
  isResting = next !== null;
  if (!isResting) return;
  region.textContent = next;
  next = null;
  setTimeout(say, PAUSE);
}
