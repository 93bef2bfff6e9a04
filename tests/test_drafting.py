"""Does a drafted step, applied, leave no difference, and its reverse the one that was there?"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from drift_kit import CASES, MODELS, Case, build, with_collation
from drift_zoo import ZOO
from hypothesis import given, settings
from hypothesis import strategies as st
from peewee import (
    SQL,
    BigAutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    Check,
    CompositeKey,
    Database,
    DateTimeField,
    DecimalField,
    Field,
    ForeignKeyField,
    IntegerField,
    Model,
    ModelIndex,
    TextField,
)
from runner_kit import closing, opened

from signals_peewee.errors import InvalidModel
from signals_peewee.runner import DirectorySource, MigrationRunner
from signals_peewee.runner.operations import InstantField

closed = pytest.fixture(autouse=True)(closing)


class Drafts:
    """A folder into which every draft is written as its next step."""

    def __init__(self, database: Database, folder: Path, **options: Any) -> None:
        self.folder = folder / "drafted"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.runner = MigrationRunner(database, DirectorySource(self.folder, name="app"), **options)

    def apply(self, models: Any) -> str:
        """Draft a step, apply it and return its text."""
        text = self.runner.draft(models)
        assert text is not None
        number = len(list(self.folder.glob("*.py"))) + 1
        (self.folder / f"{number:04}_draft.py").write_text(text, "utf-8")
        self.runner.up()
        return text


@pytest.fixture
def drafts(database: Database, tmp_path: Path) -> Drafts:
    return Drafts(database, tmp_path)


@pytest.mark.parametrize(
    ("engine_name", "wrong"),
    [pytest.param(engine, case, id=f"{engine}: {case.id}") for case in CASES for engine in case.engines],
    indirect=["engine_name"],
)
def test_a_draft_takes_every_difference_away_and_its_reverse_brings_it_back(
    engine_name: str, database: Database, drafts: Drafts, wrong: Case
) -> None:
    with_collation(engine_name)
    build(database, engine_name, wrong)
    before = drafts.runner.check(MODELS)
    drafts.apply(MODELS)
    assert str(drafts.runner.check(MODELS)) == "no difference"
    assert drafts.runner.draft(MODELS) is None
    drafts.runner.down()
    after = drafts.runner.check(MODELS)
    again = [] if wrong.for_good else [(one.kind, one.name) for one in before.differences]
    assert [(one.kind, one.name) for one in after.differences] == again


def test_a_draft_makes_the_tables_of_an_empty_database(engine_name: str, drafts: Drafts) -> None:
    with_collation(engine_name)
    text = drafts.apply(MODELS)
    assert "SqlField" not in text
    assert "db.execute_sql" not in text
    assert not drafts.runner.check(MODELS)
    drafts.runner.down()
    assert [one.kind for one in drafts.runner.check(MODELS).differences] == ["table", "table"]


ZOO_ON = [
    pytest.param(engine, kind.make, id=f"{engine}: {kind.make.__name__}") for kind in ZOO for engine in kind.engines
]


@pytest.mark.parametrize(("engine_name", "make"), ZOO_ON, indirect=["engine_name"])
def test_a_draft_makes_every_kind_of_table(engine_name: str, database: Database, drafts: Drafts, make: Any) -> None:
    models = make()
    drafts.apply(models)
    assert str(drafts.runner.check(models)) == "no difference"
    drafts.runner.down()
    assert {one.kind for one in drafts.runner.check(models).differences} == {"table"}


TYPES = {
    "text": TextField,
    "char": lambda **o: CharField(max_length=9, **o),
    "integer": IntegerField,
    "big": BigIntegerField,
    "decimal": lambda **o: DecimalField(max_digits=6, decimal_places=2, **o),
    "moment": DateTimeField,
    "instant": InstantField,
}
DEFAULTS = {"text": "it's", "char": "x", "integer": -1, "big": 2**40}
RULES = ("CASCADE", "SET NULL", None)
NAMES = ("a", "B", "c d", 'say "x"')


@st.composite
def columns(draw: Any) -> dict[str, Any]:
    """A column as data."""
    kind = draw(st.sampled_from(sorted(TYPES)))
    default = kind in DEFAULTS and draw(st.sampled_from(["", "", "python", "server"]))
    return {
        "kind": kind,
        "null": draw(st.booleans()),
        "default": default,
        "collate": kind in ("text", "char") and draw(st.sampled_from([False, False, True])),
        "index": draw(st.sampled_from(["", "", "index", "unique"])),
        "check": draw(st.sampled_from([None, None, "{} IS NOT NULL", "length({}) > 1"])) if kind == "text" else None,
        "named": draw(st.booleans()),
    }


@st.composite
def tables(draw: Any) -> dict[str, Any]:
    """A table as data; a key names another table by its number."""
    of = draw(st.dictionaries(st.sampled_from(NAMES), columns(), max_size=3))
    plain = [name for name, column in of.items() if column["kind"] in ("text", "char", "integer")]
    return {
        "columns": of,
        "key": draw(st.sampled_from(["auto", "auto", "text"])),
        "refers": draw(
            st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["CASCADE", "SET NULL", None])), max_size=2)
        ),
        "unique": draw(st.booleans()) and len(plain) > 1 and plain[:2],
        "order": draw(st.booleans()) and plain[:1],
        "some": draw(st.booleans()) and plain[:1],
    }


WORLDS = st.dictionaries(st.integers(0, 2), tables(), max_size=3)


def models_of_world(world: dict[int, Any], engine: str) -> list[Any]:
    """The models that some tables as data stand for."""
    made: dict[int, Any] = {}
    for number, table in sorted(world.items()):
        fields: dict[str, Any] = {"key": TextField(primary_key=True)} if table["key"] == "text" else {}
        for name, column in table["columns"].items():
            fields[f"f{NAMES.index(name)}"] = field_of(f"t{number}", name, column, engine)
        for place, (to, on_delete) in enumerate(table["refers"]):
            target: Any = made.get(to, "self")
            options = {"constraint_name": f"t{number}_named"} if on_delete == "SET NULL" else {}
            fields[f"to{place}"] = ForeignKeyField(target, null=True, on_delete=on_delete, backref="+", **options)
            if options:
                break
        quoted = [quote(name) for name in table["unique"] or ()]
        constraints = [SQL(f"UNIQUE ({', '.join(quoted)})")] if quoted else []
        meta = type("Meta", (), {"table_name": f"t{number}", "legacy_table_names": False, "constraints": constraints})
        made[number] = type(f"T{number}", (Model,), {**fields, "Meta": meta})
        for name in table["order"] or ():
            parts = [SQL(f"{quote(name)} DESC"), SQL(f"coalesce({quote(name)}, {quote(name)})")]
            made[number].add_index(ModelIndex(made[number], parts, name=f"t{number}_order"))
        for name in table["some"] or ():
            where = SQL(f"{quote(name)} IS NOT NULL")
            made[number].add_index(ModelIndex(made[number], [SQL(quote(name))], name=f"t{number}_some", where=where))
    return list(made.values())


def field_of(table: str, name: str, column: dict[str, Any], engine: str) -> Any:
    constraints = []
    if column["check"]:
        expression = column["check"].format(quote(name))
        constraints.append(Check(expression, f"{table}_check {NAMES.index(name)}" if column["named"] else None))
    default = DEFAULTS.get(column["kind"])
    if column["default"] == "server":
        text = str(default).replace("'", "''")
        constraints.append(SQL(f"DEFAULT {default}" if isinstance(default, int) else f"DEFAULT '{text}'"))
    return TYPES[column["kind"]](
        column_name=name,
        null=column["null"],
        default=default if column["default"] == "python" else None,
        collation={"sqlite": "NOCASE", "postgres": '"C"'}[engine] if column["collate"] else None,
        index=column["index"] == "index",
        unique=column["index"] == "unique",
        constraints=constraints,
    )


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def emptied(database: Database, engine: str) -> None:
    if engine == "postgres":
        database.execute_sql("DROP SCHEMA public CASCADE")
        database.execute_sql("CREATE SCHEMA public")
        return
    for table in database.get_tables():
        database.execute_sql("PRAGMA foreign_keys = 0")
        database.execute_sql(f'DROP TABLE "{table}"')
    database.execute_sql("PRAGMA foreign_keys = 1")


@settings(max_examples=max(5, settings.default.max_examples // 4))
@given(before=WORLDS, after=WORLDS)
def test_any_database_is_brought_to_any_models(
    database: Database, engine_name: str, tmp_path_factory: Any, before: Any, after: Any
) -> None:
    emptied(database, engine_name)
    drafts = Drafts(database, tmp_path_factory.mktemp("any"))
    first, second = models_of_world(before, engine_name), models_of_world({**before, **after}, engine_name)
    for models in (first, second):
        if drafts.runner.check(models):
            drafts.apply(models)
        assert str(drafts.runner.check(models)) == "no difference"
    applied = len(list(drafts.folder.glob("*.py")))
    if applied and drafts.runner.status().applied:
        drafts.runner.down(all=True)
        assert {one.kind for one in drafts.runner.check(first).differences} <= {"table"}


def test_rows_are_kept_where_a_table_is_made_anew(sqlite_url: str, tmp_path: Path) -> None:
    database = opened(sqlite_url)
    database.execute_sql("CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT NOT NULL, pages INTEGER UNIQUE)")
    database.execute_sql("CREATE TABLE note (id INTEGER PRIMARY KEY, book INTEGER REFERENCES book ON DELETE CASCADE)")
    database.execute_sql("INSERT INTO book VALUES (3, 'Größe', 7), (5, 'it''s 100 %', 8)")
    database.execute_sql("INSERT INTO note VALUES (1, 3)")
    title = TextField(collation="NOCASE")
    book = type("Book", (Model,), {"title": title, "pages": IntegerField(null=True), "more": TextField(null=True)})
    drafts = Drafts(database, tmp_path)
    text = drafts.apply([book])
    assert "# There is no operation for this of book: collation title, unique." in text
    assert not drafts.runner.check([book])
    rows = "SELECT id, title, pages FROM book ORDER BY id"
    assert database.execute_sql(rows).fetchall() == [(3, "Größe", 7), (5, "it's 100 %", 8)]
    drafts.runner.down()
    assert database.execute_sql(rows).fetchall() == [(3, "Größe", 7), (5, "it's 100 %", 8)]
    assert database.execute_sql("SELECT * FROM note").fetchall() == [(1, 3)]
    assert [(one.kind, one.name) for one in drafts.runner.check([book]).differences] == [
        ("collation", "title"),
        ("column", "more"),
        ("unique", None),
    ]


def test_what_only_an_author_can_decide_is_a_comment(database: Database, drafts: Drafts) -> None:
    old = type("Book", (Model,), {"name": TextField()})
    drafts.apply([old])
    new = type("Book", (Model,), {"title": TextField(), "made": DateTimeField(default=datetime.now)})
    text = drafts.apply([new])
    assert "    # book.title is NOT NULL, and nothing says what its rows get." in text
    assert "    # book.made is NOT NULL, and nothing says what its rows get." in text
    assert "    # book.name goes, with what is in it. If it has got another name (made, title), write\n" in text
    assert "    # Where there are rows, down() cannot make name again unless its field has a default.\n" in text
    assert text.index("drop_column('book', 'name')") > text.index("add_column('book', 'title'")


def test_a_constant_of_pythons_fills_the_rows(database: Database, drafts: Drafts) -> None:
    drafts.apply([type("Book", (Model,), {})])
    database.execute_sql("INSERT INTO book (id) VALUES (1)")
    drafts.apply([type("Book", (Model,), {"pages": IntegerField(default=3), "title": TextField(default="it's 100 %")})])
    assert database.execute_sql("SELECT pages, title FROM book").fetchall() == [(3, "it's 100 %")]


def test_names_in_another_case_are_written_as_sqlite_has_them(sqlite_url: str, tmp_path: Path) -> None:
    database = opened(sqlite_url)
    database.execute_sql('CREATE TABLE BOOK (ID INTEGER PRIMARY KEY, "Title" TEXT, "Up" INTEGER)')
    fields = {"title": CharField(default="x", index=True), "up": ForeignKeyField("self", null=True, column_name="up")}
    book = type("Book", (Model,), fields)
    drafts = Drafts(database, tmp_path)
    drafts.apply([book])
    assert str(drafts.runner.check([book])) == "no difference"
    drafts.runner.down()
    assert drafts.runner.check([book])


def test_a_percent_sign_is_one(database: Database, engine_name: str, drafts: Drafts) -> None:
    sign = "%" if engine_name == "sqlite" else "%%"  # Peewee hands SQL to the drivers as it is
    said = [SQL(f"DEFAULT '100 {sign}'"), Check(f"word LIKE '1{sign}'")]
    book = type("Book", (Model,), {"word": TextField(constraints=said)})
    book.add_index(ModelIndex(book, [SQL("word")], name="some", where=SQL(f"word LIKE '2{sign}'")))
    drafts.apply([book])
    assert str(drafts.runner.check([book])) == "no difference"
    plain = type("Book", (Model,), {"word": TextField()})
    drafts.apply([plain])
    drafts.runner.down()
    assert str(drafts.runner.check([book])) == "no difference"
    drafts.runner.down()
    drafts.runner.up()
    assert str(drafts.runner.check([plain])) == "no difference"


def test_a_draft_works_in_the_schema_of_its_run(postgres_url: str, tmp_path: Path) -> None:
    database = opened(postgres_url)
    user = type("User", (Model,), {"id": BigAutoField(), "Meta": type("Meta", (), {"table_name": "users"})})
    book = type("Book", (Model,), {"owner": ForeignKeyField(user, backref="+"), "title": TextField(index=True)})
    meta = type("Meta", (), {"schema": "elsewhere"})
    other = type("Other", (Model,), {"Meta": meta})
    with database.bind_ctx([user]):
        user.create_table()
    drafts = Drafts(database, tmp_path, schema='tenant "a"')
    drafts.apply([book])
    assert str(drafts.runner.check([book])) == "no difference"
    assert database.get_tables() == ["users"]
    database.execute_sql('ALTER TABLE "tenant ""a""".book DROP COLUMN owner_id')
    drafts.apply([book])
    assert str(drafts.runner.check([book])) == "no difference"
    text = drafts.runner.draft([book, other])
    assert text is not None
    assert "# A step works in the schema of its run; it is not drafted for elsewhere.other." in text


