// What gim.d.ts must refuse: each line below a comment is an error, or tsc reports the comment.

import {Gim, GimError, LocalStore} from "gim-client";

// @ts-expect-error no options
new Gim("ws://127.0.0.1:8080");
// @ts-expect-error no id
new Gim("ws://127.0.0.1:8080", {name: "Ann"});
// @ts-expect-error an id that is a number
new Gim("ws://127.0.0.1:8080", {id: 1001});
// @ts-expect-error a token that is a number
new Gim("ws://127.0.0.1:8080", {id: "1001", token: () => 1});
// @ts-expect-error an unknown kind of filling
new Gim("ws://127.0.0.1:8080", {id: "1001", fill: "some"});
// @ts-expect-error a store that can't load
new Gim("ws://127.0.0.1:8080", {id: "1001", store: {save: () => {}}});
// @ts-expect-error an unknown option
new Gim("ws://127.0.0.1:8080", {id: "1001", outbox_limit: 5});
// @ts-expect-error a store without a key
new LocalStore();

const gim = new Gim("ws://127.0.0.1:8080", {id: "1001"});
const pending = gim.send("1002", "hello");

// @ts-expect-error the state is read only
gim.state = "closed";
// @ts-expect-error an unknown state
gim.state === "open";
// @ts-expect-error there may be no user
gim.user.name;
// @ts-expect-error no content
gim.send("1002");
// @ts-expect-error a receiver that is a number
gim.send(1002, "hello");
// @ts-expect-error a chatroom by another name
gim.send({room: "9999"}, "hello");
// @ts-expect-error content that is not text
gim.send("1002", {text: "hello"});
// @ts-expect-error options that are text
gim.send("1002", "hello", "image");
// @ts-expect-error the id is that of the reply
pending.id;
// @ts-expect-error an unknown status
pending.status === "done";
// @ts-expect-error the request id is read only
pending.requestId = "1";
// @ts-expect-error an unknown event
gim.on("messages", () => {});
// @ts-expect-error no function
gim.on("message");
// @ts-expect-error a field by its name in the protocol
gim.on("message", ({session_id}) => session_id);
// @ts-expect-error a field of another event
gim.on("gap", ({content}) => content);
// @ts-expect-error there may be no delay
gim.on("state", ({delay}) => delay.toFixed());
// @ts-expect-error `before` may be null
gim.on("gap", ({before}) => before.length);
// @ts-expect-error a signal that is none
gim.on("message", () => {}, {signal: true});
// @ts-expect-error messages are read only
gim.on("message", message => { message.content = ""; });
// @ts-expect-error no session
gim.history();
// @ts-expect-error a count that is text
gim.history("1:9999", {count: "20"});
// @ts-expect-error pages are promised
gim.history("1:9999").items;
// @ts-expect-error an unknown type of sessions
gim.sessions(3);
// @ts-expect-error no message
gim.read("1:9999");
// @ts-expect-error no seconds
gim.mute("9999", "1002");
// @ts-expect-error an unknown role
gim.appoint("9999", "1002", "boss");
// @ts-expect-error an op by its name
gim.request("login");
// @ts-expect-error a loop that needs `await`
for (const message of gim.messages()) message.content;
// @ts-expect-error an unknown code
new GimError("lost");
// @ts-expect-error what a request returns is unknown
(await gim.request(105)).data;
