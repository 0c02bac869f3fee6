// For how long to ban or mute: what can be chosen.
import { span } from "./format.js";

const SECONDS = [600, 3600, 86_400, 604_800, 2_592_000, 31_536_000];

/** Return the choices as [seconds, words]. */
export function DURATIONS() {
  return SECONDS.map((each) => [String(each), span(each * 1000)]);
}
