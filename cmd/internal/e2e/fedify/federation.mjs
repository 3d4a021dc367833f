// The server that Fedify runs: actors, posts, and an inbox that writes down what it gets.

import { createFederation, MemoryKvStore } from "@fedify/fedify";
import {
  Accept,
  Activity,
  Announce,
  Application,
  Create,
  Delete,
  Endpoints,
  Follow,
  Hashtag,
  LanguageString,
  Note,
  Person,
  PUBLIC_COLLECTION,
  Reject,
  Service,
  Tombstone,
  Undo,
  Update,
} from "@fedify/vocab";
import { Temporal } from "@js-temporal/polyfill";
import { watchKnocks } from "./knock.mjs";
import { verify } from "./verify.mjs";

/** The actor that stands for the whole server and follows relays. */
export const instance = "instance";

const actorTypes = { Person, Service, Application };

export class Peer {
  #store;
  #actors; // name → {name, type, discoverable, indexable}
  #federation;
  #origin;
  #received = [];
  #waiting = new Set();
  #sequence = 0;

  constructor({ store, actors, origin, software, firstKnock }) {
    this.#store = store;
    this.#origin = origin;
    this.#actors = new Map(actors.map((actor) => [actor.name, actor]));
    this.#actors.set(instance, { name: instance, type: "Application" });
    this.#federation = this.#build(software, firstKnock);
  }

