/** A client of the chat server gim. It reconnects, catches up, and sends each message once. */

/** What ended a connection, a request or a send. */
export type Code =
  /** The code of a reply, an HTTP status of the handshake, or a close code: docs/errors.md. */
  | number
  /** The message may be stored or not. `retry()` sends it as a new one. */
  | "uncertain"
  /** There was no connection, or it broke. */
  | "closed"
  /** No answer came within 30 s. */
  | "timeout"
  /** The outbox, or the buffer of a loop, is full. */
  | "full"
  /** The message was not written within `outboxAge`. */
  | "expired"
  /** `cancel()` took the message back. */
  | "cancelled"
  /** The token function failed. */
  | "token";

/** A request or a send failed. */
export declare class GimError extends Error {
  constructor(code: Code, message?: string);
  readonly name: "GimError";
  readonly code: Code;
  /** Whether to try again may help: 429, 503, `closed`, `timeout`. */
  readonly temporary: boolean;
}

/** Keeps a state between two runs of a page or program: a JSON object of some kilobytes. */
export interface Store {
  /** Returns what was saved last, `null` without any. */
  load(): unknown;
  /** Takes a state in place of the former one. It may return a promise. */
  save(state: object): unknown;
}

/** Keeps the state in `localStorage`. Each tab needs a key of its own, or `sessionStorage`. */
export declare class LocalStore implements Store {
  constructor(key: string, storage?: {getItem(key: string): string | null; setItem(key: string, value: string): void});
  load(): unknown;
  save(state: object): void;
}

export interface User {
  readonly id: string;
  readonly name: string;
}

/** A message. Times are Unix milliseconds. */
export interface Message {
  /** 32 hexadecimal digits. The ids of a session rise in the order of storing, as text. */
  readonly id: string;
  /** `1:ID` for a chatroom, `2:ID:ID` for a private session. */
  readonly sessionId: string;
  readonly sender: User;
  readonly category: string;
  readonly content: string;
  /** 1, 2, 3 … within the session, when the server counts; else 0. */
  readonly sequence: number;
  /** 1, or 2 for a message that was recalled. */
  readonly status: number;
  readonly createdAt: number;
}

/** A message that was pushed, with the title of its session. */
export interface NewMessage extends Message {
  readonly title: string;
}

/** What the server says about a message that it has stored. */
export interface Sent {
  readonly requestId: string;
  readonly id: string;
  readonly sessionId: string;
  readonly sequence: number;
  readonly createdAt: number;
}

/** Messages in ascending order, and whether there are older ones. */
export interface History {
  readonly items: Message[];
  readonly hasMore: boolean;
}

/** One line of the list of sessions. */
export interface SessionItem {
  readonly id: string;
  /** 1 for a chatroom, 2 for a private session. */
  readonly type: 1 | 2;
  readonly title: string;
  readonly last: Message | null;
  readonly unread: number;
}

export type Role = "owner" | "admin" | "member";

export interface Member extends User {
  readonly online: boolean;
  readonly role: Role;
}

/** A chatroom as the receiver of a message. */
export interface Chatroom {
  readonly chatroom: string;
}

export type StateName = "closed" | "connecting" | "online" | "waiting";

/** Messages were left out, between two ids. `null` stands for an end or a number that is not known. */
export interface Gap {
  readonly sessionId: string;
  readonly after: string | null;
  readonly before: string | null;
  readonly skipped: number | null;
}

