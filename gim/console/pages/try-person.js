import { Gim } from "../client/gim.js";
import { t } from "./i18n.js";
import { Wire } from "./try-wire.js";

const LINES_KEPT = 200;
const TABS = ["private", "chatroom"];
const KINDS = ["State", "Reset", "Message", "Gap", "Recalled", "Broadcast", "Error"];

/** One device of a user: its client, and what the two conversations show. */
export class Person {
  state = { now: "connecting" };
  // in order of `key`: the id of a message, or a text that sorts between the ids before and after
  lines = { private: [], chatroom: [] };
  count = 0; // of all lines

  constructor({ id, name, peer, room, token, url }, changed) {
    Object.assign(this, { id, peer, room, changed });
    this.wire = new Wire(changed);
    const login = token && (async () => (this.token = await token()));
    // what a push leaves out is shown as a gap, and read when the user asks for it
    this.gim = new Gim(url, { id, name, token: login, fill: "none", WebSocket: this.wire.Socket });
    for (const kind of KINDS) this.gim.on(kind.toLowerCase(), (event) => changed(this[`on${kind}`](event)));
    this.gim.connect();
  }

  onState({ now, delay, code, reason }) {
    const wasOnline = this.state.now === "online";
    this.state = { now, code, reason: reason?.replace(/^Error: /, ""), until: delay && Date.now() + 1000 * delay };
    if (wasOnline) this.note(t(this.wire.isCut ? "try.cut" : "try.lost"));
    if (now !== "online") return;
    if (this.returns) this.missed = this.note((n) => t("try.back", { n }));
    this.returns = true;
    this.joined = this.gim.join(this.room);
    this.joined.catch(this.warn);
  }

  onReset({ reason }) {
    if (reason === "epoch") {
      for (const tab of TABS) this.lines[tab] = this.lines[tab].filter(({ note }) => note);
      this.note(t("try.epoch"));
    }
    for (const session of [`2:${this.id}:${this.peer}`, `1:${this.room}`]) {
      const show = ({ items }) => items.forEach((each) => this.onMessage(each));
      this.gim.history(session).then(show, () => {});
    }
  }

  onMessage(message) {
    const tab = this.tabOf(message.sessionId);
    if (!tab || this.lines[tab].some(({ key }) => key === message.id)) return;
    this.add(tab, { key: message.id, message });
    // the count in the reply to the login includes what this device has sent
    if (this.missed && tab === "private" && message.createdAt <= this.wire.loginAt) this.missed.n++;
  }

  onGap(gap) {
    const key = gap.after ? `${gap.after}~` : (gap.before?.slice(0, -1) ?? "");
    if (this.tabOf(gap.sessionId)) this.add("chatroom", { key, gap });
  }

  onRecalled({ sessionId, messageId }) {
    const line = this.lines[this.tabOf(sessionId)]?.find(({ key }) => key === messageId);
    if (line) line.message = { ...line.message, status: 2 };
  }

  onBroadcast({ content }) {
    this.note(t("try.broadcast", { content }));
  }

  onError({ msg }) {
    this.note(msg);
  }

  tabOf(session) {
    if (session.startsWith("2:")) return "private";
    return session === `1:${this.room}` ? "chatroom" : undefined;
  }

  add(tab, line) {
    const sorted = [...this.lines[tab], { ...line, id: this.count++ }].sort((a, b) => (a.key < b.key ? -1 : Number(a.key > b.key)));
    this.lines[tab] = sorted.slice(-LINES_KEPT);
    this.changed();
  }

  /** Add a line at the end of one conversation, or of both: a text, or a function of its number `n`. */
  note(text, tabs = TABS) {
    const note = { text, n: 0 };
    for (const tab of tabs) {
      const last = this.lines[tab].at(-1)?.key ?? "";
      this.add(tab, { key: last && last.replace(/~*$/, "~"), note });
    }
    return note;
  }

  // of a request to the chatroom
  warn = ({ code, message }) => void (code === "closed" || this.note(message, ["chatroom"]));

  /** Messages that the server has not confirmed. */
  pending(tab) {
    return this.gim.unsent.filter(({ to }) => (tab === "chatroom") === (to.chatroom !== undefined));
  }

  send(tab, content) {
    const isRoom = tab === "chatroom";
    this.lastSend = { type: isRoom ? 1 : 2, target_id: isRoom ? this.room : this.peer, content };
    this.follow(tab, this.gim.send(isRoom ? { chatroom: this.room } : this.peer, content));
  }

  async follow(tab, pending, isRepeated = false) {
    const again = () => this.follow(tab, pending.retry(), true);
    this.changed();
    try {
      const sent = await pending;
      // a message to a chatroom comes back with a push, as it comes to the other members
      if (tab === "private") this.onMessage({ ...sent, sender: this.gim.user, content: pending.content });
      this.changed();
    } catch ({ code, message }) {
      // what waited goes out before the new connection joins, if the server has forgotten its members
      if ((code === 403 || code === 404) && tab === "chatroom" && !isRepeated) return void this.joined.then(again, this.warn);
      const isRefused = typeof code === "number"; // and would be again
      const key = code === "uncertain" ? "try.uncertain" : "try.failed";
      const note = this.note(t(key, { code: String(code), message }), [tab]);
      if (isRefused) return;
      note.again = () => {
        note.again = undefined;
        again();
      };
    }
  }

  async fill(line) {
    const found = await this.gim.fill(line.gap).catch(this.warn);
    if (!found) return;
    this.lines.chatroom = this.lines.chatroom.filter((each) => each !== line);
    this.changed();
    found.forEach((each) => this.onMessage(each));
  }

  connect() {
    this.wire.isCut = false;
    if (this.state.now === "closed") this.gim.connect();
    else this.gim.wake();
  }
}
