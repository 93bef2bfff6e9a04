"""How is what was read from a catalog written as SQL again? In the words of the database that it was read from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .shapes import Check, Column, Exclusion, ForeignKey, Index, IndexPart, PrimaryKey, Table, Unique

Constraint = Check | Exclusion | ForeignKey | PrimaryKey | Unique
_SERIALS = {"smallint": "SMALLSERIAL", "integer": "SERIAL", "bigint": "BIGSERIAL"}


def quoted(*names: str | None) -> str:
    """Return a name, with the schema that it is in where that is given, as SQL writes it."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names if name is not None)


def table_sql(table: Table, name: str | None = None) -> str:
    """Return the CREATE TABLE of a table, under another name where one is given; its indexes are not in it."""
    lines = [*map(column_sql, table.columns), *_table_constraints(table)]
    after = ", ".join(sorted(table.options & {"STRICT", "WITHOUT ROWID"}))
    create = "CREATE UNLOGGED TABLE" if "UNLOGGED" in table.options else "CREATE TABLE"
    return f"{create} {quoted(name or table.name)} ({', '.join(lines)})" + (f" {after}" if after else "")


def column_sql(column: Column) -> str:
    """Return the definition of a column, without keys and checks."""
    return f"{quoted(column.name)} {type_sql(column)} {' '.join(clauses(column))}".strip()


def type_sql(column: Column) -> str:
    """Return the type of a column: SERIAL where it counts with a sequence of its own."""
    return _SERIALS.get(column.type, column.type) if column.sequence else column.type


def clauses(column: Column) -> list[str]:
    """Return what stands behind the type of a column."""
    expression, _, kind = (column.generated or "").rpartition(" ")
    words = [
        f"COLLATE {quoted(column.collation)}" if column.collation else "",
        f"DEFAULT {column.default}" if column.default is not None and not column.sequence else "",
        f"GENERATED ALWAYS AS ({expression}) {kind}" if column.generated else "",
        f"GENERATED {column.identity} AS IDENTITY" if column.identity else "",
        "" if column.null else "NOT NULL",
    ]
    return [word for word in words if word]


def constraint_sql(constraint: Constraint) -> str:
    """Return what a constraint says, without its name."""
    if isinstance(constraint, Check):
        return f"CHECK ({constraint.expression}) {constraint.ending}".rstrip()
    if isinstance(constraint, Exclusion):
        return constraint.definition
    if isinstance(constraint, ForeignKey):
        return _foreign_key_sql(constraint)
    columns = _list(constraint.columns)
    if isinstance(constraint, PrimaryKey):
        return f"PRIMARY KEY ({columns})"
    nulls = "" if constraint.nulls_distinct else "NULLS NOT DISTINCT "
    return f"UNIQUE {nulls}({columns}) {constraint.deferrable or ''}".rstrip()


def index_sql(index: Index, table: str) -> str:
    """Return the CREATE INDEX of an index."""
    words = [
        "CREATE UNIQUE INDEX" if index.unique else "CREATE INDEX",
        f"{quoted(index.name)} ON {quoted(table)}",
        "" if index.method == "btree" else f"USING {index.method}",
        f"({', '.join(map(_part_sql, index.parts))})",
        f"INCLUDE ({_list(index.include)})" if index.include else "",
        "" if index.nulls_distinct else "NULLS NOT DISTINCT",
        f"WHERE {index.predicate}" if index.predicate else "",
    ]
    return " ".join(word for word in words if word)


def _table_constraints(table: Table) -> Iterator[str]:
    for constraint in table.constraints:
        name = f"CONSTRAINT {quoted(constraint.name)} " if constraint.name else ""
        if isinstance(constraint, PrimaryKey) and "AUTOINCREMENT" in table.options:
            yield f"{name}PRIMARY KEY ({_list(constraint.columns)} AUTOINCREMENT)"
        else:
            yield name + constraint_sql(constraint)


def _foreign_key_sql(key: ForeignKey) -> str:
    words = [
        f"FOREIGN KEY ({_list(key.columns)}) REFERENCES {quoted(key.schema, key.table)} ({_list(key.referred)})",
        "MATCH FULL" if key.full else "",
        f"ON DELETE {key.on_delete}" if key.on_delete != "NO ACTION" else "",
        f"ON UPDATE {key.on_update}" if key.on_update != "NO ACTION" else "",
        key.deferrable or "",
        "" if key.enforced else "NOT ENFORCED",
    ]
    return " ".join(word for word in words if word)


def _part_sql(part: IndexPart) -> str:
    nulls = {None: "", True: "NULLS FIRST", False: "NULLS LAST"}
    words = [
        f"({part.text})" if part.expression else quoted(part.text),
        f"COLLATE {quoted(part.collation)}" if part.collation else "",
        part.opclass or "",
        "DESC" if part.descending else "",
        "" if part.nulls_first is part.descending else nulls[part.nulls_first],
    ]
    return " ".join(word for word in words if word)


def _list(names: Sequence[str]) -> str:
    return ", ".join(map(quoted, names))
