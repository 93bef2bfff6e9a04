"""What is in a SQLite database, by its pragmas and row by row? Read without a line of the library's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from peewee import OperationalError, SqliteDatabase
from rebuild_kit import rows


@dataclass
class Picture:
    """All that can be asked of a database.

    Attributes:
        objects: of each table, index, view and trigger, its table and its SQL.
        columns, keys, indexes, options: of each table, what PRAGMAs tell.
        content: of each table, its rows with their rowids, and the type of each value.
        views: of each view, its rows, or the error.
        sequence, statistics: what SQLite keeps for itself.
        orphans: what foreign_key_check tells.
    """

    objects: dict[tuple[str, str], tuple[str, str | None]]
    columns: dict[str, list[tuple[Any, ...]]]
    keys: dict[str, list[tuple[Any, ...]]]
    indexes: dict[str, list[Any]]
    options: dict[str, Any]
    content: dict[str, list[dict[str, Any]]]
    views: dict[str, Any]
    sequence: list[tuple[Any, ...]]
    statistics: list[tuple[Any, ...]]
    orphans: Any


def picture(database: SqliteDatabase) -> Picture:
    """Return all that can be asked of a database."""
    objects = {
        (kind, name): (table, sql)
        for kind, name, table, sql in rows(database, "SELECT type, name, tbl_name, sql FROM sqlite_master")
        if sql is not None
    }
    names = [name for kind, name in objects if kind == "table" and not name.startswith("sqlite_")]
    listed = {row[1]: row[2:] for row in rows(database, "PRAGMA main.table_list")}
    return Picture(
        objects,
        {name: rows(database, f"PRAGMA table_xinfo({_q(name)})") for name in names},
        {name: rows(database, f"PRAGMA foreign_key_list({_q(name)})") for name in names},
        {name: _indexes(database, name) for name in names},
        {name: (listed[name][0], *listed[name][2:]) for name in names},
        {name: content(database, name, listed[name][2]) for name in names},
        {name: _view(database, name) for kind, name in objects if kind == "view"},
        rows(database, "SELECT * FROM sqlite_sequence") if ("table", "sqlite_sequence") in objects else [],
        _statistics(database) if ("table", "sqlite_stat1") in objects else [],
        _orphans(database),
    )


def content(database: SqliteDatabase, table: str, without_rowid: bool) -> list[dict[str, Any]]:
    """Return the rows of a table, each value with its type, and the rowid under the name None."""
    told = rows(database, f"PRAGMA table_xinfo({_q(table)})")
    names = [row[1] for row in told]
    key = [_q(row[1]) for row in sorted(told, key=lambda row: row[5]) if row[5]]
    ordered = f"ORDER BY {', '.join(key)}" if without_rowid else "NOT INDEXED"
    taken = {name.lower() for name in names}
    rowid = next((name for name in ("rowid", "oid", "_rowid_") if name not in taken), None)
    counted = rowid if rowid and not without_rowid else "NULL"
    cells = "".join(f", typeof({_q(name)}), {_q(name)}" for name in names)
    return [
        {"": row[0], **{name: (row[2 * n + 1], row[2 * n + 2]) for n, name in enumerate(names)}}
        for row in rows(database, f"SELECT {counted}{cells} FROM {_q(table)} {ordered}")
    ]


def _indexes(database: SqliteDatabase, table: str) -> list[Any]:
    found = []
    for _, name, unique, origin, partial in rows(database, f"PRAGMA index_list({_q(table)})"):
        parts = [row[2:] for row in rows(database, f"PRAGMA index_xinfo({_q(name)})")]
        found.append((name if origin == "c" else "", unique, origin, partial, parts))
    return sorted(found, key=repr)


def _statistics(database: SqliteDatabase) -> list[tuple[Any, ...]]:
    return sorted(rows(database, "SELECT tbl, idx, stat FROM sqlite_stat1"), key=repr)


def _view(database: SqliteDatabase, name: str) -> Any:
    try:
        return rows(database, f"SELECT * FROM {_q(name)}")
    except OperationalError as error:
        return str(error)


def _orphans(database: SqliteDatabase) -> Any:
    try:
        return sorted(rows(database, "PRAGMA foreign_key_check"), key=repr)
    except OperationalError as error:
        return str(error)


def _q(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
