"""Does a change of any SQLite table leave everything alone that it was not to change?"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from peewee import DatabaseError, SqliteDatabase
from rebuild_catalog import Picture, picture
from rebuild_changes import Planned, cases, says
from rebuild_kit import change, rows
from rebuild_tables import Made, build, tables

from signals_peewee.errors import TableDiffers

CASES = int(os.environ.get("SIGNALS_TEST_CASES", 20 * settings().max_examples))


@settings(max_examples=CASES, suppress_health_check=list(HealthCheck))
@given(cases(tables()))
def test_any_change_of_any_table_leaves_the_rest_alone(case: tuple[Made, Planned, bool]) -> None:
    made, planned, native = case
    database = build(made)
    try:
        before = picture(database)
        assert len(before.content) > 2
        refused = attempted(database, planned, native)
        event(f"{type(planned.change).__name__} {'refused' if refused else 'done'}")
        if refused:
            assert not planned.fits(before), refused
            assert picture(database) == before
            return
        problems = [row for row in rows(database, "PRAGMA integrity_check") if row != ("ok",)]
        # SQLite 3.40 looks at the wrong columns where a table has no rowid, and complains of them.
        assert not [row for row in problems if not (made.without_rowid and " value in " in row[0])]
        compare(made, planned, before, picture(database))
    finally:
        database.close()


def attempted(database: SqliteDatabase, planned: Planned, native: bool) -> Exception | None:
    """Carry an operation out, and return why it was refused, or None."""
    try:
        change(database, planned.change, native=native)
    except TableDiffers:
        raise
    except (ValueError, DatabaseError) as error:
        return error
    return None


def compare(made: Made, planned: Planned, before: Picture, after: Picture) -> None:
    """Compare what was not to change."""
    old, new = made.table, planned.new_table or made.table
    others = [name for name in before.columns if name != old]
    assert [name for name in after.columns if name != new] == others
    for name in others:
        if not (planned.renamed or planned.new_table):
            assert before.keys[name] == after.keys[name]
        assert before.columns[name] == after.columns[name]
        assert before.indexes[name] == after.indexes[name]
        assert before.content[name] == after.content[name] or (name == "log" and planned.values)  # a trigger's
    assert before.options[old] == after.options[new] or _one_column_more_or_less(
        before.options[old], after.options[new]
    )
    compare_objects(made, planned, before, after)
    compare_columns(planned, before.columns[old], after.columns[new])
    compare_rows(planned, before.content[old], after.content[new])
    compare_indexes(planned, before.indexes[old], after.indexes[new])
    if not planned.keys and not planned.new_table and not planned.renamed:
        assert before.keys[old] == after.keys[old]
        if not planned.values and planned.column is None:
            assert before.orphans == after.orphans
    assert [row[1] for row in before.sequence] == [row[1] for row in after.sequence]


def _one_column_more_or_less(before: Any, after: Any) -> bool:
    return before[0] == after[0] and before[-2:] == after[-2:]


def compare_objects(made: Made, planned: Planned, before: Picture, after: Picture) -> None:
    """Indexes, triggers and views by their SQL; the table by the texts that it was made of."""
    if planned.renamed or planned.new_table:
        assert {kind for kind, _ in before.objects} == {kind for kind, _ in after.objects}
        assert len(before.objects) == len(after.objects)
        return
    name = ("table", made.table)
    gone = before.objects.keys() - after.objects.keys()
    come = after.objects.keys() - before.objects.keys()
    own = {("index", index) for index in planned.dropped}
    assert gone == own or type(planned.change).__name__ == "DropColumn"
    assert len(come) == len(planned.added)
    for key in before.objects.keys() & after.objects.keys() - {name}:
        assert before.objects[key] == after.objects[key]
    sql = str(after.objects[name][1])
    assert sql.endswith(made.suffix)
    for text in (*(column.text for column in made.columns), *made.constraints):
        alone = type(planned.change).__name__ == "DropColumn" and says(text, str(planned.column))
        if text not in planned.texts and text != planned.edited and not alone:
            assert unqualified(text, made.quoted) in unqualified(sql, made.quoted)
    for comment in set(made.comments) if not planned.texts and type(planned.change).__name__ != "DropColumn" else ():
        was, now = (unqualified(str(of.objects[name][1]), made.quoted).count(comment) for of in (before, after))
        assert now >= was - (planned.edited or "").count(comment)


def unqualified(text: str, table: str) -> str:
    """Return a text without the table's own name in front of a column, which a rebuild leaves out."""
    return text.replace(f"{table}.", "")


def compare_columns(planned: Planned, before: list[Any], after: list[Any]) -> None:
    """All that table_xinfo tells, of every column but the one that was to change."""

    def told(columns: list[Any], renamed: str | None) -> list[Any]:
        return [row[2:] if row[1] == renamed else row[1:] for row in columns if row[1] != planned.column]

    old, new = planned.renamed or (None, None)
    assert told(before, old) == told(after, new)


def compare_rows(planned: Planned, before: list[Any], after: list[Any]) -> None:
    """Every row, its rowid, and every value with its type."""
    assert len(before) == len(after)
    old, new = planned.renamed or (None, None)
    for was, now in zip(before, after, strict=True):
        assert was[""] == now[""]
        for name, value in was.items():
            if name == planned.column and (planned.values or name not in now):
                continue
            if planned.values and name and now[name] != value:
                assert value[0] in ("text", "integer", "real", "null", "blob")  # computed from the one that changed
                continue
            assert now[new if name == old else name] == value


def compare_indexes(planned: Planned, before: list[Any], after: list[Any]) -> None:
    """Every index, and what it is ordered by."""
    if planned.renamed or planned.column is not None or planned.keys:
        return
    gone = [index for index in before if index not in after]
    come = [index for index in after if index not in before]
    assert {index[0] for index in gone} == planned.dropped
    assert {index[0] for index in come} == planned.added