/** Events by name. `by` is the id of the user who caused it, `.` for the server's administrator. */
export interface Events {
  /** The state changed. `delay` is in seconds, for `waiting`. `code` and `reason` say what ended the connection. */
  state: {
    readonly now: StateName;
    readonly delay?: number;
    readonly code?: Code;
    readonly reason?: string;
  };
  /** There may be holes: load sessions and history anew. */
  reset: {readonly reason: "start" | "epoch" | "missed"};
  message: NewMessage;
  gap: Gap;
  /** A send was stored. */
  sent: Sent;
  /** A send ended otherwise. */
  failed: {readonly requestId: string; readonly code: Code; readonly msg: string};
  recalled: {readonly by: string; readonly sessionId: string; readonly messageId: string};
  /** The user read a session, on any device. */
  read: {
    readonly by: string;
    readonly sessionId: string;
    readonly userId: string;
    readonly messageId: string;
    readonly unread: number;
  };
  renamed: {readonly by: string; readonly sessionId: string; readonly name: string};
  dismissed: {readonly by: string; readonly sessionId: string; readonly userId: string};
  removed: {readonly by: string; readonly sessionId: string; readonly userId: string};
  /** `until` is in Unix milliseconds, 0 when the mute ended. */
  muted: {readonly by: string; readonly sessionId: string; readonly userId: string; readonly until: number};
  appointed: {readonly by: string; readonly sessionId: string; readonly userId: string; readonly role: Role};
  /** The server's administrator tells something to all who are online. It is not stored. */
  broadcast: {readonly by: string; readonly content: string; readonly category: string; readonly createdAt: number};
  /** An event of a type that this version does not know. */
  event: {readonly type: string; readonly fields: Readonly<Record<string, unknown>>};
  /**
   * Something went wrong that ends nothing: `cause` is what a handler or a store threw. Without a listener
   * it goes to `console.error`.
   */
  error: {
    readonly code: number | "protocol" | "handler" | "store";
    readonly msg: string;
    readonly cause?: unknown;
  };
}

/** A message on its way: a promise of what the server says. It rejects with a `GimError`. */
export interface Pending extends Promise<Sent> {
  readonly requestId: string;
  readonly to: string | Chatroom;
  readonly content: string;
  readonly category: string;
  /** `waiting` as long as it was never written, `sending` until the server answers. */
  readonly status: "waiting" | "sending" | "sent" | "failed" | "uncertain";
  /** Takes it back; false when it was written already, or has ended. */
  cancel(): boolean;
  /** Sends the same once more, as a new message. */
  retry(): Pending;
}

export interface Options {
  /** The id of the user. */
  id: string;
  name?: string;
  /**
   * A JWT, or a function that returns one. It is called before a login when the last token was refused or is about
   * to expire. `null` closes the client; a failure is tried again after a delay.
   */
  token?: string | (() => string | null | Promise<string | null>);
  /** Where the state is kept. Without one, it lasts as long as the object. */
  store?: Store;
  /** Needed in Node before 22: the class of the package `ws`. */
  WebSocket?: unknown;
  /** What is read of the messages that a chatroom left out: nothing, the newest 100, or all. `newest` by default. */
  fill?: "none" | "newest" | "all";
  /** Messages that may wait, 1,000 by default. */
  outboxLimit?: number;
  /** Seconds that a message may wait for a connection, 3,600 by default. */
  outboxAge?: number;
}

/** One user at one server. */
export declare class Gim {
  /** `url` begins with `ws:` or `wss:`. */
  constructor(url: string, options: Options);

  readonly state: StateName;
  /** The user as the server knows it since the last login, `null` before the first one. */
  readonly user: User | null;
  /** Messages that have not ended, in order, those of the last run included. */
  readonly unsent: Pending[];

  /** Connects, and stays connected. Resolves with the first login; rejects when the client is closed instead. */
  connect(): Promise<User>;
  /** Disconnects for good. Resolves when the socket is closed, after 2 s at the latest. */
  close(): Promise<void>;
  /** Finds out now whether the connection lives. A browser does this by itself. */
  wake(): void;

  /** Sends a message, also without a connection. */
  send(to: string | Chatroom, content: string, options?: {category?: string}): Pending;

  /** Calls a function with each event of a name, in order. What it returns ends that, and so does the signal. */
  on<E extends keyof Events>(event: E, f: (data: Events[E]) => unknown, options?: {signal?: AbortSignal}): () => void;
  /**
   * Yields the messages from now on, of one session or of all, until the client is closed, the signal aborts or the
   * loop breaks. A loop behind which 10,000 messages wait ends with the `GimError` `full`.
   */
  messages(options?: {session?: string; signal?: AbortSignal}): AsyncIterableIterator<NewMessage>;

