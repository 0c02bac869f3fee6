// The job on Node's ws. Usage: node ws.js PORT, with ws where NODE_PATH finds it.
"use strict";

const { WebSocketServer } = require("ws");
const { Chat } = require("./chat.js");

const rooms = new Map();
const chat = new Chat(
  (room, text) => {
    const data = Buffer.from(text); // once, not for every member
    for (const socket of rooms.get(room)) socket.send(data, { binary: false });
  },
  (connection, room) => {
    if (!rooms.has(room)) rooms.set(room, new Set());
    rooms.get(room).add(connection.socket);
  },
);

const server = new WebSocketServer({
  host: "127.0.0.1",
  port: Number(process.argv[2]),
  backlog: 1024,
  perMessageDeflate: false,
});
server.on("connection", (socket) => {
  const connection = { socket, user: null, sendText: (text) => socket.send(text) };
  socket.on("message", (data) => chat.receive(connection, data.toString()));
  socket.on("close", () => {
    chat.gone(connection);
    for (const members of rooms.values()) members.delete(socket);
  });
  socket.on("error", () => {});
});
