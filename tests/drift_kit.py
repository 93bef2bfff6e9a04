"""What the tests of drift share: a table written by hand, in every way in which it can be wrong."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from peewee import (
    SQL,
    AutoField,
    CharField,
    Check,
    Database,
    DecimalField,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
)

WORDS = {
    "sqlite": {"auto": "INTEGER", "numeric": "DECIMAL", "collation": "NOCASE", "other": "RTRIM"},
    "postgres": {"auto": "SERIAL", "numeric": "NUMERIC", "collation": '"C"', "other": '"POSIX"'},
}
AUTHOR = {
    "key": '"id" {auto} NOT NULL PRIMARY KEY',
    "name": '"name" VARCHAR(255) NOT NULL',
}
BOOK = {
    "key": '"id" {auto} NOT NULL PRIMARY KEY',
    "title": '"title" VARCHAR(40) NOT NULL',
    "pages": '"pages" INTEGER NOT NULL DEFAULT 3',
    "price": '"price" {numeric}(10, 2)',
    "lang": '"lang" VARCHAR(8) NOT NULL',
    "shelf": '"shelf" TEXT COLLATE {collation}',
    "twice": '"twice" INTEGER GENERATED ALWAYS AS (pages * 2) STORED',
    "author": '"author_id" INTEGER NOT NULL',
    "editor": '"editor_id" INTEGER',
    "author_key": 'CONSTRAINT "book_author" FOREIGN KEY ("author_id") REFERENCES "author" ("id") ON DELETE CASCADE',
    "editor_key": 'FOREIGN KEY ("editor_id") REFERENCES "author" ("id") ON DELETE SET NULL ON UPDATE CASCADE',
    "pages_check": 'CONSTRAINT "book_pages" CHECK (pages > 0)',
    "price_check": "CHECK (price >= 0)",
    "unique": 'UNIQUE ("title", "author_id")',
}
INDEXES = {
    "plain": 'CREATE INDEX "book_author_id" ON "book" ("author_id")',
    "editor": 'CREATE INDEX "book_editor_id" ON "book" ("editor_id")',
    "order": 'CREATE INDEX "book_recent" ON "book" ("pages" DESC, "title")',
    "partial": 'CREATE UNIQUE INDEX "book_long" ON "book" ("lang") WHERE pages > 100',
    "lower": 'CREATE INDEX "book_lower" ON "book" (lower(title))',
}


class Author(Model):
    name = CharField()

    class Meta:
        table_name = "author"


class Book(Model):
    id = AutoField()
    title = CharField(max_length=40)
    pages = IntegerField(constraints=[SQL("DEFAULT 3")])
    price = DecimalField(max_digits=10, decimal_places=2, null=True, constraints=[Check("price >= 0")])
    lang = CharField(max_length=8, default="en")
    shelf = TextField(null=True)
    twice = IntegerField(null=True, constraints=[SQL("GENERATED ALWAYS AS (pages * 2) STORED")])
    author = ForeignKeyField(Author, on_delete="CASCADE", constraint_name="book_author")
    editor = ForeignKeyField(Author, on_delete="SET NULL", on_update="CASCADE", null=True, backref="edited")

    class Meta:
        table_name = "book"
        constraints = (Check("pages > 0", "book_pages"), SQL("UNIQUE (title, author_id)"))


Book.add_index(Book.index(Book.pages.desc(), Book.title, name="book_recent"))
Book.add_index(Book.index(Book.lang, unique=True, where=SQL("pages > 100"), name="book_long"))
Book.add_index(Book.index(SQL("lower(title)"), name="book_lower"))
MODELS: list[type[Model]] = [Author, Book]


def with_collation(engine: str) -> None:
    """Give the one column with a collation that of the engine."""
    Book.shelf.collation = WORDS[engine]["collation"]


class Case(NamedTuple):
    """A way to be wrong.

    Attributes:
        id: what it is.
        book: lines of BOOK in other words; None leaves one out.
        differences: (kind, name) of what is to be found; after a bar for SQLite and for Postgres where they differ.
        indexes: lines of INDEXES in other words.
        after: statements that come last.
        engines: where it can be.
        for_good: what takes it away cannot bring it back: nobody wants an index that a failed build left.
    """

    id: str
    differences: tuple[tuple[str, str | None], ...]
    book: Mapping[str, str | None] = MappingProxyType({})
    indexes: Mapping[str, str | None] = MappingProxyType({})
    after: tuple[str, ...] = ()
    engines: tuple[str, ...] = ("sqlite", "postgres")
    for_good: bool = False


def build(database: Database, engine: str, case: Case) -> None:
    """Make the tables, one of them in the way of the case."""
    book = {**BOOK, **case.book}
    lines = [[line for line in table.values() if line] for table in (AUTHOR, book)]
    for name, of in zip(("author", "book"), lines, strict=True):
        if f"no {name}" not in case.after:
            database.execute_sql(f'CREATE TABLE "{name}" ({", ".join(of)})'.format(**WORDS[engine]))
    for statement in ({**INDEXES, **case.indexes}).values():
        if statement and "no book" not in case.after:
            database.execute_sql(statement.format(**WORDS[engine]))
    for statement in case.after:
        if not statement.startswith("no "):
            database.execute_sql(statement)


def case(id: str, *differences: tuple[str, str | None], **more: Any) -> Case:
    """Return a case; a keyword that is a line of BOOK replaces it, one that begins with ix_ a line of INDEXES."""
    book = {key: more.pop(key) for key in list(more) if key in BOOK or key.startswith("new_")}
    indexes = {key[3:]: more.pop(key) for key in list(more) if key.startswith("ix_")}
    return Case(id, differences, book, indexes, **more)


LITE, PG = ("sqlite",), ("postgres",)
CASES = [
    case("a table that is not there", ("table", None), after=("no book",)),
    case("a column that is not there", ("column", "shelf"), shelf=None),
    case("a column that no model has", ("column", "extra"), editor='"editor_id" INTEGER, "extra" INTEGER'),
    case(
        "a column of another case",
        ("column", "shelf"),
        ("column", "Shelf"),
        shelf='"Shelf" TEXT COLLATE "C"',
        engines=PG,
    ),
    case("a longer type", ("type", "title"), title='"title" VARCHAR(41) NOT NULL'),
    case("another type", ("type", "shelf"), shelf='"shelf" VARCHAR(9) COLLATE {collation}'),
    case("another precision", ("type", "price"), price='"price" {numeric}(10, 3)'),
    case("a wider integer", ("type", "editor_id"), editor='"editor_id" BIGINT'),
    case("an affinity for a type", ("type", "editor_id"), editor='"editor_id"', engines=LITE),
    case("a column that takes NULL", ("null", "title"), title='"title" VARCHAR(40)'),
    case("a column that refuses NULL", ("null", "editor_id"), editor='"editor_id" INTEGER NOT NULL'),
    case("a default that is not there", ("default", "pages"), pages='"pages" INTEGER NOT NULL'),
    case("another default", ("default", "pages"), pages='"pages" INTEGER NOT NULL DEFAULT 4'),
    case("a default that no model has", ("default", "title"), title="\"title\" VARCHAR(40) NOT NULL DEFAULT 'x'"),
    case("another default than Python's", ("default", "lang"), lang="\"lang\" VARCHAR(8) NOT NULL DEFAULT 'de'"),
    case("a default of another case", ("default", "lang"), lang="\"lang\" VARCHAR(8) NOT NULL DEFAULT 'EN'"),
    case("a default that is computed", ("default", "lang"), lang="\"lang\" VARCHAR(8) NOT NULL DEFAULT (lower('EN'))"),
    case("a text for a number as the default", ("default", "pages"), pages="\"pages\" INTEGER NOT NULL DEFAULT '4'"),
    case("a column that is not generated", ("generated", "twice"), twice='"twice" INTEGER'),
    case(
        "a column that is generated otherwise",
        ("generated", "twice"),
        twice='"twice" INTEGER GENERATED ALWAYS AS (pages * 3) STORED',
    ),
    case(
        "a column that is generated when it is read",
        ("generated", "twice"),
        twice='"twice" INTEGER GENERATED ALWAYS AS (pages * 2) VIRTUAL',
        engines=LITE,
    ),
    case(
        "a generated column that is none in the model",
        ("generated", "editor_id"),
        editor='"editor_id" INTEGER GENERATED ALWAYS AS (1 + 1) STORED',
        editor_key='FOREIGN KEY ("editor_id") REFERENCES "author" ("id") ON DELETE SET NULL ON UPDATE CASCADE',
        engines=LITE,
    ),
    case("a collation that is not there", ("collation", "shelf"), shelf='"shelf" TEXT'),
    case("another collation", ("collation", "shelf"), shelf='"shelf" TEXT COLLATE {other}'),
    case(
        "a collation that no model has",
        ("collation", "lang"),
        lang='"lang" VARCHAR(8) COLLATE {collation} NOT NULL',
    ),
    case(
        "an identity for a serial",
        ("identity", "id"),
        key='"id" INTEGER GENERATED BY DEFAULT AS IDENTITY NOT NULL PRIMARY KEY',
        engines=PG,
    ),
    case("a key that does not count", ("identity", "id"), key='"id" INTEGER NOT NULL PRIMARY KEY', engines=PG),
    case(
        "a key that never counts back",
        ("option", "AUTOINCREMENT"),
        key='"id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT',
        engines=LITE,
    ),
    case("no primary key", ("primary key", None), key='"id" INTEGER NOT NULL', engines=LITE),
    case("no primary key on Postgres", ("primary key", None), key='"id" SERIAL NOT NULL', engines=PG),
    case(
        "another primary key",
        ("primary key", None),
        ("unique", "*"),
        key='"id" INTEGER NOT NULL',
        unique='PRIMARY KEY ("title", "author_id")',
        engines=LITE,
    ),
    case("a foreign key that is not there", ("foreign key", "book_author"), author_key=None),
    case("a foreign key without a name that is not there", ("foreign key", "*"), editor_key=None),
    case(
        "another ON DELETE",
        ("foreign key", "book_author"),
        author_key='CONSTRAINT "book_author" FOREIGN KEY ("author_id") REFERENCES "author" ("id") ON DELETE RESTRICT',
    ),
    case(
        "no ON DELETE",
        ("foreign key", "book_author"),
        author_key='CONSTRAINT "book_author" FOREIGN KEY ("author_id") REFERENCES "author" ("id")',
    ),
    case(
        "another ON UPDATE",
        ("foreign key", "*"),
        editor_key='FOREIGN KEY ("editor_id") REFERENCES "author" ("id") ON DELETE SET NULL',
    ),
    case(
        "a key to another table",
        ("foreign key", "book_author"),
        author_key='CONSTRAINT "book_author" FOREIGN KEY ("author_id") REFERENCES "book" ("id") ON DELETE CASCADE',
    ),
    case(
        "a key under another name",
        ("foreign key", "book_author"),
        author_key='CONSTRAINT "written_by" FOREIGN KEY ("author_id") REFERENCES "author" ("id") ON DELETE CASCADE',
    ),
    case(
        "a key that waits for the commit",
        ("foreign key", "book_author"),
        author_key='CONSTRAINT "book_author" FOREIGN KEY ("author_id") REFERENCES "author" ("id") ON DELETE CASCADE'
        " DEFERRABLE INITIALLY DEFERRED",
    ),
    case(
        "a key that no model has",
        ("foreign key", "more"),
        new_key='CONSTRAINT "more" FOREIGN KEY ("pages") REFERENCES "author" ("id")',
    ),
    case(
        "a key that never looked",
        ("foreign key", "book_author"),
        author_key=None,
        for_good=True,
        engines=PG,
        after=(f"ALTER TABLE book ADD {BOOK['author_key']} NOT VALID",),
    ),
    case("a check that is not there", ("check", "book_pages"), pages_check=None),
    case("a check without a name that is not there", ("check", "*"), price_check=None),
    case("another check", ("check", "book_pages"), pages_check='CONSTRAINT "book_pages" CHECK (pages >= 0)'),
    case("a check under another name", ("check", "book_pages"), pages_check='CONSTRAINT "other" CHECK (pages > 0)'),
    case("a check that no model has", ("check", "more"), new_check='CONSTRAINT "more" CHECK (pages < 10)'),
    case(
        "a check that never looked",
        ("check", "book_pages"),
        pages_check=None,
        for_good=True,
        engines=PG,
        after=("ALTER TABLE book ADD CONSTRAINT book_pages CHECK (pages > 0) NOT VALID",),
    ),
    case(
        "a check that is not inherited",
        ("check", "book_pages"),
        pages_check='CONSTRAINT "book_pages" CHECK (pages > 0) NO INHERIT',
        engines=PG,
    ),
    case("a unique that is not there", ("unique", "*"), unique=None),
    case("a unique of other columns", ("unique", "*"), ("unique", "*"), unique='UNIQUE ("title")'),
    case("a unique in another order", ("unique", "*"), ("unique", "*"), unique='UNIQUE ("author_id", "title")'),
    case("a unique that no model has", ("unique", "more"), new_unique='CONSTRAINT "more" UNIQUE ("pages")'),
    case(
        "a unique where NULLs are the same",
        ("unique", "*"),
        unique='UNIQUE NULLS NOT DISTINCT ("title", "author_id")',
        engines=PG,
    ),
    case(
        "a unique that waits for the commit",
        ("unique", "*"),
        unique='UNIQUE ("title", "author_id") DEFERRABLE',
        engines=PG,
    ),
    case(
        "an exclusion that no model has",
        ("exclusion", "more"),
        new_exclusion='CONSTRAINT "more" EXCLUDE USING btree (shelf WITH =)',
        engines=PG,
    ),
    case("an index that is not there", ("index", "book_recent"), ix_order=None),
    case("an index that Peewee named that is not there", ("index", "book_author_id"), ix_plain=None),
    case("an index that no model has", ("index", "more"), after=('CREATE INDEX "more" ON "book" ("price")',)),
    case(
        "an index in another order",
        ("index", "book_recent"),
        ix_order='CREATE INDEX "book_recent" ON "book" ("pages", "title")',
    ),
    case(
        "an index of its columns the other way around",
        ("index", "book_recent"),
        ix_order='CREATE INDEX "book_recent" ON "book" ("title", "pages" DESC)',
    ),
    case(
        "an index of fewer columns",
        ("index", "book_recent"),
        ix_order='CREATE INDEX "book_recent" ON "book" ("pages" DESC)',
    ),
    case(
        "an index under another name",
        ("index", "book_recent"),
        ix_order='CREATE INDEX "renamed" ON "book" ("pages" DESC, "title")',
    ),
    case(
        "an index that is not unique",
        ("index", "book_long"),
        ix_partial='CREATE INDEX "book_long" ON "book" ("lang") WHERE pages > 100',
    ),
    case(
        "a unique index that is not to be",
        ("index", "book_lower"),
        ix_lower='CREATE UNIQUE INDEX "book_lower" ON "book" (lower(title))',
    ),
    case(
        "an index without its predicate",
        ("index", "book_long"),
        ix_partial='CREATE UNIQUE INDEX "book_long" ON "book" ("lang")',
    ),
    case(
        "another predicate",
        ("index", "book_long"),
        ix_partial='CREATE UNIQUE INDEX "book_long" ON "book" ("lang") WHERE pages > 101',
    ),
    case(
        "a predicate that is not to be",
        ("index", "book_recent"),
        ix_order='CREATE INDEX "book_recent" ON "book" ("pages" DESC, "title") WHERE pages > 1',
    ),
    case("another expression", ("index", "book_lower"), ix_lower='CREATE INDEX "book_lower" ON "book" (upper(title))'),
    case("a column for an expression", ("index", "book_lower"), ix_lower='CREATE INDEX "book_lower" ON "book" (title)'),
    case(
        "an index of another collation",
        ("index", "book_recent"),
        ix_order='CREATE INDEX "book_recent" ON "book" ("pages" DESC, "title" COLLATE {other})',
    ),
    case(
        "NULLs at the other end of an index",
        ("index", "book_recent"),
        ix_order='CREATE INDEX "book_recent" ON "book" ("pages" DESC NULLS LAST, "title")',
        engines=PG,
    ),
    case(
        "another method",
        ("index", "book_author_id"),
        ix_plain='CREATE INDEX "book_author_id" ON "book" USING hash ("author_id")',
        engines=PG,
    ),
    case(
        "another operator class",
        ("index", "book_recent"),
        ix_order='CREATE INDEX "book_recent" ON "book" ("pages" DESC, "title" varchar_pattern_ops)',
        engines=PG,
    ),
    case(
        "an index that carries a column",
        ("index", "book_recent"),
        ix_order='CREATE INDEX "book_recent" ON "book" ("pages" DESC, "title") INCLUDE (price)',
        engines=PG,
    ),
    case(
        "a unique index where NULLs are the same",
        ("index", "book_long"),
        ix_partial='CREATE UNIQUE INDEX "book_long" ON "book" ("lang") NULLS NOT DISTINCT WHERE pages > 100',
        engines=PG,
    ),
    case(
        "an index that a failed build left",
        ("index", "book_recent"),
        for_good=True,
        engines=PG,
        after=("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'book_recent'::regclass",),
    ),
    case("a table that a crash empties", ("option", "UNLOGGED"), engines=PG, after=("ALTER TABLE book SET UNLOGGED",)),
]
