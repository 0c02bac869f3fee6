// The program of the JavaScript client in Node. Its argument is the file of the package ws.

import {readFileSync, writeFileSync} from "node:fs";
import {createInterface} from "node:readline";
import {pathToFileURL} from "node:url";

import {Gim} from "../../../../clients/js/gim.js";
import {Talker, Talkers} from "./talker.js";

const {WebSocket} = await import(pathToFileURL(process.argv[2]));

/** Keeps the state in a file. */
class FileStore {
  constructor(path) {
    this.path = path;
  }

  load() {
    try {
      return JSON.parse(readFileSync(this.path, "utf-8"));
    } catch (error) {
      if (error.code === "ENOENT") return null;
      throw error;
    }
  }

  save(state) {
    writeFileSync(this.path, JSON.stringify(state));
  }
}

const write = report => process.stdout.write(`${JSON.stringify(report)}\n`);
const lines = createInterface({input: process.stdin})[Symbol.asyncIterator]();
const {clients} = JSON.parse((await lines.next()).value);
const talkers = new Talkers(
  clients.map(job => {
    const store = job.store ? new FileStore(job.store) : undefined;
    return new Talker(Gim, job, {WebSocket, store}, write);
  }),
);
for await (const line of lines) {
  const command = JSON.parse(line).do;
  if (command === "close") break;
  talkers.do(command);
}
await talkers.do("close");
process.exit(0);
