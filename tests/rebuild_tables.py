"""Random SQLite tables with everything in and around them that a rebuild could lose, and their rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hypothesis import strategies as st
from peewee import SqliteDatabase

T = TypeVar("T")

NAMES = (
    "a", "b", "c", "d", "Title", "a-2", "sp ace", "two  blanks", 'qu"ote', "it's", "back`tick", "br[acket", "comma,",
    "(open", "close)", "--dash", "/*star", "new\nline", "ünïcode", "🎉", "x.y", "1st", "select", "check", "primary",
    "constraint", "unique", "foreign", "references", "generated", "always", "strict", "without", "rowid", "oid",
    "?",
)  # fmt: skip
TYPES = (
    "INTEGER", "INT", "TEXT", "VARCHAR(10)", "DECIMAL(10, 2)", "DECIMAL ( 5,1 )", "REAL", "BLOB", "", "NUMERIC",
    "UNSIGNED BIG INT", '"my type"', "[odd, type]", "DATETIME", "JSON",
)  # fmt: skip
STRICT_TYPES = ("INTEGER", "INT", "TEXT", "REAL", "BLOB", "ANY")
DEFAULTS = (
    "'a  b'", "'it''s, (x'", "'new\nline'", "'-- no comment'", "-1", "+1.5", "(1 + (2))", "CURRENT_TIMESTAMP",
    "X'00ff'",
    "NULL", "TRUE", "(lower('A,B)'))", "'/* no comment */'", "''", "1e3", "- 7",
)  # fmt: skip
STRICT_DEFAULTS = ("NULL",)
COMMENTS = ("/* , ) ' \" */", "-- , ) ' \"\n", "/**/", "--\n")
ACTIONS = ("CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT", "NO ACTION")
VALUES: tuple[Any, ...] = (
    None, 0, 1, -1, 7, 2**40, 1.5, -0.25, 1e300, 1.0, "", "a", "A", "a  b", "it's", "1", "1.0", "new\nline", "🎉",
    "x\ty", b"", b"\x00\xff", b"a", "null",
)  # fmt: skip


class Drawing:
    """Draws from Hypothesis in few words."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self._draw = draw

    def pick(self, of: Sequence[T]) -> T:
        return of[self.number(0, len(of) - 1)]

    def number(self, low: int, high: int) -> int:
        drawn: int = self._draw(st.integers(low, high))
        return drawn

    def chance(self, percent: int) -> bool:
        return self.number(0, 99) >= 100 - percent

    def some(self, of: Sequence[T], most: int) -> list[T]:
        found: list[T] = []
        for _ in range(self.number(1, min(most, len(of)))):
            found.append(self.pick([one for one in of if one not in found]))
        return found


@dataclass
class Column:
    """A column, and the very text of its definition."""

    name: str
    quoted: str
    type: str
    text: str
    kind: str = "plain"  # key, generated

    @property
    def sql(self) -> str:
        return '"' + self.name.replace('"', '""') + '"'


@dataclass
class Made:
    """A database that was made: its statements, the table that is to be changed, and what it consists of."""

    table: str
    quoted: str
    columns: list[Column]
    constraints: list[str]
    """The very text of each constraint of the table."""
    suffix: str
    comments: list[str]
    statements: list[str] = field(default_factory=list)
    named: dict[str, str] = field(default_factory=dict)
    """The names of constraints, with what they are."""
    strict: bool = False
    without_rowid: bool = False
    key: list[str] = field(default_factory=list)
    rows: list[tuple[int, list[Any]]] = field(default_factory=list)

    @property
    def sql(self) -> str:
        return '"' + self.table.replace('"', '""') + '"'


@st.composite
def tables(draw: Any) -> Made:
    """A table `made.table`, a parent and a child of it, indexes, triggers, views and rows."""
    return _Maker(Drawing(draw)).made()


