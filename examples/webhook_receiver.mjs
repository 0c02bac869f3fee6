// A receiver of gim's webhooks: node webhook_receiver.mjs PORT SECRET_FILE
//
// It listens on 127.0.0.1, checks each event, answers, and prints it. It needs Node 20 or newer, no packages.

import {createHmac, timingSafeEqual} from "node:crypto";
import {readFileSync} from "node:fs";
import {createServer} from "node:http";

const MAX_AGE = 300; // seconds for which a signature is valid
const MAX_BODY = 2 ** 20; // bytes
const MEMORY = 3600; // seconds for which an event may come again

const [port, secretFile] = process.argv.slice(2);
const secret = Buffer.from(readFileSync(secretFile, "latin1").trim(), "latin1");
const taken = new Map(); // id -> when it came; in real life rows of a table with a unique key

/** Say whether gim signed the body. */
function isSigned(timestamp, signature, body) {
  const digest = createHmac("sha256", secret).update(`${timestamp}.`).update(body).digest("hex");
  const expected = Buffer.from(`v1=${digest}`);
  const given = Buffer.from(signature);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/** Say whether an event comes for the first time: it comes again when the answer to an earlier attempt got lost. */
function isNew(id, now) {
  for (const [old, since] of taken) {
    if (now - since <= MEMORY) break;
    taken.delete(old);
  }
  if (taken.has(id)) return false;
  taken.set(id, now);
  return true;
}

/** Check an event and keep it; return the status of the answer. */
function take(headers, body) {
  const timestamp = headers["gim-timestamp"] ?? "";
  const now = Date.now() / 1000;
  if (!isSigned(timestamp, headers["gim-signature"] ?? "", body)) return 401;
  if (!(Math.abs(now - Number(timestamp)) <= MAX_AGE)) return 400; // an old request, played again
  const event = JSON.parse(body);
  if (isNew(event.id, now)) setImmediate(handle, event);
  return 204;
}

/** Do what the event asks for: gim has its answer already, and does not wait. */
function handle(event) {
  console.log(event.type, event.user_id, JSON.stringify(event.data));
}

/** Answer a request. */
async function serve(request, response) {
  const answer = (status, more) => response.writeHead(status, {"Content-Length": 0, ...more}).end();
  if (request.method !== "POST") return answer(501);
  if (!(Number(request.headers["content-length"]) <= MAX_BODY)) return answer(413, {Connection: "close"});
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  answer(take(request.headers, Buffer.concat(chunks)));
}

const server = createServer((request, response) => {
  serve(request, response).catch(() => response.destroy()); // the connection broke, or the event is not valid
});
server.listen(Number(port), "127.0.0.1", () => console.log("listens on port", server.address().port));
