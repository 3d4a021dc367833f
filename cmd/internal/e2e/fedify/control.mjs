// What a test tells the server to do, as JSON over a loopback port of its own.

import { json } from "./web.mjs";

/** Answers a request of the test. */
export async function control(peer, request) {
  const url = new URL(request.url);
  if (request.method === "GET") {
    switch (url.pathname) {
      case "/health":
        return json({ actors: peer.actors() });
      case "/relays":
        return json(peer.relays());
      case "/received": {
        const after = Number(url.searchParams.get("after") ?? 0);
        const wait = Number(url.searchParams.get("wait") ?? 0);
        return json(await peer.received(after, wait));
      }
    }
  }
  const commands = {
    "/follow": (order) => peer.followRelay(order),
    "/undo": (order) => peer.unfollowRelay(order),
    "/post": (order) => peer.post(order),
    "/update": (order) => peer.update(order),
    "/delete": (order) => peer.delete(order),
  };
  const command = request.method === "POST" ? commands[url.pathname] : undefined;
  if (!command) return json({ error: "unknown command" }, 404);
  try {
    return json(await command(await request.json()));
  } catch (error) {
    return json({ error: error.stack ?? String(error) }, 500);
  }
}
