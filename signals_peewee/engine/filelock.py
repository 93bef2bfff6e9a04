"""How do processes and threads take turns at a SQLite file for longer than one transaction?

By a lock of the operating system on a file beside the database, which goes with the process: kill -9 leaves no lock.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path

from ..errors import DatabaseUnavailable, LockTimeout
from .waiting import obtained

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> None:
        # Far behind the text that names the holder: locked bytes cannot be read here.
        os.lseek(descriptor, 1 << 30, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        # flock belongs to this opening of the file, so it keeps threads of one process apart as well.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def file_lock(path: Path, *, wait: float) -> Iterator[None]:
    """Hold the lock on `path`, a file that is made for it and removed afterwards.

    Raises:
        LockTimeout: somebody else held it for `wait` seconds; the message names them.
        DatabaseUnavailable: the file cannot be made.
    """
    held: list[int] = []

    def attempt() -> bool:
        descriptor = _locked(path)
        if descriptor is None:
            return False
        held.append(descriptor)
        return True

    if not obtained(attempt, wait):
        raise LockTimeout(f"the migration lock {str(path)!r}", wait, _holder(path))
    descriptor = held[0]
    try:
        _sign(descriptor)
        yield
    finally:
        with suppress(OSError):  # Windows does not remove an open file; it stays, and does no harm
            path.unlink()
        os.close(descriptor)


def _locked(path: Path) -> int | None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise DatabaseUnavailable(
            f"the migration lock {str(path)!r} cannot be made: {error.strerror}; a step that is not "
            "atomic needs it, so let this process write in that folder"
        ) from error
    try:
        _try_lock(descriptor)
        # The one who held it before may have removed the file: then this lock is on a file that nobody else will open.
        if os.path.samestat(os.fstat(descriptor), os.stat(path)):  # noqa: PTH116
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None


def _sign(descriptor: int) -> None:
    since = datetime.now(timezone.utc).isoformat(timespec="seconds")
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()} since {since}".encode())


def _holder(path: Path) -> str | None:
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text("utf-8") or None
    return None
