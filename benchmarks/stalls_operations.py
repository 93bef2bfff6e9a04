"""What is done to the large table: each operation in the best native way, by this library and by playhouse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from peewee import SQL, BigIntegerField, Check, IntegerField, TextField

COLUMNS = "id, title, pages, price, note, isbn, rating, author_id, editor_id"
TABLE = """CREATE TABLE {name} (id INTEGER PRIMARY KEY, title TEXT NOT NULL, pages INT, price INT, note TEXT, isbn TEXT,
rating INT DEFAULT 1, author_id INT REFERENCES authors (id), editor_id INT,
CONSTRAINT priced CHECK (price >= 0), CONSTRAINT rated CHECK (rating > 0))"""
INDEXES = ("CREATE INDEX by_title ON books (title)", "CREATE INDEX by_author ON books (author_id, pages)")
BATCH = 5_000
Operation = Callable[[Any], Any]


@dataclass(frozen=True)
class Bare:
    """Statements as a careful person writes them.

    Attributes:
        statements: each in a transaction of its own.
        together: all of them in one transaction.
        times: how often they are executed, with a pause after each time; `{n}` in them counts. Of a batch, what it is
            compared with is how long its statement takes, which is what a writer of one of its rows may have to wait.
        each: a statement is executed for each row of a batch, in one transaction.
    """

    statements: Sequence[str]
    together: bool = False
    times: int = 1
    each: bool = False


@dataclass(frozen=True)
class Work:
    """One operation.

    Attributes:
        title: what it is called in the table.
        sqlite: the native way on SQLite.
        postgres: the native way on Postgres.
        ours: what a step does.
        playhouse: what a script of playhouse does.
        atomic: whether the step is a transaction; not, where the library's documentation says so.
        playhouse_on: the databases on which playhouse has the operation.
    """

    title: str
    sqlite: Bare
    postgres: Bare
    ours: Operation
    playhouse: Operation
    atomic: bool = True
    playhouse_on: Sequence[str] = ("sqlite", "postgres")


def rebuilt(old: str, new: str) -> Bare:
    """Return what SQLite's documentation says to do where ALTER TABLE cannot."""
    made = TABLE.format(name="books_new")
    if old not in made:
        raise LookupError(f"the table does not say {old}")
    return Bare(
        (
            made.replace(old, new),
            f"INSERT INTO books_new ({COLUMNS}) SELECT {COLUMNS} FROM books",
            "DROP TABLE books",
            "ALTER TABLE books_new RENAME TO books",
            *INDEXES,
            "PRAGMA foreign_key_check",
        ),
        together=True,
    )


def batches(assigned: str) -> Bare:
    """Return an UPDATE of one batch."""
    return Bare((f"UPDATE books SET {assigned} WHERE id > {BATCH} * {{n}} AND id <= {BATCH} * ({{n}} + 1)",), times=20)


def both(*statements: str) -> dict[str, Bare]:
    """Return statements that are the same on both databases."""
    return {"sqlite": Bare(statements), "postgres": Bare(statements)}


def validated(constraint: str) -> tuple[str, str]:
    """Return how a constraint is added to a table in use."""
    return f"ALTER TABLE books ADD CONSTRAINT c {constraint} NOT VALID", "ALTER TABLE books VALIDATE CONSTRAINT c"


PAIRS = f"SELECT n, 'x' || n AS v FROM generate_series({BATCH} * {{n}} + 1, {BATCH} * ({{n}} + 1)) AS n"
KEY = "FOREIGN KEY (editor_id) REFERENCES authors (id)"


def same(operation: Operation) -> dict[str, Operation]:
    """Return an operation that is written in the same way for both."""
    return {"ours": operation, "playhouse": operation}


