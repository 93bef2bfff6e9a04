"""What does Postgres need around the steps that change its tables?"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from peewee import Database, DatabaseError, Entity, InterfaceError

from ..errors import InvalidOption, LockTimeout
from .migrating import Guard, Held, Migrating, TransactionState
from .postgres import sqlstate
from .statements import ending_in
from .waiting import obtained

_LOG = logging.getLogger("signals_peewee")
_STATES: tuple[TransactionState, ...] = (
    "none",
    "open",
    "open",
    "aborted",
    "lost",
)  # libpq's order, under either driver
_NO_TABLE, _NO_LOCK = "42P01", "55P03"
_MADE_MEANWHILE = ("42P06", "23505")
# What the session itself has set; two that the view does not list; not those that a transaction has for itself.
_SETTINGS = """
SELECT name, setting FROM pg_settings WHERE source = 'session' AND name !~ '^transaction_'
UNION ALL SELECT name, current_setting(name) FROM unnest(ARRAY['session_authorization', 'role']) AS of (name)
"""
_WHO = ("session_authorization", "role")

_HELD = """
SELECT count(*) FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 1 AND granted AND pid = pg_backend_pid()
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (classid::bigint << 32 | objid::bigint) = %s
"""
_HOLDER = """
SELECT a.pid, a.usename, a.application_name, a.client_addr, a.state FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (l.classid::bigint << 32 | l.objid::bigint) = %s
"""
_IN_TRANSACTION = """
SELECT pid, usename, application_name, client_addr, state FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
  AND xact_start IS NOT NULL AND backend_type = 'client backend'