class _Maker:
    def __init__(self, drawing: Drawing) -> None:
        self.d = drawing
        self.comments: list[str] = []

    def made(self) -> Made:
        d = self.d
        table = d.pick((*NAMES, "books", "books"))
        self.table = self.quote(table)
        strict, without_rowid = d.chance(15), d.chance(15)
        names = d.some([name for name in NAMES if name.lower() != table.lower()], 5)
        key = d.pick(("none", "rowid", "autoincrement", "descending", "text", "composite"))
        if without_rowid and key in ("none", "autoincrement"):
            key = "text"
        made = Made(table, self.table, [], [], self.suffix(strict, without_rowid), self.comments)
        made.strict, made.without_rowid = strict, without_rowid
        self.made_ = made
        if key in ("rowid", "autoincrement", "descending", "text"):
            made.columns.append(self.key_column("id", key))
            made.key = ["id"]
        made.columns += [self.column(name) for name in names]
        if key == "composite":
            self.composite_key()
        for _ in range(d.number(0, 3)):
            self.table_constraint()
        self.statements()
        self.rows()
        return made

    def quote(self, name: str) -> str:
        plain = name in ("a", "b", "c", "d", "Title", "books")
        ways = ['"' + name.replace('"', '""') + '"', "`" + name.replace("`", "``") + "`"]
        ways += [f"[{name}]"] if "]" not in name else []
        ways += [name, name] if plain else []
        return self.d.pick(ways)

    def gap(self) -> str:
        """White space, or a comment."""
        if not self.d.chance(12):
            return " "
        comment = self.d.pick(COMMENTS)
        self.comments.append(comment.rstrip("\n"))
        return f" {comment}" if comment.endswith("\n") else f" {comment} "

    def suffix(self, strict: bool, without_rowid: bool) -> str:
        words = [*(["STRICT"] if strict else []), *(["WITHOUT  ROWID"] if without_rowid else [])]
        return ", ".join(reversed(words) if self.d.chance(50) else words)

    def key_column(self, name: str, kind: str) -> Column:
        types = {
            "rowid": "INTEGER",
            "autoincrement": "INTEGER",
            "descending": "INTEGER",
            "text": "TEXT",
        }
        said = {"autoincrement": " AUTOINCREMENT", "descending": " DESC"}.get(kind, "")
        text = f"{name} {types[kind]}{self.gap()}PRIMARY KEY{said}{' NOT NULL' if self.d.chance(50) else ''}"
        return Column(name, name, types[kind], text, "key")

    def column(self, name: str) -> Column:
        d, quoted = self.d, self.quote(name)
        type_ = d.pick(STRICT_TYPES if self.made_.strict else TYPES)
        plain = [column for column in self.made_.columns if column.kind == "plain"]
        if plain and d.chance(15):
            of = d.pick(plain).quoted
            said = d.pick(("AS", "GENERATED ALWAYS AS"))
            end = d.pick(("", " VIRTUAL", " STORED"))
            type_ = "ANY" if self.made_.strict else type_
            text = f"{quoted} {type_} {said} (coalesce(({of}), '),')){end}"
            return Column(name, quoted, type_, text, "generated")
        parts = [self.gap() + part for part in self.column_constraints(name, quoted)]
        return Column(name, quoted, type_, f"{quoted}{' ' if type_ else ''}{type_}{''.join(parts)}")

    def column_constraints(self, name: str, quoted: str) -> list[str]:
        d, found = self.d, []
        if d.chance(30):
            found.append(d.pick(("NOT NULL", "not  null", "NOT NULL ON CONFLICT IGNORE", "NULL")))
        if d.chance(40):
            found.append(f"DEFAULT {d.pick(STRICT_DEFAULTS if self.made_.strict else DEFAULTS)}")
        if d.chance(20):
            found.append(self.called("check", self.check(quoted)))
        if d.chance(15):
            found.append(f"COLLATE {d.pick(('NOCASE', 'rtrim', 'BINARY'))}")
        if d.chance(10):
            found.append(self.called("unique", d.pick(("UNIQUE", "UNIQUE ON CONFLICT REPLACE"))))
        if d.chance(15):
            found.append(self.references(d.pick(("parent", "parent (id)", "parent (u)", "nowhere (x)"))))
        return found

    def called(self, kind: str, text: str) -> str:
        """Give a constraint a name, or none."""
        if not self.d.chance(40):
            return text
        name = f"{kind} {len(self.made_.named)}{self.d.pick(('', '-x', '🎉', chr(34)))}"
        self.made_.named[name] = kind
        return f"CONSTRAINT {self.quote(name)}{self.gap()}{text}"

    def check(self, quoted: str) -> str:
        own = f"{self.table}.{quoted}" if self.d.chance(20) else quoted
        return self.d.pick(
            (
                f"CHECK ({own} IS NOT 17)",
                f"CHECK((({own} IS NULL) OR ((length({own})) < (1000))))",
                f"CHECK ({own} IS NOT ',)''(' AND {own} IS NOT 'a  ''b')",
                f"check ( CASE WHEN {own} IS 18 THEN 0 ELSE 1 END )",
            )
        )

    def references(self, target: str) -> str:
        d = self.d
        text = f"REFERENCES {target}"
        for event in ("DELETE", "UPDATE"):
            if d.chance(50):
                text += f"{self.gap()}ON {event} {d.pick(ACTIONS)}"
        if d.chance(10):
            text += " MATCH SIMPLE"
        if d.chance(30):
            text += d.pick((" DEFERRABLE INITIALLY DEFERRED", " NOT DEFERRABLE", " DEFERRABLE"))
        return text

    def plain(self) -> list[Column]:
        return [column for column in self.made_.columns if column.kind == "plain"]

    def composite_key(self) -> None:
        columns = self.d.some(self.plain(), 2)
        self.made_.key = [column.name for column in columns]
        listed = ", ".join(f"{column.quoted}{self.d.pick(('', ' DESC'))}" for column in columns)
        self.made_.constraints.append(self.called("primary", f"PRIMARY KEY ({listed})"))

    def table_constraint(self) -> None:
        d, made = self.d, self.made_
        columns = d.some(self.plain(), 2)
        names = ", ".join(column.quoted for column in columns)
        kind = d.pick(("unique", "check", "references", "itself"))
        if kind == "unique":
            text = f"UNIQUE ({names}{d.pick(('', ' COLLATE nocase', ' DESC'))})"
        elif kind == "check":
            text = self.check(columns[0].quoted)
        elif kind == "references":
            target = "parent (x, y)" if len(columns) == 2 else "parent"
            text = f"FOREIGN  KEY ({names}) {self.references(target)}"
        else:
            text = f"FOREIGN KEY ({names}) {self.references(f'{self.table} ({names})')}"
        made.constraints.append(self.called("references" if kind == "itself" else kind, text))

    def statements(self) -> None:
        d, made = self.d, self.made_
        parts = [column.text for column in made.columns]
        body = f",{self.gap()}".join(parts)
        for number, text in enumerate(made.constraints):
            body += f"{',' if not number or d.chance(80) else ''}{self.gap()}{text}"
        create = f"CREATE TABLE {made.quoted}{self.gap()}({self.gap()}{body}{self.gap()}){made.suffix}"
        made.statements += [
            "CREATE TABLE parent (id INTEGER PRIMARY KEY, u TEXT UNIQUE, x, y, UNIQUE (x, y))",
            "CREATE TABLE log (what, which)",
            create,
        ]
        self.child()
        for number in range(d.number(0, 3)):
            self.index(number)
        for number in range(d.number(0, 2)):
            self.trigger(number)
        if d.chance(60):
            self.view()

    def child(self) -> None:
        made = self.made_
        key = ", ".join(column.sql for column in made.columns if column.name in made.key)
        if key and self.d.chance(60):
            listed = ", ".join(f"k{number}" for number in range(len(made.key)))
            made.statements.append(
                f"CREATE TABLE child ({listed}, FOREIGN KEY ({listed}) {self.references(f'{made.quoted} ({key})')})"
            )

    def index(self, number: int) -> None:
        d, made = self.d, self.made_
        columns = d.some(self.plain(), 2)
        listed = ", ".join(
            d.pick(
                (
                    column.quoted,
                    f"{column.quoted} DESC",
                    f"{column.quoted} COLLATE NOCASE",
                    f"length({column.quoted}) DESC",
                    f"coalesce({column.quoted}, '),(')",
                )
            )
            for column in columns
        )
        where = f" WHERE {columns[0].quoted} IS NOT 'x, )'" if d.chance(30) else ""
        unique = "UNIQUE " if d.chance(20) else ""
        name = self.quote(f"index {number} {d.pick(NAMES)}")
        made.statements.append(f"CREATE {unique}INDEX {name}{self.gap()}ON {made.quoted} ({listed}){where}")

    def trigger(self, number: int) -> None:
        d, made = self.d, self.made_
        column = d.pick(self.plain()).quoted
        name = self.quote(f"trigger {number} {d.pick(NAMES)}")
        event = d.pick(("AFTER INSERT ON", f"BEFORE UPDATE OF {column} ON", "AFTER DELETE ON"))
        row = "OLD" if "DELETE" in event else "NEW"
        body = f"INSERT INTO log VALUES ('it''s; END', {row}.{column});{self.gap()}"
        own = f"{event} {made.quoted} BEGIN {body} END"
        other = f"AFTER INSERT ON log WHEN NEW.what IS 'stop' BEGIN DELETE FROM {made.quoted}; END"
        made.statements.append(f"CREATE TRIGGER {name} {d.pick((own, other))}")

    def view(self) -> None:
        d, made = self.d, self.made_
        column = d.pick(self.plain()).quoted
        made.statements.append(
            d.pick(
                (
                    f'CREATE VIEW "v 1" AS SELECT * FROM {made.quoted}',
                    f"CREATE VIEW \"v 1\" AS SELECT t.{column} AS one, '{{}}' FROM {made.quoted} AS t",
                    f'CREATE VIEW "v 1" AS SELECT count(*) AS one FROM {made.quoted}, log',
                )
            )
        )
        if d.chance(50):
            made.statements.append('CREATE VIEW v2 AS SELECT * FROM "v 1"')
        if d.chance(50):
            made.statements.append(
                f'CREATE TRIGGER instead INSTEAD OF DELETE ON "v 1" BEGIN DELETE FROM {made.quoted}; END'
            )

    def rows(self) -> None:
        d = self.d
        for number in range(d.number(0, 6)):
            values = [self.value(column, number) for column in self.made_.columns if column.kind != "generated"]
            self.made_.rows.append((3 * number + d.number(1, 3), values))

    def value(self, column: Column, number: int) -> Any:
        if column.kind == "key" or (column.type == "INTEGER" and self.made_.key == [column.name]):
            return 5 * number + 1 if column.type == "INTEGER" else f"key {number}"
        fitting = {"INT": int, "INTEGER": int, "REAL": float, "TEXT": str, "BLOB": bytes}
        wanted = fitting.get(column.type) if self.made_.strict else None
        return self.d.pick([value for value in VALUES if wanted is None or value is None or isinstance(value, wanted)])


