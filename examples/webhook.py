"""A webhook receiver on the standard library: stored first, acknowledged then, turned into signals by a worker.

    python examples/webhook.py serve            # listens on 127.0.0.1:8000; another port as a second word
    python examples/webhook.py send "Too slow"  # delivers something to it
    python examples/webhook.py work             # turns what is queued into signals, and ends when nothing is left

DATABASE_URL names the database (by default signals.db in this folder), WEBHOOK_SECRET the secret that the sender has
too: `whsec_` and base64, as https://www.standardwebhooks.com says; several while one is being replaced.

The receiver knows nothing of feedback. It checks that the sender signed these bytes a moment ago, keeps them as an
inbox item, and says 202 when they are stored: whoever dies after that loses nothing. What is not stored is not
acknowledged, and the sender tries again; so a delivery may come twice, or several times at once, and is stored once.
`inbox_items` has no unique column for that but its key. So the key is made of the delivery's id, and the second insert
finds it taken: no lock, no looking first, on both databases.

What a payload means is the worker's business, and can be changed while the queue waits. `from_inbox` takes an item
apart in one transaction, once, however many workers run and whichever of them dies. What it cannot use is dismissed,
with the reason, and kept.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import re
import sys
import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from http import HTTPStatus
from http.client import HTTPConnection
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from peewee import PeeweeException

from signals_peewee import SignalsError, SignalStore, Workspace, open_store
from signals_peewee.errors import InvalidSignal

PATH, PORT = "/webhook", 8000
WINDOW = 300
"""Seconds that a delivery may be old, or a sender's clock ahead."""
LIMIT = 1 << 20
"""Bytes that a body may have."""


class Answer(Exception):
    """Ends a request that is refused."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status)
        self.status = status


class Receiver:
    """A WSGI application that puts what is delivered to it into the inbox of a workspace.

    Args:
        store: whose database each request connects to, and leaves again.
        workspace: where to.
        keys: a delivery is signed with one of them.
    """

    def __init__(self, store: SignalStore, workspace: Workspace, keys: Sequence[bytes]) -> None:
        self.store = store
        self.workspace = workspace
        self.keys = keys

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        try:
            self.receive(environ)
            status = HTTPStatus.ACCEPTED
        except Answer as answer:
            status = answer.status
        except InvalidSignal:  # an id longer than a source_ref
            status = HTTPStatus.BAD_REQUEST
        except TimeoutError:
            status = HTTPStatus.REQUEST_TIMEOUT
        except (PeeweeException, SignalsError) as error:
            print(f"not stored: {error}", file=sys.stderr)
            status = HTTPStatus.SERVICE_UNAVAILABLE
        text = f"{status.phrase}\n".encode()
        headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(text)))]
        start_response(f"{status.value} {status.phrase}", headers)
        return [text]

    def receive(self, environ: dict[str, Any]) -> None:
        if environ["PATH_INFO"] != PATH:
            raise Answer(HTTPStatus.NOT_FOUND)
        if environ["REQUEST_METHOD"] != "POST":
            raise Answer(HTTPStatus.METHOD_NOT_ALLOWED)
        delivery, body = environ.get("HTTP_WEBHOOK_ID", ""), body_of(environ)
        # Before anything looks into the body: only the sender may make this process parse something.
        if not is_signed(self.keys, environ, body, time.time()):
            raise Answer(HTTPStatus.UNAUTHORIZED)
        content = json_object(body)
        with self.store.database.connection_context():
            self.keep(delivery, content)

    def keep(self, delivery: str, content: str) -> None:
        item = self.store.models.InboxItem
        named = hashlib.sha256(f"{self.workspace.id} {delivery}".encode()).digest()
        item.insert(
            id=base64.urlsafe_b64encode(named).decode()[:21],
            workspace=self.workspace.id,
            type="feedback",
            source="webhook",
            source_ref=delivery,
            title=f"Delivery {delivery}",
            raw_content=content,
        ).on_conflict_ignore().execute()


def body_of(environ: dict[str, Any]) -> bytes:
    length = environ.get("CONTENT_LENGTH", "")
    if not re.fullmatch(r"[0-9]{1,18}", length):
        raise Answer(HTTPStatus.LENGTH_REQUIRED)
    if int(length) > LIMIT:
        raise Answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    body: bytes = environ["wsgi.input"].read(int(length))
    return body


def is_signed(keys: Iterable[bytes], environ: dict[str, Any], body: bytes, now: float) -> bool:
    delivery, stamp, given = (environ.get(f"HTTP_WEBHOOK_{name}", "") for name in ("ID", "TIMESTAMP", "SIGNATURE"))
    if not delivery or not re.fullmatch(r"[0-9]{1,12}", stamp) or abs(now - int(stamp)) > WINDOW:
        return False
    expected = [signature(key, delivery, stamp, body) for key in keys]
    # Bytes, because compare_digest refuses text that is not ASCII, and a header may hold any Latin-1.
    return any(hmac.compare_digest(each, one.encode("latin-1")) for each in expected for one in given.split())


def signature(key: bytes, delivery: str, stamp: str, body: bytes) -> bytes:
    signed = f"{delivery}.{stamp}.".encode("latin-1") + body
    return b"v1," + base64.b64encode(hmac.digest(key, signed, "sha256"))


def json_object(body: bytes) -> str:
    """Return a body as text, as it was sent, if it is a JSON object."""
    try:
        content = body.decode("utf-8")
        if isinstance(json.loads(content), dict):
            return content
    except (ValueError, RecursionError):
        pass
    raise Answer(HTTPStatus.BAD_REQUEST)


def work(store: SignalStore, workspace: Workspace) -> None:
    """Turn what is queued into signals, the oldest first, until nothing is left."""
    item = store.models.InboxItem
    pending = (item.workspace == workspace.id) & (item.status == "pending")
    queue = item.select(item.id, item.source_ref, item.raw_content).where(pending).order_by(item.created_at, item.id)
    while queued := list(queue.limit(100).tuples()):
        for key, delivery, content in queued:
            print(delivery, taken_apart(store, workspace, key, delivery, content), flush=True)


def taken_apart(store: SignalStore, workspace: Workspace, key: str, delivery: str, content: str) -> str:
    """Turn an item into a signal, or dismiss it, and return what became of it."""
    try:
        recorded = workspace.from_inbox(key, [signal_of(delivery, json.loads(content))])
        return " ".join(each.outcome for each in recorded)
    except (ValueError, RecursionError) as error:  # InvalidSignal is a ValueError
        item, now = store.models.InboxItem, datetime.now(timezone.utc)
        dismissed = item.update(status="dismissed", metadata={"refused": str(error)}, updated_at=now)
        dismissed.where(item.id == key, item.status == "pending").execute()
        return "dismissed"


def signal_of(delivery: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of `record` that a payload stands for.

    It holds the text, and maybe its id at the sender's, severity, said_at (ISO 8601 with an offset), url and email.
    Without an id of its own the text is known by the delivery's.
    """
    said_at = payload.get("said_at")
    about = {"customerEmail": payload.get("email"), "sourceUrl": payload.get("url"), "webhookId": delivery}
    return {
        "verbatim": payload.get("text"),
        "source_ref": payload.get("id") or delivery,
        "severity": payload.get("severity"),
        "occurred_at": None if said_at is None else datetime.fromisoformat(str(said_at).replace("Z", "+00:00")),
        "source_metadata": {**{name: each for name, each in about.items() if each}, "rawPayload": payload},
    }


