// What a peer remembers over a restart: its port, its actors' keys, its posts and
// the relays it follows. A server that comes back with other keys under its old
// name is refused everywhere, so the keys are the part that matters.

import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { exportJwk, generateCryptoKeyPair, importJwk } from "@fedify/fedify";

const algorithms = ["RSASSA-PKCS1-v1_5", "Ed25519"];

export class Store {
  #path;
  #state = { port: 0, keys: {}, posts: {}, relays: {} };
  #pairs = new Map();

  constructor(path) {
    this.#path = path;
    try {
      this.#state = JSON.parse(readFileSync(path, "utf8"));
    } catch (error) {
      if (error.code !== "ENOENT") throw error;
    }
  }

  get port() {
    return this.#state.port;
  }

  set port(port) {
    this.#state.port = port;
    this.#save();
  }

  /** Key pairs of the actor, RSA first; made at the first call. */
  async keyPairs(actor) {
    if (!this.#pairs.has(actor)) this.#pairs.set(actor, this.#loadKeyPairs(actor));
    return await this.#pairs.get(actor);
  }

  async #loadKeyPairs(actor) {
    const known = this.#state.keys[actor];
    if (known) {
      return await Promise.all(
        known.map(async ({ publicKey, privateKey }) => ({
          publicKey: await importJwk(publicKey, "public"),
          privateKey: await importJwk(privateKey, "private"),
        })),
      );
    }
    const pairs = await Promise.all(algorithms.map((name) => generateCryptoKeyPair(name)));
    this.#state.keys[actor] = await Promise.all(
      pairs.map(async ({ publicKey, privateKey }) => ({
        publicKey: await exportJwk(publicKey),
        privateKey: await exportJwk(privateKey),
      })),
    );
    this.#save();
    return pairs;
  }

  /** The post {actor, id, content, tags, language, published, updated, deleted}, or undefined. */
  post(actor, id) {
    return this.#state.posts[`${actor}/${id}`];
  }

  savePost(post) {
    this.#state.posts[`${post.actor}/${post.id}`] = post;
    this.#save();
  }

  /** The relay {inbox, follow, state} whose inbox was pasted here, or undefined. */
  relay(inbox) {
    return this.#state.relays[inbox];
  }

  relays() {
    return Object.values(this.#state.relays);
  }

  saveRelay(relay) {
    this.#state.relays[relay.inbox] = relay;
    this.#save();
  }

  #save() {
    writeFileSync(`${this.#path}.new`, JSON.stringify(this.#state));
    renameSync(`${this.#path}.new`, this.#path);
  }
}
