// The job on uWebSockets.js. Usage: node uws.js PORT, with the package where NODE_PATH finds it.
"use strict";

const uws = require("@trufflesuite/uws-js-unofficial");
const { Chat } = require("./chat.js");

const chat = new Chat(
  (room, text) => app.publish(room, text, false),
  (connection, room) => connection.socket.subscribe(room),
);

const app = uws.App().ws("/*", {
  compression: uws.DISABLED,
  idleTimeout: 0,
  maxBackpressure: 1024 * 1024,
  open: (socket) => {
    socket.connection = { socket, user: null, sendText: (text) => socket.send(text, false) };
  },
  message: (socket, data) => chat.receive(socket.connection, Buffer.from(data).toString()),
  close: (socket) => chat.gone(socket.connection),
});
app.listen("127.0.0.1", Number(process.argv[2]), (listening) => {
  if (!listening) process.exit(1);
});
