"""Where does Postgres make the tables of models? In the session's own temporary schema, and takes everything back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from peewee import DatabaseError, Model

from ...errors import ComparisonRefused, OpenTransaction
from ..introspection import Column
from ..postgres import sqlstate
from .base import Ground, Scratch

_NO_RIGHT, _READ_ONLY = "42501", "25006"
_CAST_FAILED = "22"  # the class of data exceptions
_PATH = """
SELECT set_config('search_path', concat_ws(', ', quote_ident(%s), nullif(current_setting('search_path'), '')), true)
"""
_TEMPORARY_LAST = """
SELECT set_config('search_path', concat_ws(', ', nullif(current_setting('search_path'), ''), 'pg_temp'), true),
       quote_ident(current_user), quote_ident(current_database())
"""
_MADE_IN = "SELECT nspname::text FROM pg_namespace WHERE oid = pg_my_temp_schema()"


class ScratchPostgres(Scratch):
    """Temporary tables in a transaction, or savepoint, that is always rolled back.

    They need less than a schema would: every role may make them unless that was taken from it. Keys between them lock
    nobody's tables, as such a key can only point at a temporary one.
    """

    _role = _name = ""

    @contextmanager
    def looking(self) -> Iterator[None]:
        state = self.migrating.transaction_state()
        if state == "aborted":
            raise OpenTransaction("a statement failed before in the transaction that is open: roll it back first")
        with self._savepoint() if state == "open" else self._transaction():
            if self.schema is not None:
                self.database.execute_sql(_PATH, (self.schema,))
            yield

    @contextmanager
    def ground(self) -> Iterator[Ground]:
        with self._savepoint():
            # Else it comes before everything, and a table called "uuid" is what UUID means.
            _, self._role, self._name = self.database.execute_sql(_TEMPORARY_LAST).fetchone()
            yield Ground(self.database, "pg_temp")

    def read_in(self, ground: Ground) -> str | None:
        return str(self.database.execute_sql(_MADE_IN).fetchone()[0])

    def missing_sequences(self, models: Iterable[type[Model]]) -> list[str]:
        fields = [field for model in models for field in model._meta.sorted_fields if field.sequence]
        names = dict.fromkeys(field._sequence_name() for field in fields)
        asked = "SELECT to_regclass(%s) IS NULL"
        return [name for name in names if self.database.execute_sql(asked, (name,)).fetchone()[0]]

    def is_value(self, ground: Ground, column: Column, default: str, value: Any) -> bool:
        # As text, because json has no equality. The % of a literal is no placeholder.
        asked = f"SELECT ({default.replace('%', '%%')})::{column.type}::text = (%s)::{column.type}::text"
        try:
            with self._savepoint():
                return bool(ground.database.execute_sql(asked, (value,)).fetchone()[0])
        except DatabaseError as error:
            if str(sqlstate(error)).startswith(_CAST_FAILED):  # it can be no value of that type
                return False
            raise

    def refused(self, error: DatabaseError) -> Exception | None:
        state = sqlstate(error)
        if state not in (_NO_RIGHT, _READ_ONLY):
            return None
        said = str(error).strip().partition("\n")[0]
        hint = (
            f"GRANT TEMPORARY ON DATABASE {self._name} TO {self._role}"
            if state == _NO_RIGHT
            else "use a session that may write"
        )
        return ComparisonRefused(f"{said}: models are compared through temporary tables; {hint}")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self.database.atomic() as transaction:
            yield
            transaction.rollback()

    @contextmanager
    def _savepoint(self) -> Iterator[None]:
        run: Any = self.database.execute_sql
        run("SAVEPOINT signals_peewee_scratch")
        try:
            yield
        finally:
            if self.migrating.transaction_state() != "lost":
                run("ROLLBACK TO SAVEPOINT signals_peewee_scratch")
                run("RELEASE SAVEPOINT signals_peewee_scratch")