def build(made: Made) -> SqliteDatabase:
    """Make the database in memory; rows that the table refuses are left out, and the last one is deleted again."""
    database = SqliteDatabase(":memory:")
    database.connect()
    for sql in made.statements:
        database.execute_sql(sql)
    columns = [column.sql for column in made.columns if column.kind != "generated"]
    taken = {column.name.lower() for column in made.columns}
    rowid = next(name for name in ("rowid", "oid", "_rowid_") if name not in taken)
    alias = [column for column in made.columns if made.key == [column.name] and column.type == "INTEGER"]
    counted = not made.without_rowid and not alias
    for number, values in made.rows:
        listed = [rowid, *columns] if counted else columns
        database.execute_sql(
            f"INSERT OR IGNORE INTO {made.sql} ({', '.join(listed)}) VALUES ({', '.join('?' * len(listed))})",
            [number, *values] if counted else values,
        )
    database.execute_sql("INSERT INTO parent VALUES (1, '1', 'a', 'b'), (7, 'a', 1, 1)")
    if len(made.rows) > 2:
        last = made.columns[0].sql
        database.execute_sql(f"DELETE FROM {made.sql} WHERE {last} = (SELECT max({last}) FROM {made.sql})")
    if any(sql.startswith("CREATE TABLE child") for sql in made.statements):
        key = ", ".join(column.sql for column in made.columns if column.name in made.key)
        database.execute_sql(f"INSERT INTO child SELECT {key} FROM {made.sql}")
    database.execute_sql("ANALYZE")
    return database