def test_a_field_that_a_step_cannot_import_is_written_as_sql(database: Database, drafts: Drafts) -> None:
    class Shape(Field):
        field_type = "TIMESTAMP"

        def __init__(self, corners: int, **options: Any) -> None:
            super().__init__(**options)

    book = type("Book", (Model,), {"shape": Shape(4, null=True), "not a name": TextField(null=True)})
    text = drafts.apply([book])
    assert not drafts.runner.check([book])
    assert "CREATE TABLE" in text
    book = type("Book", (Model,), {"shape": Shape(4, null=True), "other": Shape(3, null=True)})
    text = drafts.apply([book])
    assert "add_column('book', 'other', SqlField('TIMESTAMP', null=True))" in text
    assert not drafts.runner.check([book])


@pytest.mark.parametrize(
    ("was", "field"),
    [
        ("TEXT NOT NULL DEFAULT 'true'", BooleanField(default=True)),
        ("INTEGER NOT NULL DEFAULT 1", BooleanField(default=True)),
        ("TEXT NOT NULL DEFAULT '1.5'", DecimalField(max_digits=6, decimal_places=2, default=1.5)),
        ("TEXT NOT NULL DEFAULT 'abc'", CharField(max_length=9, default="abc")),
    ],
)
def test_a_default_takes_the_type_that_its_column_gets(postgres_url: str, tmp_path: Path, was: str, field: Any) -> None:
    database = opened(postgres_url)
    database.execute_sql(f"CREATE TABLE t (id SERIAL PRIMARY KEY, a {was})")
    database.execute_sql("INSERT INTO t DEFAULT VALUES")

    class T(Model):
        a = field.clone()

        class Meta:
            table_name = "t"

    drafts = Drafts(database, tmp_path)
    drafts.apply([T])
    assert str(drafts.runner.check([T])) == "no difference"
    drafts.runner.down()
    assert [one.kind for one in drafts.runner.check([T]).differences] == ["type"]


