"""Random operations on random SQLite tables: what each may change, and when it may be refused."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from hypothesis import strategies as st
from peewee import SQL, BlobField, Check, FloatField, IntegerField, TextField
from rebuild_catalog import Picture
from rebuild_tables import Column, Drawing, Made

from signals_peewee.engine.altering import (
    AddColumn,
    AddColumnDefault,
    AddConstraint,
    AddForeignKey,
    AddIndex,
    AddNotNull,
    AddUnique,
    AlterColumnType,
    Backfill,
    Change,
    DropColumn,
    DropColumnDefault,
    DropConstraint,
    DropForeignKey,
    DropIndex,
    DropNotNull,
    RenameColumn,
    RenameTable,
)

Fits = Callable[[Picture], bool]


def _always(before: Picture) -> bool:
    return True


@dataclass
class Planned:
    """An operation.

    Attributes:
        change: what is to be done.
        column: the column whose definition or values may differ, or None.
        edited: the text of the definition that may differ, or None.
        fits: whether it must succeed, told from the picture before; where it is False it may be refused.
        may_succeed: whether it may succeed where `fits` is False.
        new_table: the name of the table afterwards.
        dropped, added: indexes that go or come.
        values: whether values of the column may differ.
    """

    change: Change
    column: str | None = None
    edited: str | None = None
    fits: Fits = _always
    new_table: str | None = None
    renamed: tuple[str, str] | None = None
    dropped: frozenset[str] = frozenset()
    added: frozenset[str] = frozenset()
    values: bool = False
    keys: bool = False
    texts: dict[str, str] = field(default_factory=dict)


@st.composite
def cases(draw: Any, made_tables: st.SearchStrategy[Made]) -> tuple[Made, Planned, bool]:
    """A database, an operation on its table, and whether ALTER TABLE is used where it can do it."""
    made = draw(made_tables)
    drawing = Drawing(draw)
    return made, planned(drawing, made), drawing.chance(40)


def planned(d: Drawing, made: Made) -> Planned:
    """Return a random operation on a table."""
    return d.pick(_KINDS)(d, made, made.table)


def says(text: str | None, name: str) -> bool:
    """Tell whether a text may name a column, in any way of quoting."""
    forms = (name, name.replace('"', '""'), name.replace("`", "``"))
    return any(form.lower() in (text or "").lower() for form in forms)


def _plain(d: Drawing, made: Made) -> Column:
    return d.pick([column for column in made.columns if column.kind == "plain"])


def _values(before: Picture, table: str, column: str) -> list[Any]:
    return [row[column][1] for row in before.content[table]]


def _info(before: Picture, table: str, column: str) -> Any:
    return next(row for row in before.columns[table] if row[1] == column)


def _add_column(d: Drawing, made: Made, table: str) -> Planned:
    numbers = count(100)
    fields = (
        IntegerField(default=-1),
        TextField(default="it's (a  b),\n--"),
        TextField(null=True),
        TextField(null=True, default="'"),
        FloatField(default=lambda: next(numbers) + 0.5),
        IntegerField(default=lambda: next(numbers), null=True, index=True),
        TextField(default=SQL("lower('A, )')")),
        BlobField(default=b"\x00'", constraints=[SQL("UNIQUE")]),
    )
    name = d.pick(("new", "new-1", 'ne"w', "neü", "new column"))
    made_field = d.pick(fields)
    index = frozenset([name]) if made_field.index else frozenset()
    if made.strict and isinstance(made_field, FloatField):
        made_field = fields[0]
    lonely = bool(made_field.constraints)
    fits: Fits = (lambda before: len(before.content[table]) < 2) if lonely else _always
    return Planned(AddColumn(table, name, made_field), name, fits=fits, added=index)


def _drop_column(d: Drawing, made: Made, table: str) -> Planned:
    column = _plain(d, made)

    def fits(before: Picture) -> bool:
        words = [text for key, (_, text) in before.objects.items() if key != ("table", table) and text]
        words += [other.text for other in made.columns if other is not column] + made.constraints
        plain = [other for other in made.columns if other.kind != "generated"]
        named = any(says(word, column.name) for word in words)
        return not named and column.name not in made.key and len(plain) > 1

    return Planned(DropColumn(table, column.name), column.name, column.text, fits, keys=True)


def _rename_column(d: Drawing, made: Made, table: str) -> Planned:
    column, new = d.pick(made.columns), d.pick(("renamed", "re-named", 'x"', "order"))

    def fits(before: Picture) -> bool:  # SQLite cannot do these: a view of a view; a key without rowid, and UNIQUE too
        twice = made.without_rowid and column.name in made.key
        return ("view", "v2") not in before.objects and not twice

    return Planned(RenameColumn(table, column.name, new), fits=fits, renamed=(column.name, new))


def _rename_table(d: Drawing, made: Made, table: str) -> Planned:
    new = d.pick(("renamed", "re-named", 'x"', "order"))
    return Planned(RenameTable(table, new), new_table=new)


def _add_not_null(d: Drawing, made: Made, table: str) -> Planned:
    column = _plain(d, made)
    return Planned(
        AddNotNull(table, column.name),
        column.name,
        column.text,
        lambda before: None not in _values(before, table, column.name) and not _info(before, table, column.name)[3],
    )


def _drop_not_null(d: Drawing, made: Made, table: str) -> Planned:
    column = _plain(d, made)
    return Planned(
        DropNotNull(table, column.name),
        column.name,
        column.text,
        lambda before: bool(_info(before, table, column.name)[3]) and column.name not in made.key,
    )


def _add_default(d: Drawing, made: Made, table: str) -> Planned:
    column = _plain(d, made)
    default = d.pick((5, -1, 1.5, "it's  a", b"\x00", True, SQL("CURRENT_TIMESTAMP"), SQL("length('a,)')"), "5"))
    if made.strict:
        default = SQL("NULL")
    return Planned(
        AddColumnDefault(table, column.name, default),
        column.name,
        column.text,
        lambda before: _info(before, table, column.name)[4] != "NULL" and _suits(column.type, default),
    )


def _suits(type_: str, value: Any) -> bool:
    """What SQLite makes of a plain value in a column of a type is a value of that type."""
    if isinstance(value, SQL) or callable(value):
        return True
    database = sqlite3.connect(":memory:")
    database.execute(f"CREATE TABLE t (a {type_})")
    database.execute("INSERT INTO t VALUES (?)", (value,))
    ((stored,),) = database.execute("SELECT typeof(a) FROM t")
    database.close()
    words = {
        "INT": "integer",
        "CHAR|TEXT": "text",
        "BLOB": "blob",
        "REAL": "real",
        "NUMERIC|DECIMAL": "integer or real",
    }
    expected = [kind for word, kind in words.items() if re.search(word, type_)]
    return not expected or stored in expected[0]


def _drop_default(d: Drawing, made: Made, table: str) -> Planned:
    column = _plain(d, made)
    return Planned(
        DropColumnDefault(table, column.name),
        column.name,
        column.text,
        lambda before: _info(before, table, column.name)[4] is not None,
    )


def _alter_type(d: Drawing, made: Made, table: str) -> Planned:
    column = _plain(d, made)
    made_field = d.pick((TextField(), IntegerField(), BlobField(), FloatField()))
    if made.strict:
        made_field = d.pick((TextField(), IntegerField(), BlobField()))

    def fits(before: Picture) -> bool:  # other values may be doubles, or refused by a CHECK or a STRICT table
        filled = [value for value in _values(before, table, column.name) if value is not None]
        type_ = made_field.field_type
        return not filled and column.name not in made.key and column.type != {"INT": "INTEGER"}.get(type_, type_)

    return Planned(AlterColumnType(table, column.name, made_field), column.name, column.text, fits, values=True)


def _backfill(d: Drawing, made: Made, table: str) -> Planned:
    column = _plain(d, made)
    value = d.pick((7, SQL("7"), len))
    return Planned(
        Backfill(table, column.name, value, batch_size=d.number(1, 3)),
        column.name,
        fits=lambda before: None not in _values(before, table, column.name) and _suits(column.type, value),
        values=True,
    )


def _add_check(d: Drawing, made: Made, table: str) -> Planned:
    column = _plain(d, made)
    check = Check(f"{column.sql} IS NOT 7 OR ((1, ')') = (1, ')'))")
    return Planned(AddConstraint(table, "added check", check))


def _add_unique(d: Drawing, made: Made, table: str) -> Planned:
    column = _plain(d, made)

    def fits(before: Picture) -> bool:
        values = [value for value in _values(before, table, column.name) if value is not None]
        return len(values) == len({value.lower().strip() if isinstance(value, str) else value for value in values})

    return Planned(AddUnique(table, "added-unique", (column.name,)), column.name, fits=fits)


def _drop_constraint(d: Drawing, made: Made, table: str) -> Planned:
    if not made.named:
        return _add_check(d, made, table)
    name = d.pick(list(made.named))
    quoted = name.replace('"', '""')
    texts = [text for text in (*made.constraints, *(c.text for c in made.columns)) if name in text or quoted in text]
    assert len(texts) == 1
    column = next((c for c in made.columns if c.text == texts[0]), None)
    return Planned(
        DropConstraint(table, name),
        column.name if column else None,
        texts[0],
        lambda before: (
            made.named[name] in ("check", "references")
            or (made.named[name] == "unique" and not _children(before, table))
        ),
        keys=True,
    )


def _children(before: Picture, table: str) -> bool:
    return any(row[2].lower() == table.lower() for keys in before.keys.values() for row in keys)


def _add_key(d: Drawing, made: Made, table: str) -> Planned:
    column = _plain(d, made)

    def fits(before: Picture) -> bool:
        filled = [value for value in _values(before, table, column.name) if value is not None]
        return not filled and isinstance(before.orphans, list)

    change = AddForeignKey(table, "added key", column.name, "parent", "id", on_delete="SET NULL", on_update="CASCADE")
    return Planned(change, column.name, fits=fits, keys=True)


def _drop_key(d: Drawing, made: Made, table: str) -> Planned:
    column = _plain(d, made)
    texts = [text for text in made.constraints if "REFERENCES" in text]

    def fits(before: Picture) -> bool:
        of: dict[int, list[str]] = {}
        for row in before.keys[table]:
            of.setdefault(row[0], []).append(row[3])
        return [column.name] in of.values()

    return Planned(
        DropForeignKey(table, column.name),
        column.name,
        column.text,
        fits,
        keys=True,
        texts=dict.fromkeys(texts, ""),
    )


def _add_index(d: Drawing, made: Made, table: str) -> Planned:
    column = _plain(d, made)
    change = AddIndex(
        table, "added index", (column.name, SQL(f"length({column.sql}) DESC")), where=SQL("1 IS NOT ?", ["x"])
    )
    return Planned(change, added=frozenset(["added index"]))


def _drop_index(d: Drawing, made: Made, table: str) -> Planned:
    names = [name for name in (_index_name(sql) for sql in made.statements) if name]
    if not names:
        return _add_index(d, made, table)
    name = d.pick(names)
    needed = lambda before: any(index[:2] == (name, 1) for index in before.indexes[table]) and _children(before, table)  # noqa: E731
    return Planned(DropIndex(table, name), fits=lambda before: not needed(before), dropped=frozenset([name]))


def _index_name(sql: str) -> str | None:
    for start in ("CREATE INDEX ", "CREATE UNIQUE INDEX "):
        if sql.startswith(start):
            rest = sql[len(start) :]
            closing = {"[": "]"}.get(rest[0], rest[0])
            if rest[0] not in '"`[':
                return rest.split()[0]
            end = 1
            while rest[end] != closing or (closing != "]" and rest[end + 1 : end + 2] == closing):
                end += 2 if rest[end] == closing else 1
            return rest[1:end].replace(closing * 2, closing) if closing != "]" else rest[1:end]
    return None


_KINDS: tuple[Callable[[Drawing, Made, str], Planned], ...] = (
    _add_column, _drop_column, _rename_column, _rename_table, _add_not_null, _drop_not_null, _add_default,
    _drop_default, _alter_type, _backfill, _add_check, _add_unique, _drop_constraint, _add_key, _drop_key, _add_index,
    _drop_index,
)  # fmt: skip
