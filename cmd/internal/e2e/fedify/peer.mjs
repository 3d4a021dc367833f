// A server of the fediverse in one process, run by Fedify over plain HTTP on loopback.
//
//   node peer.mjs '{"state": "/tmp/a/state.json", "actors": [{"name": "alice", "discoverable": true}]}'
//
// state     file for port, keys, posts and relays: the same file is the same server again
// actors    [{name, type, title, summary, discoverable, indexable}]; a flag left out stays out of the document
// software  the name in NodeInfo; "fedify-peer" when left out
// firstKnock  "draft-cavage-http-signatures-12" or "rfc9421": the signature that is tried first
//
// Prints one line {"origin", "control"} when it serves, and ends when its standard input does.

import { control } from "./control.mjs";
import { Peer } from "./federation.mjs";
import { Store } from "./store.mjs";
import { listen } from "./web.mjs";

const config = JSON.parse(process.argv[2]);
const store = new Store(config.state);

let start;
const started = new Promise((resolve) => (start = resolve));
const { port } = await listen(store.port, async (request) => (await started).handle(request));
if (store.port !== port) store.port = port;
const origin = `http://127.0.0.1:${port}`;
const peer = new Peer({
  store,
  actors: config.actors,
  origin,
  software: config.software ?? "fedify-peer",
  firstKnock: config.firstKnock ?? "draft-cavage-http-signatures-12",
});
start(peer);
const orders = await listen(0, (request) => control(peer, request));
console.log(JSON.stringify({ origin, control: `http://127.0.0.1:${orders.port}` }));

process.stdin.resume();
process.stdin.once("end", () => process.exit(0));
