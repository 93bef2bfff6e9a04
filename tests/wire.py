"""What does a client really send to Postgres? A relay stands between the two, counts, and can break the line."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit, urlunsplit

QUERIES = (b"Q", b"P")
"""The messages that hold a statement: psycopg2 sends whole queries, psycopg 3 parses one and then binds it."""


class Relay:
    """Passes everything on between clients on a socket of its own and a server.

    Attributes:
        url: where clients connect.
        statements: what they sent.
        on_statement: is called with each statement before it is passed on.
        on_passed: is called with each statement once it was passed on.
        swallow_replies: what the server says does not arrive any more.
    """

    def __init__(self, url: str, folder: Path) -> None:
        parts = urlsplit(url)
        given = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        host, port = given.get("host") or parts.hostname or "localhost", given.get("port") or parts.port or 5432
        self._target = f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host, int(port))
        self._listener = socket.socket(socket.AF_UNIX)
        (folder / ".s.PGSQL.5432").unlink(missing_ok=True)
        self._listener.bind(str(folder / ".s.PGSQL.5432"))
        self._listener.listen(50)
        user = parts.netloc.rpartition("@")[0]
        self.url = urlunsplit(parts._replace(netloc=f"{user}@", query=f"host={quote(str(folder))}&port=5432"))
        self.statements: list[str] = []
        self.on_statement: Callable[[str], None] = lambda statement: None
        self.on_passed: Callable[[str], None] = lambda statement: None
        self.swallow_replies = False
        self._lines: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break every line, as a network does that fails."""
        lines, self._lines = self._lines, []  # not those who connect again meanwhile
        for line in lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Accept nobody any more, and break every line."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX if isinstance(self._target, str) else socket.AF_INET)
                server.connect(self._target)
                self._lines += [client, server]
                threading.Thread(target=self._pass, args=(client, server), daemon=True).start()

    def _pass(self, client: socket.socket, server: socket.socket) -> None:
        messages = _Messages()
        with client, server, suppress(OSError):
            while True:
                ready, _, _ = select.select([client, server], [], [])
                for one in ready:
                    data = one.recv(65536)
                    if not data:
                        return
                    if one is client:
                        self._pass_on(server, data, [*messages.statements(data)])
                    elif not self.swallow_replies:
                        client.sendall(data)

    def _pass_on(self, server: socket.socket, data: bytes, statements: list[str]) -> None:
        for statement in statements:
            self.statements.append(statement)
            self.on_statement(statement)
        server.sendall(data)
        for statement in statements:
            self.on_passed(statement)


class _Messages:
    """The messages of one client, put together from whatever pieces they arrive in."""

    def __init__(self) -> None:
        self._data = b""
        self._started = False

    def statements(self, data: bytes) -> Iterator[str]:
        self._data += data
        while message := self._next():
            kind, body = message
            if kind in QUERIES:
                yield body.split(b"\0")[kind == b"P"].decode()

    def _next(self) -> tuple[bytes, bytes] | None:
        kind = 1 if self._started else 0  # the first message has no letter
        if len(self._data) < kind + 4:
            return None
        length = kind + int.from_bytes(self._data[kind : kind + 4], "big")
        if len(self._data) < length:
            return None
        message, self._data = self._data[:length], self._data[length:]
        self._started = True
        return message[:kind], message[kind + 4 :]


@contextmanager
def relayed(url: str, folder: Path) -> Iterator[Relay]:
    """A relay to a server, for the block."""
    relay = Relay(url, folder)
    try:
        yield relay
    finally:
        relay.close()
