// What other servers answer to each request of a delivery: Fedify itself tells only
// the last, and of that only whether it failed.

import { AsyncLocalStorage } from "node:async_hooks";

const watching = new AsyncLocalStorage();
const plainFetch = globalThis.fetch;

globalThis.fetch = async (...request) => {
  const response = await plainFetch(...request);
  if (response.status < 300 || response.status >= 400) {
    watching.getStore()?.push({ status: response.status, body: await response.clone().text() });
  }
  return response;
};

/** Runs send; resolves to the answers [{status, body}] and the error, if any. */
export async function watchKnocks(send) {
  const knocks = [];
  try {
    await watching.run(knocks, send);
    return { knocks };
  } catch (error) {
    return { knocks, error };
  }
}
