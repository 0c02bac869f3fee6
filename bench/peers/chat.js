// The benchmark's job without its sockets, for ws.js and uws.js: the same packets as stock.py, kept as simple.
"use strict";

class Chat {
  // publish(room, text) writes to all members; enter(connection, room) makes one of a connection
  constructor(publish, enter) {
    this.publish = publish;
    this.enter = enter;
    this.users = new Map(); // id -> Set of connections, each with user and sendText
    this.sessions = new Map(); // session id -> array of messages, oldest first
    this.totals = new Map();
    this.counter = 0;
  }

  receive(connection, text) {
    const request = JSON.parse(text);
    const body = JSON.parse(request.body);
    let data;
    if (request.op === 101) data = this.login(connection, body);
    else if (request.op === 201) data = this.send(connection, body);
    else if (request.op === 301) data = this.join(connection, body);
    connection.sendText(packet(request.op + 1, { code: 0, msg: "", data }, request.seq));
  }

  login(connection, body) {
    const user = { id: body.id, name: body.name || body.id };
    connection.user = user;
    if (!this.users.has(user.id)) this.users.set(user.id, new Set());
    this.users.get(user.id).add(connection);
    return { user, server_time: Date.now(), missed: 0 };
  }

  join(connection, body) {
    const total = (this.totals.get(body.id) || 0) + 1;
    this.totals.set(body.id, total);
    this.enter(connection, body.id);
    return { session_id: `1:${body.id}`, total };
  }

  send(connection, body) {
    const sender = connection.user;
    const isRoom = body.type === 1;
    const pair = sender.id < body.target_id ? [sender.id, body.target_id] : [body.target_id, sender.id];
    const sessionId = isRoom ? `1:${body.target_id}` : `2:${pair[0]}:${pair[1]}`;
    const title = isRoom ? `chatroom:${body.target_id}` : sender.name;
    const message = this.store(sessionId, sender, body);
    const session = { id: sessionId, type: body.type, title };
    const text = packet(207, { session, items: [message], skipped: 0 }, 0);
    if (isRoom) this.publish(body.target_id, text);
    else for (const peer of this.users.get(body.target_id) || []) peer.sendText(text);
    return { id: message.id, session_id: sessionId, sequence: 0, created_at: message.created_at };
  }

  store(sessionId, sender, body) {
    const at = Date.now();
    const number = (this.counter++).toString(16).padStart(15, "0");
    const message = {
      id: `${at.toString(16).padStart(12, "0")}70008${number}`,
      session_id: sessionId,
      sender,
      category: body.category || "text",
      content: body.content,
      sequence: 0,
      status: 1,
      created_at: at,
    };
    let messages = this.sessions.get(sessionId);
    if (messages === undefined) this.sessions.set(sessionId, (messages = []));
    messages.push(message);
    return message;
  }

  gone(connection) {
    if (connection.user) this.users.get(connection.user.id).delete(connection);
  }
}

function packet(op, body, seq) {
  return JSON.stringify({ op, body: JSON.stringify(body), seq });
}

module.exports = { Chat };
