// Whether a user is connected.
import { html } from "./html.js";
import { t } from "./i18n.js";

/** A dot, and a word. */
export function Online({ is }) {
  return html`<span class="state"><span class="dot ${is ? "on" : ""}"></span>${t(is ? "common.online" : "common.offline")}</span>`;
}
