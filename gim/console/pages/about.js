// What this server is.
import { html } from "./html.js";
import { t } from "./i18n.js";
import { Facts, Page } from "./widgets.js";

export default function About({ session }) {
  const facts = [
    [t("about.version"), session.version],
    [t("about.storage"), session.storage],
    [t("about.gateway"), session.gateway ?? undefined],
  ];
  return html`<${Page} title=${t("about.title")}><${Facts} items=${facts} /><//>`;
}