ORDER BY xact_start LIMIT 3
"""
_IDENTITY = """
SELECT (SELECT system_identifier FROM pg_control_system()), oid::bigint
FROM pg_database WHERE datname = current_database()
"""
_SCHEMA_OF = """
SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass(%s)
"""


class MigratingPostgres(Migrating):
    """A session advisory lock keeps runs apart; a step gives up soon where it would make others queue behind it."""

    def lives_in_connection(self) -> bool:
        return False

    def transaction_state(self) -> TransactionState:
        return _STATES[int(self.database.connection().info.transaction_status)]

    def is_missing_table(self, error: BaseException) -> bool:
        return sqlstate(error) == _NO_TABLE

    def is_busy(self, error: BaseException) -> bool:
        return sqlstate(error) == _NO_LOCK or self.engine.is_transient(error)

    def longest_wait(self, *, wait: float, lock_timeout: float) -> float:
        return lock_timeout

    @contextmanager
    def exclusively(self, *, table: str, schema: str | None, wait: float, stepwise: bool) -> Iterator[Held]:
        key = _lock_key(schema or self._one("SELECT current_schema()"), table)
        # A waiter polls: one that is blocked inside the lock function holds a snapshot, and the holder's
        # CREATE INDEX CONCURRENTLY waits for every snapshot.
        if not obtained(lambda: bool(self._one("SELECT pg_try_advisory_lock(%s)", key)), wait):
            holder = people(self.database.execute_sql(_HOLDER, (key,)).fetchall())
            raise LockTimeout(f"the migration lock of {table!r}", wait, holder)
        try:
            with self._orphans_ended():
                yield lambda: bool(self._one(_HELD, key))
        finally:
            self._unlock(key)

    def make_schema(self, schema: str | None) -> None:
        if schema is None:
            if self._one("SELECT current_schema()") is None:
                path = self._one("SELECT current_setting('search_path')")
                raise InvalidOption(
                    "schema", None, f"the name of one: the search path ({path}) leads to none that is there"
                )
            return
        # Asked first: IF NOT EXISTS wants the right to create even where there is nothing to create.
        if self._one("SELECT count(*) FROM pg_namespace WHERE nspname = %s", schema):
            return
        query, _ = self.database.get_sql_context().literal("CREATE SCHEMA IF NOT EXISTS ").sql(Entity(schema)).query()
        try:
            self.database.execute_sql(query)
        except DatabaseError as error:
            if sqlstate(error) not in _MADE_MEANWHILE:
                raise

    @contextmanager
    def around_step(
        self, *, atomic: bool, schema: str | None, wait: float, lock_timeout: float, foreign_keys: bool = False
    ) -> Iterator[Guard]:
        before = self._settings()
        path = self._path_from(schema, self._one("SELECT current_setting('search_path')"))
        try:
            if not atomic:
                self._set("search_path", path)
            yield (lambda: self._transaction(path, lock_timeout)) if atomic else (lambda: self._settled(before))
        finally:
            self._set_back(before)  # a step's own SET outlives its transaction

    @contextmanager
    def _settled(self, before: Mapping[str, str]) -> Iterator[None]:
        """Set back what a step has set in its session before it is recorded: another role may not write that."""
        yield
        self._set_back(before)

    @contextmanager
    def _transaction(self, path: str, lock_timeout: float) -> Iterator[None]:
        with self.engine.write():
            self._set("search_path", path, local=True)
            self._set("lock_timeout", f"{max(1, int(lock_timeout * 1000))}ms", local=True)
            yield

    def schema_of(self, table: str) -> str | None:
        name, _ = self.database.get_sql_context().sql(Entity(table)).query()
        found = self._one(_SCHEMA_OF, name)
        return None if found is None else str(found)

    def execute_script(self, sql: str) -> None:
        if word := ending_in(sql):
            raise ValueError(f"execute_script: {word} would end the step's transaction; leave it out")
        cursor = self.database.cursor()
        try:
            cursor.execute(sql)  # without parameters the server takes several statements, and % stands for itself
        except Exception as error:
            raise DatabaseError(str(error).strip()) from error

    def identity(self) -> tuple[Any, ...]:
        rows = self.database.execute_sql(_IDENTITY).fetchall()
        return ("postgres", *rows[0])

    @contextmanager
    def copied(self) -> Iterator[Database]:
        raise InvalidOption(
            "rehearse_on", True, "the URL of a copy: pg_dump the database, or CREATE DATABASE copy TEMPLATE original"
        )
        yield

    def blockers(self) -> str | None:
        return people(self.database.execute_sql(_IN_TRANSACTION).fetchall())

    def _one(self, sql: str, *parameters: Any) -> Any:
        row = self.database.execute_sql(sql, parameters or None).fetchone()
        return row[0] if row else None

    def _set(self, name: str, value: str, *, local: bool = False) -> None:
        self.database.execute_sql("SELECT set_config(%s, %s, %s)", (name, value, local))

    def _settings(self) -> dict[str, str]:
        return dict(self.database.execute_sql(_SETTINGS).fetchall())

    def _set_back(self, before: Mapping[str, str]) -> None:
        if self.transaction_state() == "lost":  # the connection is gone, and its settings with it
            return
        for name in _WHO:  # first, or another role sets back less
            if self._one("SELECT current_setting(%s)", name) != before[name]:
                self._set(name, before[name])
        now = self._settings()
        self._restore({name: value for name, value in before.items() if now.get(name) != value})
        for name in now.keys() - before.keys():
            self.database.execute_sql(f'RESET "{name}"')

    def _restore(self, settings: Mapping[str, str]) -> None:
        if self.transaction_state() == "lost":  # the connection is gone, and its settings with it
            return
        for name, value in settings.items():
            self._set(name, value)

    @contextmanager
    def _orphans_ended(self) -> Iterator[None]:
        """See to it that a statement whose client was killed does not go on, and change what nobody will record."""
        name = "client_connection_check_interval"
        if (self.database.server_version or 0) < 140000:
            yield
            return
        before = self._one("SELECT current_setting(%s)", name)
        with suppress(DatabaseError):  # a server on Windows refuses it
            self._set(name, "1s")
        try:
            yield
        finally:
            self._restore({name: before})

    def _path_from(self, schema: str | None, path: str) -> str:
        if schema is None:
            return path
        quoted = self._one("SELECT quote_ident(%s)", schema)
        return f"{quoted}, {path}" if path else str(quoted)

    def _unlock(self, key: int) -> None:
        try:
            released = self._one("SELECT pg_advisory_unlock(%s)", key)
        except (DatabaseError, InterfaceError):  # the session is gone, and its locks with it
            return
        if not released:
            _LOG.warning(
                "the migration lock was not held by the session that was to release it; a proxy that pools "
                "transactions (pgbouncer) stands between: give the runner a direct connection, or one in session mode"
            )


def _lock_key(schema: str, table: str) -> int:
    """Advisory locks belong to one database already; the key tells its histories apart."""
    name = f"signals_peewee\0{schema}\0{table}".encode()
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big", signed=True)


def people(rows: list[tuple[Any, ...]]) -> str | None:
    """Return sessions in words: their number, user, application, address and state."""
    return (
        "; ".join(
            f"backend {pid} ({user}{f', {application}' if application else ''}, {address or 'this machine'}, {state})"
            for pid, user, application, address, state in rows
        )
        or None
    )
