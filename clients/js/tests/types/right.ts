// Every class, option, method and event of gim.d.ts as a program uses it; tsc --strict checks it, nothing runs it.

import {Gim, GimError, LocalStore} from "gim-client";
import type {
  Chatroom, Code, Events, Gap, History, Member, Message, NewMessage, Options, Pending, Role, Sent, SessionItem, StateName,
  Store, User,
} from "gim-client";

let text: string;
let number: number;
let flag: boolean;

// stores
let saved: object | null = null;
const memory: Store = {load: () => saved, save: state => void (saved = state)};
const slow: Store = {load: () => null, save: async state => JSON.stringify(state)};
const local: Store = new LocalStore("gim");
const tab = new LocalStore("gim", sessionStorage);
tab.save({});
tab.load();

// options
const least: Options = {id: "1001"};
const all: Options = {
  id: "1001", name: "Ann", token: async () => null, store: memory, WebSocket, fill: "all", outboxLimit: 10, outboxAge: 60,
};
new Gim("ws://127.0.0.1:8080", least);
new Gim("ws://127.0.0.1:8080", {id: "1001", token: "eyJ", store: slow, fill: "none"});
new Gim("ws://127.0.0.1:8080", {id: "1001", token: () => "eyJ", store: local, fill: "newest"});
const gim = new Gim("wss://chat.example.com", all);

// states
const user: User = await gim.connect();
text = user.id + user.name;
const state: StateName = gim.state;
flag = state === "closed" || state === "connecting" || state === "online" || state === "waiting";
text = gim.user?.name ?? "unknown";
const nothing: void = gim.wake();

// sends
const pending: Pending = gim.send("1002", "hello");
const room: Chatroom = {chatroom: "9999"};
gim.send(room, "hello", {category: "image"});
text = pending.requestId + pending.content + pending.category;
text = typeof pending.to === "string" ? pending.to : pending.to.chatroom;
const status: "waiting" | "sending" | "sent" | "failed" | "uncertain" = pending.status;
flag = pending.cancel();
const again: Pending = pending.retry();
const unsent: Pending[] = gim.unsent;
try {
  const sent: Sent = await pending;
  text = sent.id + sent.requestId + sent.sessionId;
  number = sent.sequence + sent.createdAt;
} catch (error) {
  if (!(error instanceof GimError)) throw error;
  const code: Code = error.code;
  flag = error.temporary || code === "uncertain" || code === 403;
  text = error.name + error.message;
}
const refusal: Error = new GimError("closed", "the client is closed");

// requests
const history: History = await gim.history("1:9999");
await gim.history("1:9999", {before: history.items[0].id, count: 50});
flag = history.hasMore;
for await (const message of gim.all("1:9999", history.items[0].id)) {
  const {sender, status, createdAt, sequence}: Message = message;
  text = message.id + message.sessionId + message.category + message.content + sender.name;
  number = status + createdAt + sequence;
}
const sessions: SessionItem[] = await gim.sessions(1);
for (const {id, type, title, last, unread} of await gim.sessions()) {
  text = id + title + (last?.content ?? "");
  number = type + unread;
}
const {sessionId, total} = await gim.join("9999", "The den");
await gim.leave("9999");
const members: Member[] = await gim.members("9999");
const role: Role = members[0].role;
flag = members[0].online && role === "owner";
number = (await gim.read(sessionId, history.items[0].id)).unread;
await gim.recall(sessionId, history.items[0].id);
await gim.rename("9999", "The hall");
await gim.dismiss("9999");
await gim.remove("9999", "1002");
number = (await gim.mute("9999", "1002", 60)).until + total;
await gim.appoint("9999", "1002", "admin");
const reply: unknown = await gim.request(105);
await gim.request(203, {session_id: "1:9999"});

// messages
for await (const {title, content} of gim.messages()) text = title + content;
for await (const message of gim.messages({session: "1:9999", signal: AbortSignal.timeout(1000)})) {
  const came: NewMessage = message;
}

// events
const off: () => void = gim.on("state", ({now, delay, code, reason}) => {
  text = `${now} ${reason ?? ""} ${code ?? ""}`;
  number = delay ?? 0;
});
gim.on("reset", ({reason}) => {
  flag = reason === "start" || reason === "epoch" || reason === "missed";
}, {signal: new AbortController().signal});
gim.on("message", async ({title, id, sender}) => {
  text = title + id + sender.id;
});
gim.on("gap", async gap => {
  const {after, before, skipped}: Gap = gap;
  const missed: Message[] = await gim.fill(gap);
  text = `${after ?? before ?? skipped ?? missed.length}`;
});
gim.on("sent", ({requestId, id, sessionId, sequence, createdAt}) => {
  text = requestId + id + sessionId;
  number = sequence + createdAt;
});
gim.on("failed", ({requestId, code, msg}) => {
  text = `${requestId} ${code} ${msg}`;
});
gim.on("recalled", ({by, sessionId, messageId}) => {
  text = by + sessionId + messageId;
});
gim.on("read", ({by, sessionId, userId, messageId, unread}) => {
  text = by + sessionId + userId + messageId;
  number = unread;
});
gim.on("renamed", ({by, sessionId, name}) => {
  text = by + sessionId + name;
});
gim.on("dismissed", ({by, sessionId, userId}) => {
  text = by + sessionId + userId;
});
gim.on("removed", ({by, sessionId, userId}) => {
  text = by + sessionId + userId;
});
gim.on("muted", ({by, sessionId, userId, until}) => {
  text = by + sessionId + userId;
  number = until;
});
gim.on("appointed", ({by, sessionId, userId, role}) => {
  text = by + sessionId + userId + role;
});
gim.on("broadcast", ({by, content, category, createdAt}) => {
  text = by + content + category;
  number = createdAt;
});
gim.on("event", ({type, fields}) => {
  text = `${type} ${fields.by}`;
});
gim.on("error", ({code, msg, cause}) => {
  text = `${code} ${msg} ${cause}`;
});
function listen<E extends keyof Events>(event: E, f: (data: Events[E]) => void): void {
  gim.on(event, f);
}
listen("message", ({content}) => content.length);
off();
await gim.close();
