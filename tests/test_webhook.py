"""Is a delivery to examples/webhook.py stored once, only if its sender signed it, and never lost?"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from peewee import Database

from signals_peewee import SignalStore, Workspace, open_store

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
sys.path.append(str(EXAMPLES))

import webhook  # noqa: E402

KEY, OLD_KEY = b"k" * 24, b"o" * 24
SECRETS = " ".join(f"whsec_{base64.b64encode(key).decode()}" for key in (KEY, OLD_KEY))
Child = subprocess.Popen[str]


@pytest.fixture
def store(url: str) -> Iterator[SignalStore]:
    with open_store(url) as store:
        store.workspace_named("default", create=True)
        yield store


@pytest.fixture
def workspace(store: SignalStore) -> Workspace:
    return store.workspace_named("default")


@contextmanager
def script(url: str, *words: str, secrets: str = SECRETS) -> Iterator[Child]:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "DATABASE_URL": url,
        "WEBHOOK_SECRET": secrets,
    }
    command = [sys.executable, str(EXAMPLES / "webhook.py"), *words]
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    child = subprocess.Popen(command, env=environment, **pipes)
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


@contextmanager
def receiver(url: str) -> Iterator[tuple[Child, int]]:
    """The receiver as a process, and the port that it listens on."""
    with script(url, "serve", "0") as child:
        assert child.stdout
        said = child.stdout.readline()
        assert said.startswith("listening on "), child.communicate()[1]
        yield child, urlsplit(said.split()[-1]).port or 0


def worked(url: str) -> list[str]:
    """What a worker says that runs until nothing is left."""
    with script(url, "work") as child:
        said, wrong = child.communicate(timeout=60)
        assert (child.returncode, wrong) == (0, "")
        return said.splitlines()


def request(port: int, headers: dict[str, str], body: bytes = b"", method: str = "POST", path: str = "/webhook") -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def signed(body: bytes, *, key: bytes = KEY, delivery: str = "msg_1", at: float | None = None) -> dict[str, str]:
    stamp = str(int(time.time() if at is None else at))
    return {
        "Webhook-Id": delivery,
        "Webhook-Timestamp": stamp,
        "Webhook-Signature": webhook.signature(key, delivery, stamp, body).decode(),
    }


def items(store: SignalStore) -> list[tuple[str, str, str]]:
    item = store.models.InboxItem
    query = item.select(item.source_ref, item.status, item.raw_content).order_by(item.created_at, item.id)
    return list(query.tuples())


def test_the_signature_is_that_of_standard_webhooks() -> None:
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = webhook.signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    assert made == b"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_is_acknowledged_is_stored_and_becomes_a_signal(
    url: str, store: SignalStore, workspace: Workspace
) -> None:
    payload = {
        "text": "Wo ist die Rechnung? 🧾",
        "id": "17",
        "severity": "high",
        "said_at": "2026-01-02T03:04:05Z",
        "email": "ada@example.org",
        "url": "https://example.org/17",
    }
    body = json.dumps(payload, ensure_ascii=False).encode()
    with receiver(url) as (_, port):
        assert request(port, signed(body), body) == 202
        assert items(store) == [("msg_1", "pending", body.decode())]
        assert request(port, signed(body, key=OLD_KEY, delivery="msg_2"), body) == 202
    assert worked(url) == ["msg_1 created", "msg_2 conflict"]  # of another item, and stored already
    (signal,) = workspace.page(include=["inbox_item", "raw_payload"]).items
    assert (signal.verbatim, signal.source, signal.source_ref) == ("Wo ist die Rechnung? 🧾", "webhook", "17")
    assert (signal.severity, signal.occurred_at.isoformat()) == ("high", "2026-01-02T03:04:05+00:00")
    assert signal.inbox_item.source_ref == "msg_1"
    assert signal.source_metadata == {
        "customerEmail": "ada@example.org",
        "sourceUrl": "https://example.org/17",
        "webhookId": "msg_1",
        "rawPayload": payload,
    }
    assert worked(url) == []


def test_deliveries_that_are_repeated_at_once_are_stored_once_and_all_acknowledged(
    url: str, store: SignalStore, workspace: Workspace
) -> None:
    with receiver(url) as (_, one), receiver(url) as (_, other), ThreadPoolExecutor(16) as threads:

        def deliver(number: int) -> int:
            port = (one, other)[number // 8 % 2]
            return webhook.deliver(port, KEY, f"msg_{number % 8}", {"text": f"words {number % 8}"})

        answers = list(threads.map(deliver, range(128)))
        assert Counter(answers) == {202: 128}
        assert sorted(source_ref for source_ref, *_ in items(store)) == [f"msg_{number}" for number in range(8)]
        assert sorted(worked(url)) == [f"msg_{number} created" for number in range(8)]
        assert list(threads.map(deliver, range(8))) == [202] * 8
    assert worked(url) == []
    assert workspace.count() == 8


def test_one_delivery_id_in_two_workspaces_is_two_deliveries(store: SignalStore, workspace: Workspace) -> None:
    other = store.workspace_named("other", create=True)
    for each in (workspace, other, workspace, other):
        webhook.Receiver(store, each, [KEY]).keep("msg_1", "{}")
    assert len(items(store)) == 2


BODY = b'{"text": "words"}'
NOT_SIGNED: dict[str, dict[str, str]] = {
    "no headers": {},
    "another key": signed(BODY, key=b"another"),
    "another body": signed(b'{"text": "other words"}'),
    "another id": {**signed(BODY), "Webhook-Id": "msg_2"},
    "an empty id": signed(BODY, delivery=""),
    "too old": signed(BODY, at=time.time() - 4000),
    "from the future": signed(BODY, at=time.time() + 4000),
    "not a time": {**signed(BODY), "Webhook-Timestamp": "now"},
    "a longer time": {**signed(BODY), "Webhook-Timestamp": f"0{int(time.time())}"},
    "no signature": {**signed(BODY), "Webhook-Signature": ""},
    "another version": {**signed(BODY), "Webhook-Signature": signed(BODY)["Webhook-Signature"].replace("v1,", "v2,")},
    "not ASCII": {**signed(BODY), "Webhook-Signature": "v1,é"},
}


@pytest.fixture(scope="module")
def receiving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """One receiver for the refusals, which leave nothing behind."""
    url = f"sqlite:///{tmp_path_factory.mktemp('receiver') / 'signals.db'}"
    with receiver(url) as (_, port):
        yield url, port


def nothing_stored(url: str) -> bool:
    with open_store(url) as store:
        return items(store) == []


@pytest.mark.parametrize("headers", NOT_SIGNED.values(), ids=NOT_SIGNED)
def test_what_the_sender_did_not_sign_just_now_is_refused(receiving: tuple[str, int], headers: dict[str, str]) -> None:
    url, port = receiving
    assert request(port, headers, BODY) == 401
    assert nothing_stored(url)


def test_one_right_signature_among_several_is_enough(store: SignalStore, workspace: Workspace) -> None:
    headers = signed(BODY)
    given = f"v1,bm8= v1a,bm8= {headers['Webhook-Signature']}"
    environ = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    assert webhook.is_signed([OLD_KEY, KEY], {**environ, "HTTP_WEBHOOK_SIGNATURE": given}, BODY, time.time())
    assert not webhook.is_signed([], environ, BODY, time.time())


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"words"', b"\xff{}", b'{"text": "\xff"}', b"\xef\xbb\xbf{}", b"[" * 100_000, b'{"a": "\0"}'],
    ids=range(9),
)
def test_what_is_no_json_object_is_refused(receiving: tuple[str, int], body: bytes) -> None:
    url, port = receiving
    assert request(port, signed(body), body) == 400
    assert nothing_stored(url)


def test_what_cannot_be_a_delivery_is_refused_before_its_body_is_read(receiving: tuple[str, int]) -> None:
    url, port = receiving
    right = {**signed(BODY), "Content-Length": "17"}
    too_large = str(webhook.LIMIT + 1)
    for status, more in (
        (413, {"headers": {**right, "Content-Length": too_large}}),
        (413, {"headers": {**right, "Content-Length": "9" * 18}}),
        (411, {"headers": {**right, "Content-Length": "-1"}}),
        (411, {"headers": {**signed(BODY), "Transfer-Encoding": "chunked"}}),
        (404, {"headers": right, "path": "/"}),
        (405, {"headers": right, "method": "GET"}),
    ):
        assert request(port, body=b"", **more) == status  # type: ignore[arg-type]
    assert request(port, signed(BODY, delivery="m" * 513), BODY) == 400
    assert nothing_stored(url)


def test_the_largest_body_is_stored(url: str, store: SignalStore) -> None:
    body = b'{"text": "%s"}' % (b"x" * (webhook.LIMIT - 12))
    assert len(body) == webhook.LIMIT
    with receiver(url) as (_, port):
        assert request(port, signed(body), body) == 202
    assert items(store) == [("msg_1", "pending", body.decode())]


@contextmanager
def out_of_reach(url: str, administration: Any) -> Iterator[None]:
    """Nobody can connect to the database."""
    if url.startswith("sqlite"):
        path = Path(url.removeprefix("sqlite:///"))
        away = path.parent.rename(path.parent.with_name(f"away-{uuid4().hex}"))
        try:
            yield
        finally:
            away.rename(path.parent)
        return
    name = urlsplit(url).path.removeprefix("/")
    administration.execute_sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    try:
        yield
    finally:
        administration.execute_sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def test_the_sender_is_told_to_try_again_while_the_database_is_down(
    url: str, engine_name: str, store: SignalStore, request: pytest.FixtureRequest
) -> None:
    administration: Database | None = request.getfixturevalue("administration") if engine_name == "postgres" else None
    with receiver(url) as (_, port):
        store.close()
        with out_of_reach(url, administration):
            assert webhook.deliver(port, KEY, "msg_1", {"text": "words"}) == 503
        assert webhook.deliver(port, KEY, "msg_1", {"text": "words"}) == 202
    assert [source_ref for source_ref, *_ in items(store)] == ["msg_1"]


def test_a_kill_between_queue_and_worker_loses_nothing(url: str, workspace: Workspace) -> None:
    with receiver(url) as (child, port):
        for number in range(12):
            assert webhook.deliver(port, KEY, f"msg_{number}", {"text": f"words {number}"}) == 202
        child.kill()
        child.wait()
    with script(url, "work") as worker:
        assert worker.stdout
        assert worker.stdout.readline() == "msg_0 created\n"
        worker.kill()
        worker.wait()
    assert 1 <= workspace.count() <= 12
    worked(url)
    assert sorted(signal.verbatim for signal in workspace.page().items) == sorted(f"words {n}" for n in range(12))


def test_workers_that_share_the_queue_record_each_delivery_once(
    url: str, store: SignalStore, workspace: Workspace
) -> None:
    receiving = webhook.Receiver(store, workspace, [KEY])
    for number in range(60):
        receiving.keep(f"msg_{number}", json.dumps({"text": f"words {number}"}))
    store.close()
    with ThreadPoolExecutor(4) as threads:
        said = [line for lines in threads.map(worked, [url] * 4) for line in lines]
    outcomes = Counter(line.split()[1] for line in said)
    assert outcomes["created"] == workspace.count() == 60
    assert set(outcomes) <= {"created", "unchanged"}


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({}, "verbatim"),
        ({"text": "  "}, "verbatim"),
        ({"text": 5}, "verbatim"),
        ({"text": "a\0b"}, "verbatim"),
        ({"text": "\ud800"}, "verbatim"),
        ({"text": "words", "severity": "urgent"}, "severity"),
        ({"text": "words", "said_at": "yesterday"}, "isoformat"),
        ({"text": "words", "said_at": "2026-01-02T03:04:05"}, "occurred_at"),
        ({"text": "words", "id": {"a": 1}}, "source_ref"),
        ({"text": "words", "score": float("nan")}, "source_metadata"),
    ],
)
def test_what_cannot_be_a_signal_is_dismissed_with_the_reason_and_kept(
    store: SignalStore, workspace: Workspace, payload: Any, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    receiving = webhook.Receiver(store, workspace, [KEY])
    receiving.keep("msg_1", json.dumps(payload))
    receiving.keep("msg_2", '{"text": "words"}')
    webhook.work(store, workspace)
    assert capsys.readouterr().out == "msg_1 dismissed\nmsg_2 created\n"
    item = store.models.InboxItem.get(source_ref="msg_1")
    assert (item.status, json.dumps(json.loads(item.raw_content))) == ("dismissed", json.dumps(payload))
    assert reason in item.metadata["refused"]


def test_a_deep_payload_stops_no_worker(store: SignalStore, workspace: Workspace) -> None:
    for depth in (50, 500, 950):
        content = '{"text": "deep", "of": ' + "[" * depth + "]" * depth + "}"
        webhook.Receiver(store, workspace, [KEY]).keep(f"msg_{depth}", content)
    webhook.work(store, workspace)
    assert {status for _, status, _ in items(store)} <= {"assigned", "dismissed"}


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_#", "whsec_a3M= whsec_"])
def test_a_receiver_without_a_secret_does_not_start(sqlite_url: str, secret: str) -> None:
    with script(sqlite_url, "serve", "0", secrets=secret) as child:
        said, wrong = child.communicate(timeout=30)
    assert (child.returncode, said) == (1, "")
    assert wrong.startswith("WEBHOOK_SECRET has to be whsec_ and base64, for example whsec_")


@pytest.mark.parametrize("port", ["abc", "-1", "65536", "8000 "])
def test_a_port_that_is_none_is_named(sqlite_url: str, port: str) -> None:
    with script(sqlite_url, "serve", port) as child:
        said, wrong = child.communicate(timeout=30)
    assert (child.returncode, said) == (1, "")
    assert wrong == f"a port is a number from 0 to 65535, and {port!r} is none\n"


def test_it_says_how_it_is_used(sqlite_url: str) -> None:
    with script(sqlite_url) as child:
        _, wrong = child.communicate(timeout=30)
    assert "python examples/webhook.py serve" in wrong
