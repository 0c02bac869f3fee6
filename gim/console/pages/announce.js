// Tells a screen reader what has changed: the last text of each second, so that it can keep up.
const PAUSE = 1000; // ms
const SHOWN = 4000; // ms

const region = document.createElement("div");
region.className = "unseen";
region.setAttribute("role", "status");
region.setAttribute("aria-live", "polite");
document.body.append(region);

let next = null;
let isResting = false;
let hiding;

/** Say *text*, or what follows within a second instead; if it *isShown*, all see it for some seconds. */
export function announce(text, isShown = false) {
  next = text;
  if (isShown) {
    region.className = "toast";
    clearTimeout(hiding);
    hiding = setTimeout(() => (region.className = "unseen"), SHOWN);
  }
  if (!isResting) say();
}

function say() {
  isResting = next !== null;
  if (!isResting) return;
  region.textContent = next;
  next = null;
  setTimeout(say, PAUSE);
}
