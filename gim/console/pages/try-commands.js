import { html, useState } from "./html.js";
import { t } from "./i18n.js";
import { Button } from "./widgets.js";

// what a terminal could take for a command of its own, or does not show
const UNSAFE = /[\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

const escaped = (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
const json = (value) => JSON.stringify(value).replace(UNSAFE, escaped);
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

// each takes the body of a login and of a send, and where the server is; what it returns is one message anew
const COMMANDS = {
  wscat: (login, send, { socket }) =>
    `wscat -c ${quoted(socket)} -s gim.json -w 1 \\\n  -x ${quoted(json({ op: 101, seq: 1, body: login }))} \\\n` +
    `  -x ${quoted(json({ op: 201, seq: 2, body: send }))}`,
  curl: (login, send, { http }) =>
    `TOKEN=$(curl -s ${quoted(`${http}v1/login`)} -d ${quoted(json(login))} \\\n` +
    `  | sed 's/.*"token":"\\([^"]*\\)".*/\\1/')\n` +
    `curl -s ${quoted(`${http}v1/messages`)} -H "Authorization: Bearer $TOKEN" \\\n  -d ${quoted(json(send))}`,
  Python: (login, send, { http }) => `import json
from urllib.request import Request, urlopen

server = ${json(http)}
login = Request(server + "v1/login", json.dumps(${json(login)}).encode())
token = json.load(urlopen(login))["data"]["token"]
body = json.dumps(${json(send)}).encode()
send = Request(server + "v1/messages", body, {"Authorization": "Bearer " + token})
print(json.load(urlopen(send))["data"])`,
  JavaScript: (login, { type, target_id: target, content }, { http, socket }) => `const {Gim} = await import(${json(
    `${http}client/gim.js`,
  )});
const gim = new Gim(${json(socket)}, ${json(login)});
await gim.connect();
console.log(await gim.send(${json(type === 1 ? { chatroom: target } : target)}, ${json(content)}));
await gim.close();`,
};

const PASTE = { Python: "try.paste_python", JavaScript: "try.paste_console" };

/** The last send of a user as a command that sends it once more: four buttons, and what was copied. */
export function Commands({ person, places }) {
  const [shown, setShown] = useState(null);
  if (!person.lastSend) return html`<p class="muted">${t("try.nothing_sent")}</p>`;

  const text = (name) => COMMANDS[name]({ id: person.id, token: person.token }, person.lastSend, places);
  const copy = async (name) => {
    const isCopied = await navigator.clipboard?.writeText(text(name)).then(() => true, () => false);
    setShown({ name, isCopied });
  };
  return html`<div class="stack">
    <div class="row"><span>${t("try.copy_as")}</span>
      ${Object.keys(COMMANDS).map((name) => html`<${Button} kind="small" onClick=${() => copy(name)}>${name}<//>`)}
    </div>
    ${shown &&
    html`<p role="status">${t(shown.isCopied ? "try.copied" : "try.copy_by_hand")} ${t(PASTE[shown.name] ?? "try.paste_shell")}</p>
      <pre tabindex="0" aria-label=${shown.name}>${text(shown.name)}</pre>`}
  </div>`;
}