WORKS = (
    Work(
        "add_column, NULL",
        **both("ALTER TABLE books ADD COLUMN stars INT"),
        **same(lambda m: m.add_column("books", "stars", IntegerField(null=True))),
    ),
    Work(
        "add_column, NOT NULL DEFAULT 3",
        **both("ALTER TABLE books ADD COLUMN stars INT NOT NULL DEFAULT 3"),
        **same(lambda m: m.add_column("books", "stars", IntegerField(default=3))),
    ),
    Work(
        "add_column, a function fills it",
        Bare(("UPDATE books SET note = ? WHERE id = ?",), times=20, each=True),
        Bare((f"UPDATE books SET note = new.v FROM ({PAIRS}) AS new WHERE id = new.n",), times=20),
        **same(lambda m: m.add_column("books", "stars", TextField(default=lambda: "x", null=True))),
        atomic=False,
    ),
    Work(
        "backfill",
        batches("note = title"),
        batches("note = title"),
        lambda m: m.backfill("books", "note", SQL("title"), where=SQL("note <> title"), batch_size=BATCH),
        lambda m: m.sql("UPDATE books SET note = title WHERE note <> title"),
        atomic=False,
    ),
    Work(
        "add_not_null",
        rebuilt("pages INT", "pages INT NOT NULL"),
        Bare(
            (
                *validated("CHECK (pages IS NOT NULL)"),
                "ALTER TABLE books ALTER pages SET NOT NULL",
                "ALTER TABLE books DROP CONSTRAINT c",
            )
        ),
        **same(lambda m: m.add_not_null("books", "pages")),
        atomic=False,
    ),
    Work(
        "drop_not_null",
        rebuilt("title TEXT NOT NULL", "title TEXT"),
        Bare(("ALTER TABLE books ALTER title DROP NOT NULL",)),
        **same(lambda m: m.drop_not_null("books", "title")),
    ),
    Work(
        "add_column_default",
        rebuilt("pages INT", "pages INT DEFAULT 7"),
        Bare(("ALTER TABLE books ALTER pages SET DEFAULT 7",)),
        **same(lambda m: m.add_column_default("books", "pages", 7)),
    ),
    Work(
        "drop_column_default",
        rebuilt("rating INT DEFAULT 1", "rating INT"),
        Bare(("ALTER TABLE books ALTER rating DROP DEFAULT",)),
        **same(lambda m: m.drop_column_default("books", "rating")),
    ),
    Work(
        "alter_column_type, each row anew",
        rebuilt("pages INT", "pages BIGINT"),
        Bare(("ALTER TABLE books ALTER pages TYPE BIGINT",)),
        **same(lambda m: m.alter_column_type("books", "pages", BigIntegerField())),
    ),
    Work(
        "rename_column",
        **both("ALTER TABLE books RENAME COLUMN note TO remark"),
        **same(lambda m: m.rename_column("books", "note", "remark")),
    ),
    Work(
        "drop_column",
        **both("ALTER TABLE books DROP COLUMN note"),
        **same(lambda m: m.drop_column("books", "note")),
    ),
    Work(
        "add_constraint, CHECK",
        rebuilt("CONSTRAINT priced", "CONSTRAINT c CHECK (pages >= 0), CONSTRAINT priced"),
        Bare(validated("CHECK (pages >= 0)")),
        **same(lambda m: m.add_constraint("books", "c", Check("pages >= 0"))),
        atomic=False,
        playhouse_on=("postgres",),
    ),
    Work(
        "drop_constraint",
        rebuilt("CONSTRAINT priced CHECK (price >= 0), ", ""),
        Bare(("ALTER TABLE books DROP CONSTRAINT priced",)),
        **same(lambda m: m.drop_constraint("books", "priced")),
        playhouse_on=("postgres",),
    ),
    Work(
        "add_unique",
        rebuilt("CONSTRAINT priced", "CONSTRAINT c UNIQUE (isbn), CONSTRAINT priced"),
        Bare(
            (
                "CREATE UNIQUE INDEX CONCURRENTLY c ON books (isbn)",
                "ALTER TABLE books ADD CONSTRAINT c UNIQUE USING INDEX c",
            )
        ),
        **same(lambda m: m.add_unique("books", "isbn")),
        atomic=False,
        playhouse_on=("postgres",),
    ),
    Work(
        "add_foreign_key_constraint",
        rebuilt("CONSTRAINT priced", f"CONSTRAINT c {KEY}, CONSTRAINT priced"),
        Bare(validated(KEY)),
        **same(lambda m: m.add_foreign_key_constraint("books", "editor_id", "authors", "id")),
        atomic=False,
        playhouse_on=("postgres",),
    ),
    Work(
        "drop_foreign_key_constraint",
        rebuilt("author_id INT REFERENCES authors (id)", "author_id INT"),
        Bare(("ALTER TABLE books DROP CONSTRAINT books_author_id_fkey",)),
        **same(lambda m: m.drop_foreign_key_constraint("books", "author_id")),
        playhouse_on=("postgres",),
    ),
    Work(
        "add_index, concurrently",
        Bare(("CREATE INDEX c ON books (isbn)",)),
        Bare(("CREATE INDEX CONCURRENTLY c ON books (isbn)",)),
        lambda m: m.add_index("books", ("isbn",), concurrently=True),
        lambda m: m.add_index("books", ("isbn",)),
        atomic=False,
    ),
    Work(
        "drop_index, concurrently",
        Bare(("DROP INDEX by_title",)),
        Bare(("DROP INDEX CONCURRENTLY by_title",)),
        lambda m: m.drop_index("books", "by_title", concurrently=True),
        lambda m: m.drop_index("books", "by_title"),
        atomic=False,
    ),
    Work(
        "rename_table",
        **both("ALTER TABLE books RENAME TO volumes"),
        **same(lambda m: m.rename_table("books", "volumes")),
    ),
    Work("drop_table", **both("DROP TABLE books"), **same(lambda m: m.drop_table("books"))),
)