def deliver(port: int, key: bytes, delivery: str, payload: dict[str, Any]) -> int:
    """Deliver a payload as a sender does, and return the status of the answer: all but 2xx means try again."""
    body, stamp = json.dumps(payload).encode(), str(int(time.time()))
    headers = {
        "Webhook-Id": delivery,
        "Webhook-Timestamp": stamp,
        "Webhook-Signature": signature(key, delivery, stamp, body).decode(),
    }
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", PATH, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


class Server(ThreadingMixIn, WSGIServer):
    request_queue_size = 64


class Handler(WSGIRequestHandler):
    timeout = 30
    """Seconds that a client may take for the next bytes."""


def serve(store: SignalStore, workspace: Workspace, keys: Sequence[bytes], port: int) -> None:
    with make_server("127.0.0.1", port, Receiver(store, workspace, keys), Server, Handler) as server:
        print(f"listening on http://127.0.0.1:{server.server_port}{PATH}", flush=True)
        server.serve_forever()


def secrets() -> list[bytes]:
    try:
        given = os.environ.get("WEBHOOK_SECRET", "").split()
        keys = [base64.b64decode(each.removeprefix("whsec_"), validate=True) for each in given]
    except binascii.Error:
        keys = []
    if not keys or not all(keys):
        fresh = base64.b64encode(os.urandom(32)).decode()
        sys.exit(f"WEBHOOK_SECRET has to be whsec_ and base64, for example whsec_{fresh}")
    return keys


def main(command: str = "", word: str = "") -> None:
    if command == "send":
        print(deliver(PORT, secrets()[0], f"msg_{os.urandom(8).hex()}", {"text": word}))
        return
    if command not in ("serve", "work"):
        sys.exit(__doc__)
    keys = secrets() if command == "serve" else []
    if word and command == "serve" and not (re.fullmatch("[0-9]{1,5}", word) and int(word) < 1 << 16):
        sys.exit(f"a port is a number from 0 to 65535, and {word!r} is none")
    with open_store() as store:
        workspace = store.workspace_named("default", create=True)
        if command == "work":
            work(store, workspace)
            return
        store.close()  # each request brings a connection of its own
        serve(store, workspace, keys, int(word or PORT))


if __name__ == "__main__":
    main(*sys.argv[1:3])
