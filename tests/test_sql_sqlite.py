"""Is a CREATE TABLE statement read as SQLite reads it, and is all of it there again?"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from peewee import OperationalError, SqliteDatabase
from rebuild_tables import Made, tables

from signals_peewee.engine.altering.sqlite.edits import with_column, without_column, without_constraint
from signals_peewee.engine.sql_sqlite.reading import definition
from signals_peewee.engine.sql_sqlite.tokens import tokens

PIECES = st.sampled_from(
    (
        "'",
        '"',
        "`",
        "[",
        "]",
        "(",
        ")",
        ",",
        "--",
        "/*",
        "*/",
        "\n",
        " ",
        "a",
        "1",
        ".",
        "-",
        "x'00'",
        "1e5",
        "é",
        "->>",
        ";",
    )
)


@given(st.lists(PIECES).map("".join))
def test_the_tokens_are_the_text_or_it_is_refused(sql: str) -> None:
    try:
        read = list(tokens(sql))
    except ValueError:
        return
    assert "".join(token.text for token in read) == sql


@settings(max_examples=5 * settings().max_examples)
@given(tables())
def test_columns_and_constraints_are_those_that_sqlite_sees(made: Made) -> None:
    sql = next(statement for statement in made.statements if statement.startswith(f"CREATE TABLE {made.quoted}"))
    read = definition(sql)
    assert read.name.name == made.table
    assert [column.name for column in read.columns] == [column.name for column in made.columns]
    assert [sql[column.start : column.end] for column in read.columns] == [column.text for column in made.columns]
    assert [sql[said.start : said.end] for said in read.table_constraints] == made.constraints
    assert {said.name for said in read.constraints if said.name} == set(made.named)
    assert sql[read.closing.end :] == made.suffix


@settings(max_examples=5 * settings().max_examples)
@given(tables())
def test_what_is_taken_out_leaves_a_statement_with_everything_else(made: Made) -> None:
    sql = next(statement for statement in made.statements if statement.startswith(f"CREATE TABLE {made.quoted}"))
    read = definition(sql)
    for column in read.columns[1:]:
        left = definition(without_column(read, column.name))
        assert [other.name for other in left.columns] == [c.name for c in read.columns if c is not column]
        assert len(left.constraints) == len(read.constraints) - len(column.constraints)
    for said in read.constraints:
        left = definition(without_constraint(read, said))
        kept = [sql[other.start : other.end] for other in read.constraints if other is not said]
        assert [left.sql[other.start : other.end] for other in left.constraints] == kept
    more = definition(with_column(read, '"more" DECIMAL(1, 2) DEFAULT (1)'))
    assert [column.name for column in more.columns] == [*(column.name for column in read.columns), "more"]


ODD = [
    "CREATE TABLE t(a)",
    "CREATE TABLE t(a,b,c)",
    "CREATE TABLE 't'('a' 'odd type' DEFAULT 'x')",
    "CREATE TABLE t(a INTEGER CONSTRAINT empty, b CONSTRAINT one CONSTRAINT two NOT NULL)",
    "CREATE TABLE t(a UNSIGNED BIG INT(1, -2) DEFAULT -5 NULL ON CONFLICT FAIL)",
    "CREATE TABLE t(a DEFAULT'x'NOT NULL COLLATE\"nocase\"CHECK(a>'')UNIQUE)",
    "CREATE TABLE t(a DEFAULT TRUE, b DEFAULT abc, c DEFAULT + 1, d DEFAULT (1), e DEFAULT x'00')",
    "CREATE TABLE t(a INT GENERATED ALWAYS AS (1), b AS (2) STORED, c INT)",
    "CREATE TABLE t(generated TEXT, always INT, a GENERATED)",
    "CREATE TABLE t(a REFERENCES p MATCH x ON DELETE SET NULL ON UPDATE NO ACTION NOT DEFERRABLE INITIALLY IMMEDIATE)",
    "CREATE TABLE t(a REFERENCES p DEFERRABLE NOT NULL, b REFERENCES p(x) NOT NULL DEFAULT 1)",
    "CREATE TABLE t(a INT, b, CHECK (a > 0) UNIQUE (a, b) ON CONFLICT IGNORE CONSTRAINT k FOREIGN KEY(a) REFERENCES p)",
    "CREATE TABLE t(a INTEGER, PRIMARY KEY (a AUTOINCREMENT))",
    "CREATE TABLE t(a TEXT, b, PRIMARY KEY (a COLLATE nocase DESC, b) ON CONFLICT REPLACE) WITHOUT ROWID",
    "CREATE TABLE t(a INTEGER PRIMARY KEY ASC ON CONFLICT ABORT AUTOINCREMENT)",
    "CREATE TABLE t(a -- one, ' two\n, b /* ) */ INT, c /* three */)",
    'CREATE TABLE t("a""b" INT, [c"d] INT, `e``f` INT, a$ INT, \ufeffé INT)',
    "CREATE TABLE t(a INT CHECK (a -> 1 IS NOT 1 AND a || ',)' <> '(' AND a NOT IN (1, 2, (3))) CHECK (a))",
]


@pytest.mark.parametrize("sql", ODD)
def test_odd_statements_are_read(sql: str) -> None:
    database = SqliteDatabase(":memory:")
    database.connect()
    try:
        database.execute_sql(sql)
        columns = [row[1] for row in database.execute_sql("PRAGMA table_xinfo(t)").fetchall()]
        ((stored,),) = database.execute_sql("SELECT sql FROM sqlite_master WHERE name = 't'").fetchall()
    except OperationalError as error:
        raise AssertionError(sql) from error
    finally:
        database.close()
    read = definition(stored)
    assert [column.name for column in read.columns] == columns
    for said in read.constraints:
        definition(without_constraint(read, said))


@pytest.mark.parametrize(
    "sql", ["CREATE TABLE t(a", "CREATE TABLE t AS SELECT 1", "CREATE TABLE t(a CHECK a)", "SELECT 1"]
)
def test_what_is_no_such_statement_is_refused(sql: str) -> None:
    with pytest.raises(ValueError, match="the CREATE TABLE statement"):
        definition(sql)
