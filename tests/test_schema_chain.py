"""Do the library's own steps keep the rows that are there: upwards from wherever a database stands, and back again?"""

from __future__ import annotations

from typing import Any

import pytest
from catalog import Catalog, catalog
from peewee import Database, Model, TextField

from signals_peewee import Hosts, SignalStore

# For each table some rows, which refer to each other in every way there is; a column that is not there yet is left out.
ROWS: dict[str, list[dict[str, Any]]] = {
    "workspaces": [{"id": "w1", "name": "acme"}, {"id": "w2", "name": 'it\'s; -- "other"\n'}],
    "users": [{"id": "u1", "email": "Ann@example.com"}, {"id": "u2", "email": "bob@example.com", "name": ""}],
    "projects": [
        {"id": "p1", "workspace_id": "w1", "name": "one"},
        {"id": "p2", "workspace_id": "w1", "name": "two", "description": "é\u2028", "status": "done"},
    ],
    "inbox_items": [
        {"id": "i1", "workspace_id": "w1", "type": "email", "source": "email", "title": "t", "raw_content": "words"},
        {
            "id": "i2",
            "workspace_id": "w1",
            "type": "email",
            "source": "email",
            "title": "",
            "raw_content": "",
            "assigned_project_id": "p1",
            "metadata": '{"a": [1, null]}',
        },
    ],
    "signals": [
        {"id": "s1", "workspace_id": "w1", "verbatim": "first", "source": "slack", "source_ref": "1"},
        {
            "id": "s2",
            "workspace_id": "w1",
            "verbatim": "second 'quoted'",
            "source": "slack",
            "source_ref": "2",
            "severity": "high",
            "source_metadata": '{"b": "x"}',
            "inbox_item_id": "i1",
            "merged_into_id": "s1",
        },
        {"id": "s3", "workspace_id": "w2", "verbatim": "third", "source": "email", "embedding": "AAAA"},
    ],
    "signal_projects": [
        {"id": "sp1", "signal_id": "s1", "project_id": "p1", "linked_by": "u1", "confidence": 0.5},
        {"id": "sp2", "signal_id": "s2", "project_id": "p1"},
    ],
    "signal_personas": [{"id": "se1", "signal_id": "s1", "persona_id": "x", "linked_by": "u2"}],
    "signal_tags": [{"id": "st1", "signal_id": "s1", "tag": "a"}, {"id": "st2", "signal_id": "s1", "tag": "A"}],
    "signal_events": [{"id": "ev1", "signal_id": "s1", "kind": "recorded", "after": '{"status": "new"}'}],
}


def columns(found: Catalog, table: str) -> list[str]:
    return [line.split()[0] for line in found[table]["columns"]]


def fill(database: Database, found: Catalog) -> None:
    """Put the rows into those tables that are there."""
    mark = database.param
    for table, rows in ROWS.items():
        for row in rows if table in found else ():
            there = [name for name in row if name in columns(found, table)]
            sql = f"INSERT INTO {table} ({', '.join(there)}) VALUES ({', '.join([mark] * len(there))})"
            database.execute_sql(sql, tuple(row[name] for name in there))


def rows(database: Database, found: Catalog) -> dict[str, list[Any]]:
    """Return what each table holds, in the columns that a catalog names."""
    return {
        table: database.execute_sql(f"SELECT {', '.join(columns(found, table))} FROM {table} ORDER BY id").fetchall()
        for table in found
    }


def names(store: SignalStore) -> list[str]:
    return [step.id for step in store.runner().status().steps]


def test_every_prefix_of_the_chain_can_be_upgraded_with_rows_in_it(database: Database) -> None:
    store = SignalStore(database)
    runner = store.runner()
    store.migrate()
    whole = catalog(database)
    runner.down(all=True)
    for name in names(store):
        runner.up(name)
        prefix = catalog(database)
        fill(database, prefix)
        before = rows(database, prefix)
        assert all(before.values())
        runner.up()
        assert catalog(database) == whole
        assert rows(database, prefix) == before
        runner.down(all=True)
        assert catalog(database) == {}


def test_a_step_that_is_undone_and_done_again_keeps_the_rows_of_every_table_that_it_does_not_make(
    database: Database,
) -> None:
    store = SignalStore(database)
    runner = store.runner()
    store.migrate()
    whole = catalog(database)
    for name in names(store):
        fill(database, whole)
        before = rows(database, whole)
        runner.down(name)
        kept = catalog(database)
        assert rows(database, kept) == {table: before[table] for table in kept}
        runner.up()
        assert catalog(database) == whole
        after = rows(database, whole)
        assert after == {table: before[table] if table in kept else [] for table in whole}
        for table in reversed(ROWS):
            database.execute_sql(f"DELETE FROM {table}")


def test_with_rows_in_it_the_whole_chain_goes_down_and_up_again(database: Database) -> None:
    store = SignalStore(database)
    store.migrate()
    whole = catalog(database)
    fill(database, whole)
    before = rows(database, whole)
    store.runner().down(all=True)
    assert catalog(database) == {}
    store.migrate()
    assert catalog(database) == whole
    fill(database, whole)
    for table, found in rows(database, whole).items():
        assert [row[0] for row in found] == [row[0] for row in before[table]]


def test_the_hosts_rows_outlive_every_step(database: Database) -> None:
    class Account(Model):
        id = TextField(primary_key=True)
        name = TextField()

        class Meta:
            table_name = "accounts"

    Account.bind(database)
    database.create_tables([Account])
    Account.insert_many([{"id": "w1", "name": "acme"}, {"id": "u1", "name": "ann"}]).execute()
    runner = SignalStore(database, hosts=Hosts(user=Account, workspace=Account)).runner()
    runner.up()
    database.execute_sql(
        "INSERT INTO signals (id, workspace_id, verbatim, source) VALUES ('s1', 'w1', 'words', 'slack')"
    )
    database.execute_sql("INSERT INTO signal_tags (id, signal_id, tag, linked_by) VALUES ('t1', 's1', 'a', 'u1')")
    runner.down(all=True)
    runner.up()
    runner.down(all=True)
    assert list(Account.select().order_by(Account.id).tuples()) == [("u1", "ann"), ("w1", "acme")]


@pytest.mark.parametrize("table", ROWS)
def test_the_rows_are_of_every_table(table: str) -> None:
    from test_schema_catalog import COLUMNS

    assert ROWS.keys() == COLUMNS.keys()
    needed = [column.split()[0] for column in COLUMNS[table].split(", ") if column.split()[1].endswith("!")]
    with_default = [line.split()[0] for line in COLUMNS[table].split(", ") if len(line.split()) == 3]
    for row in ROWS[table]:
        assert set(needed) - set(with_default) <= row.keys()