  /** Reads the newest messages, 20 of them, or those just before an id. `count` is 1 to 100. */
  history(session: string, options?: {before?: string; count?: number}): Promise<History>;
  /** Yields all messages of a session, or those before an id, the newest first. */
  all(session: string, before?: string): AsyncIterableIterator<Message>;
  /** Reads what a gap left out, oldest first. */
  fill(gap: Gap): Promise<Message[]>;
  /** Lists the sessions of a type, 1 for chatrooms, 2 for private ones, or all. */
  sessions(type?: 1 | 2): Promise<SessionItem[]>;
  /** Joins a chatroom, or creates it with a name. */
  join(room: string, name?: string): Promise<{readonly sessionId: string; readonly total: number}>;
  leave(room: string): Promise<{}>;
  members(room: string): Promise<Member[]>;
  /** Marks a session as read up to a message. */
  read(session: string, messageId: string): Promise<{readonly unread: number}>;
  recall(session: string, messageId: string): Promise<{}>;
  rename(room: string, name: string): Promise<{}>;
  dismiss(room: string): Promise<{}>;
  remove(room: string, user: string): Promise<{}>;
  /** Mutes a member, or ends a mute with 0 seconds. `until` is in Unix milliseconds. */
  mute(room: string, user: string, seconds: number): Promise<{readonly until: number}>;
  appoint(room: string, user: string, role: Role): Promise<{}>;
  /** Sends any request of docs/protocol.md, with the names as they are there. */
  request(op: number, body?: object): Promise<unknown>;
}

/** Takes the end of a request or a send: `code` is 0 for a success, with the data as the server wrote them. */
export type Done = (code: Code, msg: string, data?: any) => void;

/** What a core needs of its surroundings. */
export interface Io {
  /** Unix seconds that never go back. */
  now(): number;
  /** Opens a WebSocket with the subprotocol `gim.json`; what comes from it is reported with this number. */
  open(socket: number): void;
  /** Writes to the current socket, and closes it. */
  write(text: string): void;
  close(code: number): void;
  /** Asks for a token; the answer is `token()`. */
  ask(): void;
  /** Keeps a state. Without it, nothing is kept. */
  save?(state: object): void;
  /** Comes after each input, with the time at which to call `tick()`, `Infinity` for never. */
  settled(deadline: number, state: StateName, user: User | null): void;
}

/** A message of the outbox, with the names that a store keeps. */
export interface Entry {
  readonly request_id: string;
  readonly type: 1 | 2;
  readonly target_id: string;
  readonly content: string;
  readonly category: string;
  readonly status?: "sent" | "failed" | "uncertain";
  done?: Done;
}

/** A client without input and output. Data have the names of docs/protocol.md. */
export interface Core {
  readonly unsent: ReadonlySet<Entry>;
  connect(done: Done): void;
  close(): void;
  wake(): void;
  tick(): void;
  /** The application's token, `null` without one; with `failure`, why it could not be found. */
  token(value: string | null, failure?: string): void;
  opened(socket: number): void;
  received(socket: number, text: string): void;
  /** A socket has ended. With `retryAfter`, in seconds, its handshake was refused, and `code` is the status. */
  ended(socket: number, code: number, reason: string, retryAfter?: number): void;
  send(message: Pick<Entry, "type" | "target_id" | "content" | "category">, done?: Done): Entry;
  cancel(entry: Entry): boolean;
  request(op: number, body: object | undefined, done: Done): void;
  save(): void;
  report(code: string, cause: unknown): void;
  /** Hands over the events that wait. */
  deliver(handle: (event: keyof Events, data: any) => void): void;
}

/** Returns a core. A `token` that is true stands for a function; `saved` is the state that was saved last. */
export declare function createCore(
  options: Omit<Options, "token" | "store" | "WebSocket"> & {
    token?: string | true;
    saved?: unknown;
    eventLimit?: number;
    draw?: (name: string) => number;
  },
  io: Io,
): Core;
