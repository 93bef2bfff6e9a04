"""What does a step get from the host, and can anything get in or out by another way?"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from peewee import (
    AutoField,
    BigAutoField,
    CharField,
    CompositeKey,
    Database,
    DeferredForeignKey,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
    UUIDField,
)
from runner_kit import closing, opened, statements

from signals_peewee.errors import ContextChanged, InvalidOption, StepFailed
from signals_peewee.runner import InlineSource, InlineStep, MigrationRunner, migrate
from signals_peewee.runner.operations import InstantField


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield from closing()


def hosts(database: Database) -> dict[str, type[Model]]:
    class Base(Model):
        class Meta:
            database = None

    Base._meta.database = database

    class Account(Base):
        id = BigAutoField()

        class Meta:
            table_name = "accounts"

    class Extension(Base):
        account = ForeignKeyField(Account, primary_key=True)

        class Meta:
            table_name = "extensions"

    class Project(Base):
        key = UUIDField(primary_key=True, column_name="project key")

        class Meta:
            table_name = "crm projects"

    class Short(Base):
        code = CharField(21, primary_key=True)

        class Meta:
            table_name = "shorts"

    class Plain(Base):
        id = AutoField()

        class Meta:
            table_name = "plains"

    models = {"account": Account, "extension": Extension, "project": Project, "short": Short, "plain": Plain}
    database.create_tables(list(models.values()))
    return models


def links(migrator: Any, db: Database) -> None:
    fields = {role: ForeignKeyField(model, backref="+") for role, model in migrator.context.items()}
    type(Model)("Link", (migrator.Model,), {**fields, "Meta": type("Meta", (), {"table_name": "links"})}).create_table(
        safe=False
    )


def test_a_step_points_at_whatever_tables_the_host_has(database: Database, engine_name: str) -> None:
    models = hosts(database)
    before = {role: (dict(vars(model)), dict(model._meta.backrefs)) for role, model in models.items()}
    migrate(database, InlineSource("app", [links]), context={"app": models})
    keys = {key.column: (key.dest_table, key.dest_column) for key in database.get_foreign_keys("links")}
    assert keys == {
        "account_id": ("accounts", "id"),
        "extension_id": ("extensions", "account_id"),
        "project_id": ("crm projects", "project key"),
        "short_id": ("shorts", "code"),
        "plain_id": ("plains", "id"),
    }
    types = {column.name: column.full_type.lower() for column in database.get_columns("links")}
    del types["id"]
    assert types == (
        {
            "account_id": "integer",
            "extension_id": "integer",
            "project_id": "text",
            "short_id": "varchar(21)",
            "plain_id": "integer",
        }
        if engine_name == "sqlite"
        else {
            "account_id": "bigint",
            "extension_id": "bigint",
            "project_id": "uuid",
            "short_id": "character varying(21)",
            "plain_id": "integer",
        }
    )
    assert before == {role: (dict(vars(model)), dict(model._meta.backrefs)) for role, model in models.items()}


def test_a_reference_is_the_hosts_table_and_can_be_queried(database: Database) -> None:
    models = hosts(database)
    models["short"].create(code="abc")
    seen: list[Any] = []

    def look(migrator: Any, db: Database) -> None:
        seen.extend(row.code for row in migrator.context["short"].select())
        assert migrator.context["short"] is not models["short"]
        assert migrator.context["plain value"] == {"a": [1, 2]}
        with pytest.raises(TypeError):
            migrator.context["new"] = 1

    migrate(database, InlineSource("app", [look]), context={"app": {**models, "plain value": {"a": [1, 2]}}})
    assert seen == ["abc"]


def test_each_source_has_its_own_context(database: Database) -> None:
    seen: dict[str, dict[str, Any]] = {}

    def one(migrator: Any, db: Database) -> None:
        seen["one"] = dict(migrator.context)

    def two(migrator: Any, db: Database) -> None:
        seen["two"] = dict(migrator.context)

    migrate(database, InlineSource("one", [one]), InlineSource("two", [two]), context={"one": {"size": 3}})
    assert seen == {"one": {"size": 3}, "two": {}}


def nothing(migrator: Any, db: Database) -> None:
    """Do nothing."""


def test_the_context_is_recorded_and_status_carries_it_with_one_select(database: Database) -> None:
    models = hosts(database)
    context = {"app": {"project": models["project"], "extension": models["extension"], "size": 3}}
    runner = MigrationRunner(database, InlineSource("app", [nothing]), context=context)
    runner.up()
    database.connect(reuse_if_open=True)
    with statements(database) as heard:
        status = runner.status()
    assert len(heard) == 1
    assert status.contexts == {
        "app": {
            "project": {"table": "crm projects", "schema": None, "column": "project key", "type": "UUID"},
            "extension": {"table": "extensions", "schema": None, "column": "account_id", "type": "BIGINT"},
            "size": 3,
        }
    }


@pytest.mark.parametrize(
    ("then", "now", "key", "recorded", "present"),
    [
        ({"size": 3}, {"size": 4}, "size", 3, 4),
        ({"size": 3}, {}, "size", 3, None),
        ({}, {"size": 4}, "size", None, 4),
        ({"a": 1, "b": 1}, {"a": 1, "b": 2}, "b", 1, 2),
    ],
)
def test_another_context_than_the_recorded_one_is_an_error(  # noqa: PLR0917
    sqlite_url: str, then: Any, now: Any, key: str, recorded: Any, present: Any
) -> None:
    database = opened(sqlite_url)
    source = InlineSource("app", [InlineStep(nothing, nothing)])
    migrate(database, source, context={"app": then})
    runner = MigrationRunner(database, source, context={"app": now})
    for call in (runner.status, runner.plan, runner.up, runner.down, runner.stamp):
        with pytest.raises(ContextChanged, match=f"context of source 'app': '{key}' was .* 'accept'") as caught:
            call()
        error = caught.value
        assert (error.source, error.key, error.recorded, error.present) == ("app", key, recorded, present)
    assert runner.repair("app", "accept") == ["app:0001_nothing"]
    assert runner.up() == []
    assert runner.status().contexts == {"app": now}


def test_another_key_type_of_a_hosts_table_is_another_context(sqlite_url: str) -> None:
    database = opened(sqlite_url)

    def model(key: Any) -> type[Model]:
        class Thing(Model):
            id = key

            class Meta:
                table_name = "things"

        return Thing

    source = InlineSource("app", [nothing])
    migrate(database, source, context={"app": {"thing": model(AutoField())}})
    with pytest.raises(ContextChanged) as caught:
        migrate(database, source, context={"app": {"thing": model(CharField(21, primary_key=True))}})
    assert caught.value.recorded == {"table": "things", "schema": None, "column": "id", "type": "INT"}
    assert caught.value.present == {"table": "things", "schema": None, "column": "id", "type": "VARCHAR(21)"}


def test_a_model_without_a_key_of_one_column_is_refused(sqlite_url: str) -> None:
    class Pair(Model):
        a = IntegerField()
        b = IntegerField()

        class Meta:
            primary_key = CompositeKey("a", "b")

    class Keyless(Model):
        class Meta:
            primary_key = False

    for model in (Pair, Keyless):
        with pytest.raises(InvalidOption, match="a model whose primary key is one column"):
            MigrationRunner(opened(sqlite_url), InlineSource("app", [nothing]), context={"app": {"model": model}})


def test_a_frozen_table_does_not_capture_a_hosts_deferred_foreign_key(sqlite_url: str) -> None:
    class Post(Model):
        author = DeferredForeignKey("Stranger", null=True)

    def step(migrator: Any, db: Database) -> None:
        class Stranger(migrator.Model):  # type: ignore[misc]
            name = TextField()

        Stranger.create_table(safe=False)

    migrate(opened(sqlite_url), InlineSource("app", [step]))
    assert isinstance(Post.author, DeferredForeignKey)

    class Stranger(Model):
        pass

    assert Post.author.rel_model is Stranger


def test_a_frozen_table_cannot_be_captured_by_a_class_outside(sqlite_url: str) -> None:
    waiting = set(DeferredForeignKey._unresolved)  # type: ignore[attr-defined]

    def step(migrator: Any, db: Database) -> None:
        class Post(migrator.Model):  # type: ignore[misc]
            author = DeferredForeignKey("Stranger", null=True)

    with pytest.raises(
        StepFailed, match="Post.author is a DeferredForeignKey, which any class of that name would fill"
    ):
        migrate(opened(sqlite_url), InlineSource("app", [step]))
    assert set(DeferredForeignKey._unresolved) == waiting  # type: ignore[attr-defined]


def test_steps_in_threads_make_their_tables_each_in_its_own_database(tmp_path: Path) -> None:
    def step(migrator: Any, db: Database) -> None:
        class Author(migrator.Model):  # type: ignore[misc]
            name = TextField()

        class Book(migrator.Model):  # type: ignore[misc]
            author = ForeignKeyField(Author, backref="books")

        db.create_tables([Author, Book], safe=False)
        Book.create(author=Author.create(name=str(db.database)))
        assert [book.author.name for book in Author.get().books] == [str(db.database)]

    results: list[Any] = []

    def run(number: int) -> None:
        try:
            results.append(migrate(opened(f"sqlite:///{tmp_path}/{number}.db"), InlineSource("app", [step])))
        except Exception as error:  # noqa: BLE001
            results.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [["app:0001_step"]] * 12


def test_frozen_tables_name_their_indexes_after_the_table(database: Database) -> None:
    def step(migrator: Any, db: Database) -> None:
        class Anything(migrator.Model):  # type: ignore[misc]
            title = TextField(index=True)
            at = InstantField(default_now=True)

            class Meta:
                table_name = "books"

        Anything.create_table(safe=False)
        db.execute_sql("INSERT INTO books (title) VALUES ('a')")
        assert Anything.get().at.tzinfo is not None

    migrate(database, InlineSource("app", [step]))
    assert "books_title" in [index.name for index in database.get_indexes("books")]
