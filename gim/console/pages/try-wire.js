import { t } from "./i18n.js";

const FRAMES_KEPT = 200;
const NAMES = {
  101: "login",
  103: "logout",
  105: "heartbeat",
  201: "send",
  203: "history",
  205: "sessions",
  207: "push",
  213: "event",
  301: "join",
};

function nameOf(op) {
  if (NAMES[op]) return NAMES[op];
  return NAMES[op - 1] ? t("try.reply", { name: NAMES[op - 1] }) : `op ${op}`;
}

// a token on the screen is one that a screenshot gives away
const hide = (key, value) => (key === "token" && value ? t("try.hidden", { n: value.length }) : value);

/** Write JSON on several lines, what is short on one. */
export function pretty(value, indent = "") {
  const line = JSON.stringify(value);
  if (line.length + indent.length <= 60 || typeof value !== "object") return line;
  const inner = `${indent}  `;
  const isList = Array.isArray(value);
  const items = Object.entries(value).map(
    ([key, each]) => (isList ? "" : `${JSON.stringify(key)}: `) + pretty(each, inner),
  );
  const [open, close] = isList ? "[]" : "{}";
  return `${open}\n${inner}${items.join(`,\n${inner}`)}\n${indent}${close}`;
}

/** The network of one client: it notes each packet, and can be cut. */
export class Wire {
  frames = []; // the newest, in order
  count = 0; // of all frames
  loginAt = 0; // ms, by the clock of the server
  isCut = false;

  constructor(changed) {
    const wire = this;
    this.changed = changed;
    this.Socket = class extends WebSocket {
      constructor(...words) {
        if (wire.isCut) return unreachable();
        super(...words);
        wire.socket = this;
        this.addEventListener("message", ({ data }) => wire.note("in", data));
      }

      send(text) {
        wire.note("out", text);
        super.send(text);
      }
    };
  }

  note(direction, text) {
    const { op, seq = 0, body: written = {} } = JSON.parse(text);
    const body = JSON.parse(typeof written === "string" ? written : JSON.stringify(written), hide);
    if (op === 102 && !body.code) this.loginAt = body.data.server_time;
    const shown = `{"op": ${op}, "seq": ${seq}, "body": ${pretty(body)}}`;
    const bytes = new TextEncoder().encode(text).length;
    const frame = { key: this.count++, at: Date.now(), direction, name: nameOf(op), bytes, text: shown };
    this.frames = [...this.frames, frame].slice(-FRAMES_KEPT);
    this.changed();
  }

  cut() {
    this.isCut = true;
    this.socket?.close();
    this.socket?.dispatchEvent(new CloseEvent("close", { code: 1006 }));
  }
}

function unreachable() {
  const socket = { close() {} };
  setTimeout(() => socket.onclose?.({ code: 1006, reason: "" }));
  return socket;
}
