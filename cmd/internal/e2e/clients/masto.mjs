// A reader of a Mastodon server in one process, through masto.js as it is.
//
//   node masto.mjs http://127.0.0.1:8080
//
// Each line of standard input is a command {"n", "do", …}; its answer is a line
// {"n", "answer"} or {"n", "error"}. What streams bring are lines {"stream", "event",
// "id", "uri", "content"}. Ends when its standard input does.

import { createInterface } from "node:readline";
import { createRestAPIClient, createStreamingAPIClient } from "masto";

const config = { url: process.argv[2], accessToken: "not-needed-in-development" };
const rest = createRestAPIClient(config);

const brief = (status) => ({
  id: status.id, uri: status.uri, content: status.content, acct: status.account.acct,
});

/** Follows the links to the next page until there is none. */
async function pages(list) {
  const all = [];
  for await (const page of list) all.push(page.map(brief));
  return all;
}

let streaming;
async function live() {
  if (streaming) return streaming;
  const instance = await rest.v2.instance.fetch();
  streaming = createStreamingAPIClient({
    streamingApiUrl: instance.configuration.urls.streaming, accessToken: config.accessToken,
  });
  return streaming;
}

async function follow(name, subscription) {
  for await (const { event, payload } of subscription) {
    tell({ stream: name, event, ...(event === "delete" ? { id: payload } : brief(payload)) });
  }
}

const commands = {
  public: ({ limit }) => pages(rest.v1.timelines.public.list({ limit })),
  tag: ({ tag, limit }) => pages(rest.v1.timelines.tag.$select(tag).list({ limit })),
  search: async ({ text }) => (await rest.v2.search.list({ q: text, type: "statuses", limit: 40 })).statuses.map(brief),
  lookup: async ({ acct }) => {
    const account = await rest.v1.accounts.lookup({ acct });
    return (await rest.v1.accounts.$select(account.id).fetch()).url;
  },
  status: async ({ id }) => brief(await rest.v1.statuses.$select(id).fetch()),
  stream: async ({ tag }) => {
    const client = await live();
    if (tag) follow("tag", client.hashtag.subscribe({ tag }));
    else follow("public", client.public.subscribe());
    return null;
  },
};

function tell(line) {
  process.stdout.write(JSON.stringify(line) + "\n");
}

for await (const line of createInterface({ input: process.stdin })) {
  const { n, do: name, ...options } = JSON.parse(line);
  commands[name](options).then(
    (answer) => tell({ n, answer }),
    (error) => tell({ n, error: `${error.statusCode ?? ""} ${error.message}` }),
  );
}
process.exit(0);