  #build(software, firstKnock) {
    const federation = createFederation({
      kv: new MemoryKvStore(),
      allowPrivateAddress: true,
      firstKnock,
      origin: this.#origin,
    });
    federation
      .setActorDispatcher("/actors/{identifier}", (context, name) => this.#actor(context, name))
      .setKeyPairsDispatcher((_, name) => (this.#actors.has(name) ? this.#store.keyPairs(name) : []));
    federation.setFollowersDispatcher("/actors/{identifier}/followers", () => ({ items: [] }));
    federation.setOutboxDispatcher("/actors/{identifier}/outbox", () => ({ items: [] }));
    federation.setObjectDispatcher(Note, "/actors/{identifier}/notes/{id}", (context, { identifier, id }) => {
      const post = this.#store.post(identifier, id);
      return post && !post.deleted ? note(context, post) : null;
    });
    federation
      .setInboxListeners("/actors/{identifier}/inbox", "/inbox")
      .setSharedKeyDispatcher(() => ({ identifier: instance }))
      .on(Activity, (context, activity) => this.#listen(context, activity));
    federation.setNodeInfoDispatcher("/nodeinfo/2.1", () => ({
      software: { name: software, version: "1.0.0" },
      protocols: ["activitypub"],
      usage: { users: { total: this.#actors.size - 1 }, localPosts: 0, localComments: 0 },
    }));
    return federation;
  }

  async #actor(context, name) {
    const known = this.#actors.get(name);
    if (!known) return null;
    const keys = await context.getActorKeyPairs(name);
    return new actorTypes[known.type ?? "Person"]({
      id: context.getActorUri(name),
      preferredUsername: name,
      name: known.title ?? name,
      summary: known.summary ?? "",
      url: new URL(`/@${name}`, this.#origin),
      inbox: context.getInboxUri(name),
      outbox: context.getOutboxUri(name),
      followers: context.getFollowersUri(name),
      endpoints: new Endpoints({ sharedInbox: context.getInboxUri() }),
      manuallyApprovesFollowers: false,
      discoverable: known.discoverable ?? null,
      indexable: known.indexable ?? null,
      publicKey: keys[0].cryptographicKey,
      assertionMethods: keys.map((key) => key.multikey),
    });
  }

  // Runs when Fedify's inbox has accepted an activity as its actor's.
  async #listen(context, activity) {
    const entry = context.data.entry;
    entry.accepted = true;
    if (activity instanceof Accept || activity instanceof Reject) this.#settle(activity);
    // The instance signs what it fetches, as a server in secure mode is asked to.
    if (activity instanceof Announce) {
      entry.fetched = await fetchObject(activity.objectId, await context.getDocumentLoader({ identifier: instance }));
    }
  }

  // An Accept or Reject counts by the id of the Follow it names.
  #settle(activity) {
    for (const relay of this.#store.relays()) {
      if (relay.follow !== activity.objectId?.href) continue;
      this.#store.saveRelay({
        ...relay,
        state: activity instanceof Accept ? "accepted" : "rejected",
        actor: activity.actorId.href,
      });
    }
  }

  /** Answers a request from the network. */
  async handle(request) {
    const gone = this.#tombstone(request);
    if (gone) return gone;
    if (request.method !== "POST") return await this.#federation.fetch(request, { contextData: {} });
    return await this.#receive(request);
  }

  // A deleted post is 410 with a Tombstone, as on Mastodon; Fedify's dispatcher knows only 404.
  #tombstone(request) {
    const match = new URL(request.url).pathname.match(/^\/actors\/([^/]+)\/notes\/([^/]+)$/);
    if (!match || !this.#store.post(match[1], match[2])?.deleted) return null;
    return new Response(
      JSON.stringify({
        "@context": "https://www.w3.org/ns/activitystreams",
        id: request.url,
        type: "Tombstone",
      }),
      { status: 410, headers: { "Content-Type": "application/activity+json" } },
    );
  }

  async #receive(request) {
    const raw = await request.clone().text();
    const entry = {
      time: new Date().toISOString(),
      path: new URL(request.url).pathname,
      signature: request.headers.get("signature") ?? "",
      raw,
      accepted: false,
    };
    let body;
    try {
      body = JSON.parse(raw);
      Object.assign(entry, { id: body.id, type: body.type, actor: idOf(body.actor), object: idOf(body.object) });
      Object.assign(entry, await verify(request, body, this.#context()));
    } catch (error) {
      entry.error = String(error);
    }
    const response = await this.#federation.fetch(request, { contextData: { entry } });
    entry.status = response.status;
    this.#record(entry);
    return response;
  }

  #record(entry) {
    entry.n = this.#received.length + 1;
    this.#received.push(entry);
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  /** Deliveries after number n, oldest first; waits up to ms until there is one. */
  async received(n, ms) {
    if (this.#received.length <= n && ms > 0) {
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#waiting.add(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    return this.#received.slice(n);
  }

  #context() {
    return this.#federation.createContext(new URL(this.#origin), {});
  }

  #id(kind) {
    return new URL(`/${kind}/${Date.now()}-${++this.#sequence}`, this.#origin);
  }

  /** URIs of the actors by name. */
  actors() {
    const context = this.#context();
    return Object.fromEntries([...this.#actors.keys()].map((name) => [name, context.getActorUri(name).href]));
  }

  relays() {
    return this.#store.relays();
  }

  /** Subscribes to a relay as Mastodon does: a Follow of the public collection, sent to its inbox. */
  async followRelay({ inbox }) {
    const context = this.#context();
    const follow = new Follow({
      id: this.#id("follows"),
      actor: context.getActorUri(instance),
      object: PUBLIC_COLLECTION,
    });
    this.#store.saveRelay({ inbox, follow: follow.id.href, state: "pending", actor: "" });
    return await this.#send(instance, inbox, follow);
  }

  /** Leaves a relay again. */
  async unfollowRelay({ inbox }) {
    const relay = this.#store.relay(inbox);
    const actor = this.#context().getActorUri(instance);
    this.#store.saveRelay({ ...relay, state: "idle" });
    const undo = new Undo({
      id: this.#id("undos"),
      actor,
      object: new Follow({ id: new URL(relay.follow), actor, object: PUBLIC_COLLECTION }),
    });
    return await this.#send(instance, inbox, undo);
  }

  /** Writes a public post and sends its Create to inbox. */
  async post({ actor, content, tags = [], language, inbox }) {
    const post = {
      actor,
      id: `${Date.now()}-${++this.#sequence}`,
      content,
      tags,
      language,
      published: new Date().toISOString(),
    };
    this.#store.savePost(post);
    return await this.#publish(Create, post, inbox);
  }

  /** Edits a post and sends its Update. */
  async update({ object, content, inbox }) {
    const post = { ...this.#find(object), content, updated: new Date().toISOString() };
    this.#store.savePost(post);
    return await this.#publish(Update, post, inbox);
  }

  /** Deletes a post and sends its Delete. */
  async delete({ object, inbox }) {
    const post = { ...this.#find(object), deleted: true };
    this.#store.savePost(post);
    const context = this.#context();
    const activity = new Delete({
      id: new URL(`${object}#delete`),
      actor: context.getActorUri(post.actor),
      to: PUBLIC_COLLECTION,
      object: new Tombstone({ id: new URL(object) }),
    });
    return { object, ...(await this.#send(post.actor, inbox, activity)) };
  }

  async #publish(type, post, inbox) {
    const context = this.#context();
    const object = note(context, post);
    const suffix = type === Create ? "create" : `updates/${Date.parse(post.updated)}-${++this.#sequence}`;
    const activity = new type({
      id: new URL(`${object.id.href}#${suffix}`),
      actor: context.getActorUri(post.actor),
      published: Temporal.Instant.from(post.updated ?? post.published),
      to: PUBLIC_COLLECTION,
      cc: context.getFollowersUri(post.actor),
      object,
    });
    return { object: object.id.href, ...(await this.#send(post.actor, inbox, activity)) };
  }

  #find(object) {
    const [, actor, id] = new URL(object).pathname.match(/^\/actors\/([^/]+)\/notes\/([^/]+)$/);
    const post = this.#store.post(actor, id);
    if (!post) throw new Error(`no post ${object}`);
    return post;
  }

  // One attempt without Fedify's queue, so that a test sees the answer and decides about a retry.
  // Refused, Fedify knocks a second time with the other form of signature: what counts is the
  // answer to the first, unless the second was taken.
  async #send(actor, inbox, activity) {
    const recipient = { id: new URL(inbox), inboxId: new URL(inbox) };
    const sent = { activity: activity.id.href };
    const { knocks, error } = await watchKnocks(() =>
      this.#context().sendActivity({ identifier: actor }, recipient, activity, { immediate: true }),
    );
    sent.knocks = knocks.length;
    if (!error) return { ...sent, ...knocks.at(-1) };
    return { ...sent, status: 0, body: String(error), ...knocks[0] };
  }
}

function note(context, post) {
  return new Note({
    id: context.getObjectUri(Note, { identifier: post.actor, id: post.id }),
    attribution: context.getActorUri(post.actor),
    to: PUBLIC_COLLECTION,
    cc: context.getFollowersUri(post.actor),
    // Mastodon writes both content and contentMap.
    contents: post.language ? [post.content, new LanguageString(post.content, post.language)] : [post.content],
    tags: post.tags.map((tag) => new Hashtag({ name: `#${tag}`, href: new URL(`/tags/${tag}`, context.origin) })),
    published: Temporal.Instant.from(post.published),
    updated: post.updated ? Temporal.Instant.from(post.updated) : null,
    url: new URL(`/@${post.actor}/${post.id}`, context.origin),
  });
}

async function fetchObject(url, load) {
  if (!url) return { url: "", ok: false, error: "the Announce names no object" };
  try {
    const { document } = await load(url.href);
    return {
      url: url.href,
      ok: true,
      id: document.id,
      type: document.type,
      author: idOf(document.attributedTo),
      content: document.content ?? "",
    };
  } catch (error) {
    return { url: url.href, ok: false, error: String(error) };
  }
}

function idOf(value) {
  if (typeof value === "string") return value;
  return value?.id ?? "";
}
