import test from "node:test";
import {names, Runner} from "./scenarios.js";

for (const name of names) test(name, () => new Runner(name).run());
