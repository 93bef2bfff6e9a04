"""What is in a Postgres database?"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ..bulk_postgres import array_text
from . import postgres_queries as queries
from .base import Inspector
from .shapes import Check, Column, Exclusion, ForeignKey, Index, IndexPart, PrimaryKey, Table, Trigger, Unique

_ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
_GENERATED = {"s": "STORED", "v": "VIRTUAL"}
_IDENTITY = {"a": "ALWAYS", "d": "BY DEFAULT"}
_PERSISTENCE = {"u": "UNLOGGED", "t": "TEMPORARY"}
_DESCENDING, _NULLS_FIRST = 1, 2
_LONGEST = 63
# As the server itself writes them, behind the list of columns.
_FULL = re.compile(r"\) MATCH FULL\b")
_SOME = re.compile(r"\).* ON DELETE (SET (?:NULL|DEFAULT) \([^)]*\))")

Rows = Mapping[int, list[tuple[Any, ...]]]
"""For the oid of a table, or of an index, what the catalog says of it."""


class InspectorPostgres(Inspector):
    """Reads pg_catalog. Names of other schemas stand in a text where the search path does not lead to them."""

    def read(self, names: Iterable[str], schema: str | None = None) -> dict[str, Table]:
        found = self._found([name for name in names if name], schema)
        oids = [relation.oid for relation in found]
        columns = self._by_oid(queries.COLUMNS, oids)
        constraints = self._by_oid(queries.CONSTRAINTS, oids)
        triggers = self._by_oid(queries.TRIGGERS, oids)
        indexes = self._indexes(oids)
        return {
            relation.name: _table(relation, columns[oid], constraints[oid], indexes[oid], triggers[oid])
            for oid, relation in zip(oids, found, strict=True)
        }

    def kept(self, name: str) -> str:
        return name.encode()[:_LONGEST].decode(errors="ignore")

    def tables(self, schema: str | None = None) -> list[str]:
        return [name for (name,) in self._rows(queries.NAMES, schema)]

    def canonical(self, sql: str) -> str:
        return sql  # the server has written it itself

    def folded(self, name: str) -> str:
        return name

    def _found(self, names: list[str], schema: str | None) -> list[_Relation]:
        if not names:
            return []
        if schema is None:
            rows = self._rows(queries.FOUND + queries.UNQUALIFIED, array_text(names))
        else:
            rows = self._rows(queries.FOUND + queries.QUALIFIED, array_text(names), schema)
        return sorted((_Relation(*row) for row in rows), key=lambda relation: relation.name)

    def _indexes(self, tables: list[int]) -> dict[int, tuple[Index, ...]]:
        rows = self._by_oid(queries.INDEXES, tables)
        parts = self._by_oid(queries.PARTS, [oid for of in rows.values() for oid, *_ in of])
        made: dict[int, tuple[Index, ...]] = {
            table: tuple(_index(row[1:], parts[row[0]]) for row in of) for table, of in rows.items()
        }
        return defaultdict(tuple, made)

    def _by_oid(self, query: str, oids: list[int]) -> Rows:
        """Return the rows without their first column, by that."""
        by_oid: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
        for oid, *row in self._rows(query, array_text(oids)) if oids else ():
            by_oid[oid].append(tuple(row))
        return by_oid

    def _rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self.database.execute_sql(query, parameters).fetchall()
        return rows


class _Relation(NamedTuple):
    """A row of FOUND."""

    oid: int
    name: str
    schema: str
    persistence: str
    partition: bool
    secured: bool
    storage: list[str]
    comment: str | None
    partition_key: str | None


class _Column(NamedTuple):
    """A row of COLUMNS."""

    name: str
    type: str
    required: bool
    expression: str | None
    generated: str
    identity: str
    collation: str | None
    comment: str | None
    sequence: str | None
    validated: bool


class _Constraint(NamedTuple):
    """A row of CONSTRAINTS."""

    kind: str
    name: str
    columns: list[str]
    validated: bool
    deferrable: str | None
    expression: str
    definition: str
    nulls_distinct: bool
    table: str
    schema: str | None
    referred: list[str]
    on_delete: str
    on_update: str


def _table(relation: _Relation, columns: Any, constraints: Any, indexes: tuple[Index, ...], triggers: Any) -> Table:
    of_kind: dict[str, list[_Constraint]] = defaultdict(list)
    for row in constraints:
        of_kind[row[0]].append(_Constraint(*row))
    return Table(
        relation.name,
        relation.schema,
        tuple(_column(_Column(*row)) for row in columns),
        primary_key=next((PrimaryKey(tuple(key.columns), key.name) for key in of_kind["p"]), None),
        foreign_keys=tuple(map(_foreign_key, of_kind["f"])),
        uniques=tuple(Unique(tuple(u.columns), u.name, u.nulls_distinct, u.deferrable) for u in of_kind["u"]),
        checks=tuple(map(_check, of_kind["c"])),
        exclusions=tuple(Exclusion(exclusion.definition, exclusion.name) for exclusion in of_kind["x"]),
        indexes=indexes,
        triggers=tuple(Trigger(*row) for row in triggers),
        options=_options(relation),
        comment=relation.comment,
    )


def _options(relation: _Relation) -> frozenset[str]:
    words = [
        _PERSISTENCE.get(relation.persistence),
        f"PARTITIONED BY {relation.partition_key}" if relation.partition_key else None,
        "PARTITION" if relation.partition else None,
        "ROW LEVEL SECURITY" if relation.secured else None,
        *relation.storage,
    ]
    return frozenset(word for word in words if word)


def _column(row: _Column) -> Column:
    return Column(
        row.name,
        row.type,
        null=not row.required,
        default=None if row.generated else row.expression,
        generated=f"{row.expression} {_GENERATED[row.generated]}" if row.generated else None,
        identity=_IDENTITY.get(row.identity),
        collation=row.collation,
        comment=row.comment,
        sequence=row.sequence,
        null_validated=row.validated,
    )


def _check(row: _Constraint) -> Check:
    ending = row.definition.rpartition(")")[2].replace("NOT VALID", "")
    return Check(row.expression, row.name, row.validated, ending.strip())


def _foreign_key(row: _Constraint) -> ForeignKey:
    return ForeignKey(
        tuple(row.columns),
        row.table,
        tuple(row.referred),
        schema=row.schema,
        name=row.name,
        on_delete=some[1] if (some := _SOME.search(row.definition)) else _ACTIONS[row.on_delete],
        on_update=_ACTIONS[row.on_update],
        deferrable=row.deferrable,
        validated=row.validated,
        enforced=not row.definition.endswith("NOT ENFORCED"),
        full=_FULL.search(row.definition) is not None,
    )


def _index(row: Any, parts: list[tuple[Any, ...]]) -> Index:
    name, unique, same_nulls, valid, method, predicate = row
    return Index(
        name,
        tuple(_part(*part) for carried, *part in parts if not carried),
        unique=unique,
        predicate=predicate,
        method=method,
        include=tuple(text for carried, _, text, *_ in parts if carried),
        nulls_distinct=not same_nulls,
        valid=valid,
    )


def _part(expression: bool, text: str, order: int | None, collation: str | None, opclass: str | None) -> IndexPart:
    return IndexPart(
        text,
        expression=expression,
        descending=bool((order or 0) & _DESCENDING),
        nulls_first=None if order is None else bool(order & _NULLS_FIRST),
        collation=collation,
        opclass=opclass,
    )
