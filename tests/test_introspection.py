"""Does the catalog come out as it was written in, odd names and old syntax included?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from peewee import Database, SqliteDatabase
from runner_kit import closing, opened, statements

from signals_peewee.engine.introspection import (
    Check,
    Column,
    Exclusion,
    ForeignKey,
    Index,
    IndexPart,
    PrimaryKey,
    Table,
    Trigger,
    Unique,
    inspector_for,
)

closed = pytest.fixture(autouse=True)(closing)


@pytest.fixture
def sqlite() -> Iterator[Database]:
    database = SqliteDatabase(":memory:")
    yield database
    database.close()


@pytest.fixture
def postgres(postgres_url: str) -> Database:
    return opened(postgres_url)


def run(database: Database, *sql: str) -> None:
    for statement in sql:
        database.execute_sql(statement)


def found(database: Database, name: str, schema: str | None = None) -> Table:
    table = inspector_for(database).table(name, schema)
    assert table is not None
    return table


def key(column: str, table: str, referred: str, **more: Any) -> ForeignKey:
    return ForeignKey((column,), table, (referred,), **more)


def test_a_table_of_sqlite_is_read_from_its_pragmas_and_its_text(sqlite: Database) -> None:
    run(
        sqlite,
        "CREATE TABLE parent (a integer primary key autoincrement, b text collate nocase unique, c int,"
        " CONSTRAINT pu UNIQUE (b, c) CHECK (c<>1) CONSTRAINT named CHECK (c <> ','), CHECK ((c > 2))) STRICT",
        "CREATE INDEX i2 ON parent (b COLLATE binary, c)",
    )
    assert found(sqlite, "parent") == Table(
        "parent",
        None,
        (Column("a", "INTEGER", null=False), Column("b", "TEXT", collation="NOCASE"), Column("c", "INT")),
        PrimaryKey(("a",)),
        uniques=(Unique(("b", "c"), "pu"), Unique(("b",))),
        checks=(Check("c <> ','", "named"), Check("c > 2"), Check("c<>1")),
        indexes=(Index("i2", (IndexPart("b", collation="BINARY"), IndexPart("c"))),),
        options=frozenset({"STRICT", "AUTOINCREMENT"}),
    )


def test_what_is_odd_in_a_table_of_sqlite_is_read_as_sqlite_reads_it(sqlite: Database) -> None:
    run(
        sqlite,
        "CREATE TABLE parent (Id INTEGER PRIMARY KEY)",
        """CREATE TABLE "Od d" ( -- x (
             "a""b" varchar(20) NOT NULL DEFAULT 'a  b' CONSTRAINT k REFERENCES parent ON DELETE set null
             on update /* , */ cascade deferrable initially deferred, [p q] int default -1 check([p q] > 0) not null,
             `g` int generated always as (a*2) stored, a int default (1+2), t text default current_timestamp,
             n double precision default null, primary key (a, "a""b"),
             foreign key (g) references parent(id) not deferrable) without rowid""",
        'CREATE UNIQUE INDEX ix ON "Od d" (lower("a""b") collate nocase desc, T desc, "p q" asc) WHERE t is not null',
        'CREATE TRIGGER tr AFTER INSERT ON "od D" BEGIN SELECT 1; END',
    )
    rules = {"on_delete": "SET NULL", "on_update": "CASCADE", "deferrable": "DEFERRABLE INITIALLY DEFERRED"}
    assert found(sqlite, "Od d") == Table(
        "Od d",
        None,
        (
            Column('a"b', "varchar(20)", null=False, default="'a  b'"),
            Column("p q", "INT", null=False, default="-1"),
            Column("g", "INT", generated="(a*2) STORED"),
            Column("a", "INT", null=False, default="(1+2)"),
            Column("t", "TEXT", default="current_timestamp"),
            Column("n", "double precision", default="null"),
        ),
        PrimaryKey(("a", 'a"b')),
        foreign_keys=(key('a"b', "parent", "Id", name="k", **rules), key("g", "parent", "id")),
        checks=(Check("[p q] > 0"),),
        indexes=(
            Index(
                "ix",
                (
                    IndexPart('lower("a""b")', expression=True, descending=True, collation="NOCASE"),
                    IndexPart("t", descending=True),
                    IndexPart("p q"),
                ),
                unique=True,
                predicate="t is not null",
            ),
        ),
        triggers=(Trigger("tr", 'CREATE TRIGGER tr AFTER INSERT ON "od D" BEGIN SELECT 1; END'),),
        options=frozenset({"WITHOUT ROWID"}),
    )


def test_a_virtual_table_of_sqlite_has_its_columns(sqlite: Database) -> None:
    run(sqlite, "CREATE VIRTUAL TABLE words USING fts5(title, 'body', tokenize = 'porter')")
    table = found(sqlite, "words")
    assert [column.name for column in table.columns] == ["title", "body"]
    assert table.options == {"VIRTUAL"}


def test_an_attached_database_is_read_as_a_schema(sqlite: Database) -> None:
    run(sqlite, "ATTACH ':memory:' AS \"si'de\"", 'CREATE TABLE "si\'de".t (a PRIMARY KEY REFERENCES t)')
    assert inspector_for(sqlite).table("t") is None
    assert found(sqlite, "t", "si'de").foreign_keys == (key("a", "t", "a"),)
    assert inspector_for(sqlite).tables("si'de") == ["t"]


def test_a_table_of_postgres_is_read_from_the_catalog(postgres: Database) -> None:
    run(
        postgres,
        'CREATE TABLE parent (a serial PRIMARY KEY, b text COLLATE "C" UNIQUE, c int,'
        " CONSTRAINT pu UNIQUE NULLS NOT DISTINCT (b, c) DEFERRABLE, CHECK (c <> 1),"
        " CONSTRAINT named CHECK (c > 2) NO INHERIT)",
        "ALTER TABLE parent ADD CHECK (a > 1) NOT VALID",
        "COMMENT ON TABLE parent IS 'of all'",
        "COMMENT ON COLUMN parent.c IS 'a number'",
    )
    assert found(postgres, "parent") == Table(
        "parent",
        "public",
        (
            Column("a", "integer", null=False, default="nextval('parent_a_seq'::regclass)", sequence="parent_a_seq"),
            Column("b", "text", collation="C"),
            Column("c", "integer", comment="a number"),
        ),
        PrimaryKey(("a",), "parent_pkey"),
        uniques=(
            Unique(("b",), "parent_b_key"),
            Unique(("b", "c"), "pu", nulls_distinct=False, deferrable="DEFERRABLE"),
        ),
        checks=(
            Check("(c > 2)", "named", ending="NO INHERIT"),
            Check("(a > 1)", "parent_a_check", validated=False),
            Check("(c <> 1)", "parent_c_check"),
        ),
        comment="of all",
    )


def test_what_is_odd_in_a_table_of_postgres_is_read_too(postgres: Database) -> None:
    run(
        postgres,
        "CREATE SCHEMA other",
        "CREATE TABLE other.o (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY)",
        'CREATE UNLOGGED TABLE "Od d" ("a""b" varchar(20) PRIMARY KEY DEFAULT \'x\', o bigint REFERENCES other.o'
        " ON DELETE SET NULL ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED, p int, d date,"
        " g int GENERATED ALWAYS AS (p * 2) STORED, EXCLUDE USING btree (d WITH =)) WITH (fillfactor = 70)",
        'CREATE UNIQUE INDEX ix ON "Od d" (lower("a""b") COLLATE "C" DESC, p DESC NULLS LAST, "a""b" text_pattern_ops)'
        " INCLUDE (d) WHERE p IS NOT NULL",
        'CREATE INDEX gx ON "Od d" USING hash (p)',
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'",
        'CREATE TRIGGER tr AFTER INSERT ON "Od d" EXECUTE FUNCTION f()',
    )
    rules = {"on_delete": "SET NULL", "on_update": "CASCADE", "deferrable": "DEFERRABLE INITIALLY DEFERRED"}
    assert found(postgres, "Od d") == Table(
        "Od d",
        "public",
        (
            Column('a"b', "character varying(20)", null=False, default="'x'::character varying"),
            Column("o", "bigint"),
            Column("p", "integer"),
            Column("d", "date"),
            Column("g", "integer", generated="(p * 2) STORED"),
        ),
        PrimaryKey(('a"b',), "Od d_pkey"),
        foreign_keys=(key("o", "o", "id", schema="other", name="Od d_o_fkey", **rules),),
        exclusions=(Exclusion("EXCLUDE USING btree (d WITH =)", "Od d_d_excl"),),
        indexes=(
            Index("gx", (IndexPart("p"),), method="hash"),
            Index(
                "ix",
                (
                    IndexPart(
                        'lower(("a""b")::text)', expression=True, descending=True, nulls_first=True, collation="C"
                    ),
                    IndexPart("p", descending=True, nulls_first=False),
                    IndexPart('a"b', nulls_first=False, opclass="text_pattern_ops"),
                ),
                unique=True,
                predicate="(p IS NOT NULL)",
                include=("d",),
            ),
        ),
        triggers=(
            Trigger("tr", 'CREATE TRIGGER tr AFTER INSERT ON public."Od d" FOR EACH STATEMENT EXECUTE FUNCTION f()'),
        ),
        options=frozenset({"UNLOGGED", "fillfactor=70"}),
    )
    assert found(postgres, "o", "other").columns == (Column("id", "bigint", null=False, identity="ALWAYS"),)


def test_a_key_to_a_partitioned_table_is_one_key(postgres: Database) -> None:
    run(
        postgres,
        "CREATE TABLE part (id int, d date, PRIMARY KEY (id, d)) PARTITION BY RANGE (d)",
        "CREATE TABLE part1 PARTITION OF part FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')",
        "CREATE TABLE t (i int, d date, FOREIGN KEY (i, d) REFERENCES part)",
    )
    assert found(postgres, "t").foreign_keys == (ForeignKey(("i", "d"), "part", ("id", "d"), name="t_i_d_fkey"),)
    assert found(postgres, "part").options == {"PARTITIONED BY RANGE (d)"}
    assert found(postgres, "part1").options == {"PARTITION"}


def test_what_postgres_18_has_anew_is_read_and_older_ones_are_asked_the_same(postgres: Database) -> None:
    postgres.connect()  # before that the version is not known
    new = (postgres.server_version or 0) >= 180000
    run(
        postgres,
        f"CREATE TABLE t (a int CONSTRAINT named NOT NULL, g int GENERATED ALWAYS AS (a + 1)"
        f" {'VIRTUAL' if new else 'STORED'}, v int, CHECK (v > 0){' NOT ENFORCED' if new else ''})",
    )
    if new:
        run(postgres, "ALTER TABLE t ADD CONSTRAINT v_given NOT NULL v NOT VALID")
    assert found(postgres, "t") == Table(
        "t",
        "public",
        (
            Column("a", "integer", null=False),
            Column("g", "integer", generated="(a + 1) VIRTUAL" if new else "(a + 1) STORED"),
            Column("v", "integer", null=not new, null_validated=not new),
        ),
        checks=(Check("(v > 0)", "t_v_check", validated=not new, ending="NOT ENFORCED" if new else ""),),
    )


def test_what_a_failed_concurrent_index_left_is_not_valid(postgres: Database) -> None:
    run(postgres, "CREATE TABLE t (a int)", "INSERT INTO t VALUES (1), (1)")
    with pytest.raises(Exception, match="could not create unique index"):
        run(postgres, "CREATE UNIQUE INDEX CONCURRENTLY ix ON t (a)")
    (index,) = found(postgres, "t").indexes
    assert (index.name, index.valid) == ("ix", False)


def test_a_temporary_table_is_not_among_those_of_the_schema(postgres: Database) -> None:
    run(postgres, "CREATE TEMPORARY TABLE t (a int)")
    assert found(postgres, "t").options == {"TEMPORARY"}
    assert inspector_for(postgres).tables() == []


def test_a_name_is_matched_exactly(database: Database) -> None:
    run(database, 'CREATE TABLE "Books" (id integer)', "CREATE VIEW books_view AS SELECT 1 AS one")
    inspector = inspector_for(database)
    assert inspector.read(["Books", "books", "books_view", "", "x'y", 'x"y', "nothing"]).keys() == {"Books"}
    assert inspector.tables() == ["Books"]
    assert inspector.read([]) == {}


def test_a_hundred_tables_cost_as_many_statements_as_one(database: Database) -> None:
    names = [f"t{number:03}" for number in range(100)]
    for name in names:
        run(database, f"CREATE TABLE {name} (id integer PRIMARY KEY, up integer REFERENCES {name}, x text UNIQUE)")
        run(database, f"CREATE INDEX {name}_up ON {name} (up)")
    inspector = inspector_for(database)
    with statements(database) as for_one:
        inspector.table("t001")
    with statements(database) as for_all:
        assert list(inspector.read(names)) == names
    assert len(for_one) == len(for_all) <= 6


SAME = [
    ("pages>0", '("pages" > 0)'),
    ("a != 1 AND b == 2", "A<>1  and [b] = 2"),
    ("VARCHAR(20)", "varchar ( 20 )"),
    ("lower(`x`)", "LOWER(x) -- of it"),
]
DIFFERENT = [("a = 'x'", "a = 'X'"), ("'a  b'", "'a b'"), ("(a) + (b)", "a + b) + (b"), ('"a b"', "a b"), ("1", "'1'")]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_ways_of_writing_the_same_for_sqlite_are_the_same(sqlite: Database, one: str, other: str) -> None:
    assert inspector_for(sqlite).canonical(one) == inspector_for(sqlite).canonical(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_means_something_else_to_sqlite_stays_different(sqlite: Database, one: str, other: str) -> None:
    assert inspector_for(sqlite).canonical(one) != inspector_for(sqlite).canonical(other)
