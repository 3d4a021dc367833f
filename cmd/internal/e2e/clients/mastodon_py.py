"""A reader of a Mastodon server in one process, through Mastodon.py as it is.

    PYTHONPATH=python_modules python3 mastodon_py.py http://127.0.0.1:8080

Speaks the lines that masto.mjs does; its streams are server-sent events.
"""

import json
import sys
import threading

from mastodon import Mastodon, MastodonAPIError, StreamListener

client = Mastodon(api_base_url=sys.argv[1], access_token="not-needed-in-development", ratelimit_method="throw")
writing = threading.Lock()


def tell(line):
    with writing:
        print(json.dumps(line), flush=True)


def brief(status):
    return {"id": str(status.id), "uri": status.uri, "content": status.content, "acct": status.account.acct}


def pages(page):
    """Follows the links to the next page until there is none."""
    everything = []
    while page:
        everything.append([brief(status) for status in page])
        page = client.fetch_next(page)
    return everything


class Listener(StreamListener):
    def __init__(self, name):
        self.name = name

    def on_update(self, status):
        tell({"stream": self.name, "event": "update", **brief(status)})

    def on_status_update(self, status):
        tell({"stream": self.name, "event": "status.update", **brief(status)})

    def on_delete(self, status_id):
        tell({"stream": self.name, "event": "delete", "id": str(status_id)})

    def on_abort(self, err):
        tell({"stream": self.name, "event": "abort", "content": str(err)})


def stream(tag=None):
    if tag:
        client.stream_hashtag(tag, Listener("tag"), run_async=True, reconnect_async=True)
    else:
        client.stream_public(Listener("public"), run_async=True, reconnect_async=True)


commands = {
    "public": lambda limit: pages(client.timeline_public(limit=limit)),
    "tag": lambda tag, limit: pages(client.timeline_hashtag(tag, limit=limit)),
    "search": lambda text: [brief(s) for s in client.search_v2(text, result_type="statuses").statuses],
    "lookup": lambda acct: client.account(client.account_lookup(acct)).url,
    "status": lambda id: brief(client.status(id)),
    "stream": stream,
}

for line in sys.stdin:
    command = json.loads(line)
    n, name = command.pop("n"), command.pop("do")
    try:
        tell({"n": n, "answer": commands[name](**command)})
    except MastodonAPIError as error:
        tell({"n": n, "error": " ".join(str(part) for part in error.args)})
    except Exception as error:  # of the library: a test fails of it
        tell({"n": n, "error": repr(error)})