@pytest.mark.parametrize(
    ("name", "said"),
    [("n" * 64, "the database keeps its name as 'n"), ("a%sb", "(the driver cannot|the query has 1 placeholders)")],
)
def test_a_model_whose_name_cannot_be_kept_is_named(postgres_url: str, tmp_path: Path, name: str, said: str) -> None:
    class Kept(Model):
        a = TextField()

        class Meta:
            table_name = name

    with pytest.raises(InvalidModel, match=f"model Kept: .*{said}"):
        Drafts(opened(postgres_url), tmp_path).runner.check([Kept])


def sold(*constraints: str) -> list[type[Model]]:
    """Sales of books, each book known by two columns; the one that refers comes first."""

    class Sale(Model):
        shop = IntegerField(null=True)
        number = IntegerField(null=True)

        class Meta:
            table_name = "a_sales"

    class Book(Model):
        shop = IntegerField()
        number = IntegerField()

        class Meta:
            table_name = "books"
            primary_key = CompositeKey("shop", "number")

    Sale._meta.constraints = [SQL(one) for one in constraints]
    return [Sale, Book]


KEY = "CONSTRAINT sold FOREIGN KEY (shop, number) REFERENCES Books (shop, number)"


@pytest.mark.parametrize("schema", [None, "tenant"])
def test_a_key_of_several_columns_is_said_in_sql(postgres_url: str, tmp_path: Path, schema: str | None) -> None:
    database = opened(postgres_url)
    database.connect()  # before that the version is not known
    drafts = Drafts(database, tmp_path, schema=schema)
    endings = ["", " ON DELETE CASCADE", " MATCH FULL", " ON DELETE SET NULL (number)"]
    for ending in [*endings, *([" NOT ENFORCED"] if (database.server_version or 0) >= 180000 else [])]:
        models = sold(KEY + ending, "CHECK (shop::text <> 'REFERENCES nobody')")
        drafts.apply(models)
        assert str(drafts.runner.check(models)) == "no difference"
        assert drafts.runner.draft(models) is None


def test_a_key_in_sql_to_a_table_of_no_model_is_named(postgres_url: str, tmp_path: Path) -> None:
    sale, _ = sold(KEY)
    with pytest.raises(
        InvalidModel, match=r"model Sale: .*it refers to books in SQL: give the model of that table, too"
    ):
        Drafts(opened(postgres_url), tmp_path).runner.check([sale])
