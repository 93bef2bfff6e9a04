"""How are the bytes of removed rows removed from Postgres's files?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from peewee import Database, DatabaseError, ProgrammingError

from ..errors import DatabaseUnavailable
from .postgres import sqlstate
from .waiting import obtained

STATISTICS = "pg_catalog.pg_statistic"
_NO_LOCK = "55P03"
_CLEARING_FROM = 180000
# Whoever can still see a row keeps it: VACUUM FULL would copy it. Of other roles' sessions the server shows no more
# than that they are there, unless one may read all its statistics.
_SEEING = """
SELECT concat_ws(', ', 'backend ' || pid, usename, nullif(application_name, ''), state) FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND coalesce(datname, current_database()) = current_database()
  AND greatest(age(backend_xmin), age(backend_xid)) > age(%s::xid)
UNION ALL
SELECT 'prepared transaction ' || gid FROM pg_prepared_xacts
WHERE database = current_database() AND age(transaction) > age(%s::xid)
"""
_NEXT = "SELECT mod(txid_snapshot_xmax(txid_current_snapshot()), 4294967296)::text"
_STALE = """
SELECT s.schemaname, s.tablename, s.attname FROM pg_stats s
JOIN pg_namespace n ON n.nspname = s.schemaname JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = s.tablename
WHERE c.oid = %s::regclass OR c.oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = %s::regclass)
"""
_CLEAR = "SELECT pg_clear_attribute_stats(%s, %s, %s, false)"
_DELETE = """
DELETE FROM pg_catalog.pg_statistic s USING pg_attribute a
WHERE s.starelid = a.attrelid AND s.staattnum = a.attnum
  AND a.attrelid = (quote_ident(%s) || '.' || quote_ident(%s))::regclass AND a.attname = %s
"""


class Compacting:
    """Tables are rewritten one by one, each locked against everybody while that takes.

    Args:
        database: outside any transaction.
        wait: seconds to wait for a table, and for transactions that still see removed rows.
    """

    def __init__(self, database: Database, wait: float) -> None:
        self.database = database
        self.wait = wait

    def run(self, tables: Sequence[str]) -> list[str]:
        """Rewrite tables, with what belongs to them, and then the samples that the planner keeps of their columns.

        Returns:
            The system tables that keep such samples, where this role may not rewrite them.

        Raises:
            DatabaseUnavailable: somebody holds a table or sees removed rows, or the tables are not this role's.
        """
        with self._lock_timeout():
            self._unseen()
            refused = [table for table in tables if not self._rewritten(table, "FULL, ANALYZE")]
            if refused:
                raise DatabaseUnavailable(
                    f"Postgres skipped {', '.join(refused)}: only their owner, or the database's, may rewrite them"
                )
            cleared = [self._cleared(table) for table in tables]
            self._unseen()  # now of the samples that ANALYZE has replaced
            return [] if self._rewritten(STATISTICS, "FULL") and all(cleared) else [STATISTICS]

    def _unseen(self) -> None:
        """Wait for everybody who began before now."""
        (mark,) = self.database.execute_sql(_NEXT).fetchone()
        seeing: list[Any] = []

        def nobody() -> bool:
            seeing[:] = [who for (who,) in self.database.execute_sql(_SEEING, (mark, mark)).fetchall()]
            return not seeing

        if not obtained(nobody, self.wait):
            raise DatabaseUnavailable(
                f"removed rows can still be seen by {'; '.join(seeing)}, so their bytes have to stay; "
                f"nobody ended it within {self.wait:g} s: call compact again when it has ended"
            )

    def _rewritten(self, table: str, options: str) -> bool:
        """Rewrite a table, and tell whether that was done: one that is not this role's is skipped with a warning."""
        before = self._file(table)
        try:
            self.database.execute_sql(f"VACUUM ({options}) {table}")
        except DatabaseError as error:
            if sqlstate(error) != _NO_LOCK:
                raise
            raise DatabaseUnavailable(
                f"{table} was in use and not free within {self.wait:g} s: call compact again when it is"
            ) from error
        return bool(self._file(table) != before)

    def _file(self, table: str) -> Any:
        return self.database.execute_sql("SELECT pg_relation_filenode(%s::regclass)", (table,)).fetchone()[0]

    def _cleared(self, table: str) -> bool:
        """Remove the samples of a table that has no rows left: ANALYZE leaves those as they were."""
        if self.database.execute_sql(f"SELECT 1 FROM {table} LIMIT 1").fetchone():
            return True
        stale = self.database.execute_sql(_STALE, (table, table)).fetchall()
        clear = _CLEAR if (self.database.server_version or 0) >= _CLEARING_FROM else _DELETE
        try:
            for column in stale:
                self.database.execute_sql(clear, column)
        except ProgrammingError:  # before Postgres 18 only a superuser may
            return False
        return True

    @contextmanager
    def _lock_timeout(self) -> Iterator[None]:
        (before,) = self.database.execute_sql("SELECT current_setting('lock_timeout')").fetchone()
        self._set(f"{max(1, int(self.wait * 1000))}ms")
        try:
            yield
        finally:
            if self.database.is_connection_usable():
                self._set(before)

    def _set(self, lock_timeout: str) -> None:
        self.database.execute_sql("SELECT set_config('lock_timeout', %s, false)", (lock_timeout,))
