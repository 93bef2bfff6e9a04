"""How are the bytes of removed rows removed from SQLite's files?"""

from __future__ import annotations

from typing import Any

from peewee import Database, OperationalError

from ..errors import DatabaseUnavailable


def compact(database: Database, wait: float) -> None:
    """Write the file anew, and empty the log that the new one was written through.

    Args:
        database: outside any transaction.
        wait: seconds to wait for other connections.

    Raises:
        DatabaseUnavailable: another connection writes, or reads on from the log.
    """
    before = _pragma(database, "busy_timeout")
    _pragma(database, f"busy_timeout = {int(wait * 1000)}")
    try:
        _rewrite(database, wait)
        if _pragma(database, "wal_checkpoint(TRUNCATE)"):
            raise DatabaseUnavailable(
                f"another connection is reading, and did not end within {wait:g} s, so the write-ahead log may still "
                "hold removed rows: call compact again when it has ended"
            )
        if _pragma(database, "journal_mode") == "persist":  # the journal keeps what stood in the pages before
            _pragma(database, "journal_mode = delete")
            _pragma(database, "journal_mode = persist")
    finally:
        _pragma(database, f"busy_timeout = {before}")


def _rewrite(database: Database, wait: float) -> None:
    try:
        if database.execute_sql("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'").fetchall():
            database.execute_sql("ANALYZE")  # a SQLite built with STAT4 keeps samples of what was there
        database.execute_sql("VACUUM")
    except OperationalError as error:
        if "is locked" not in str(error):
            raise
        raise DatabaseUnavailable(
            f"another connection is writing, and did not end within {wait:g} s: call compact again when it has ended"
        ) from error


def _pragma(database: Database, text: str) -> Any:
    ((value, *_),) = database.execute_sql(f"PRAGMA {text}").fetchall()
    return value
