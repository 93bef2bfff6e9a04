"""Is every difference between database and models found and named, and nothing that is none?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from drift_kit import CASES, MODELS, Case, build, case, with_collation
from drift_zoo import ZOO
from peewee import (
    SQL,
    BigAutoField,
    CharField,
    Check,
    Database,
    DatabaseProxy,
    DeferredForeignKey,
    DoubleField,
    ForeignKeyField,
    IntegerField,
    JSONField,
    Model,
    ProgrammingError,
    SqliteDatabase,
    TextField,
    UUIDField,
)
from runner_kit import closed_later, closing, opened, statements

from signals_peewee import Hosts, SignalStore
from signals_peewee.errors import ComparisonRefused, DriftFound, InvalidModel, InvalidOption, OpenTransaction
from signals_peewee.runner import Difference, Drift, InlineSource, MigrationRunner
from signals_peewee.runner.operations import InstantField

closed = pytest.fixture(autouse=True)(closing)


def nothing(migrator: Any, db: Any) -> None:
    """Do nothing."""


def runner(database: Any, **options: Any) -> MigrationRunner:
    return MigrationRunner(database, InlineSource("app", [nothing]), **options)


def drift(database: Any, *models: Any, strict: bool = False, **options: Any) -> Drift:
    return runner(database, **options).check(models, strict=strict)


@pytest.mark.parametrize(
    ("engine_name", "wrong"),
    [pytest.param(engine, case, id=f"{engine}: {case.id}") for case in CASES for engine in case.engines],
    indirect=["engine_name"],
)
def test_every_difference_is_found_and_named(engine_name: str, database: Database, wrong: Case) -> None:
    with_collation(engine_name)
    build(database, engine_name, wrong)
    found = drift(database, *MODELS)
    assert [(one.kind, one.table) for one in found.differences] == [(kind, "book") for kind, _ in wrong.differences]
    for one, (_, name) in zip(found.differences, wrong.differences, strict=True):
        assert name in ("*", one.name)
        assert one.expected != one.found


def test_the_same_table_without_any_of_them_differs_in_nothing(database: Database, engine_name: str) -> None:
    with_collation(engine_name)
    build(database, engine_name, case("right"))
    assert not drift(database, *MODELS)


ZOO_ON = [
    pytest.param(engine, kind.make, id=f"{engine}: {kind.make.__name__}") for kind in ZOO for engine in kind.engines
]


@pytest.mark.parametrize(("engine_name", "make"), ZOO_ON, indirect=["engine_name"])
def test_what_models_have_just_made_differs_in_nothing(engine_name: str, database: Database, make: Any) -> None:
    models = make()
    with database.bind_ctx(models):
        database.create_tables(models)
    assert str(drift(database, *models)) == "no difference"


def create(database: Database, *models: Any) -> None:
    with database.bind_ctx(models):
        database.create_tables(models)


def named(kind: str, **fields: Any) -> Any:
    """Return a fresh model class with an id and these fields."""
    return type(kind, (Model,), fields)


def kinds(found: Drift) -> list[tuple[str, str, str | None]]:
    return [(one.kind, one.table, one.name) for one in found.differences]


HOSTS: dict[str, Any] = {
    "big": lambda: {"user": named("Account", id=BigAutoField())},
    "text": lambda: {"workspace": named("Tenant", code=CharField(max_length=21, primary_key=True))},
    "uuid": lambda: {"project": named("Plan", id=UUIDField(primary_key=True)), "user": named("Person")},
    "none": dict,
}


@pytest.mark.parametrize("hosts", HOSTS)
def test_the_librarys_own_steps_leave_no_difference(database: Database, hosts: str) -> None:
    plugged = HOSTS[hosts]()
    database.bind(plugged.values(), bind_refs=False, bind_backrefs=False)
    database.create_tables(plugged.values())
    store = SignalStore(database, hosts=Hosts(**plugged))
    store.migrate()
    assert str(store.runner().check(store.models.owned)) == "no difference"
    assert str(store.runner().check([*store.models.owned, *plugged.values()], strict=True)) == "no difference"


@pytest.mark.parametrize("schema", ["tenant_a", 'odd "name"'])
def test_the_librarys_own_steps_leave_no_difference_in_a_schema(postgres_url: str, schema: str) -> None:
    database = opened(postgres_url)
    user = named("Account", id=BigAutoField())
    create(database, user)
    database.bind([user])
    store = SignalStore(database, hosts=Hosts(user=user), schema=schema)
    assert {one.kind for one in store.runner().check(store.models.owned).differences} == {"table"}
    store.migrate()
    assert str(store.runner().check(store.models.owned, strict=True)) == "no difference"
    database.execute_sql("CREATE TABLE elsewhere (id int)")
    assert str(store.runner().check(store.models.owned, strict=True)) == "no difference"
    quoted = schema.replace('"', '""')
    database.execute_sql(f'DROP INDEX "{quoted}".signals_merged_into_idx')
    found = store.runner().check(store.models.owned)
    assert kinds(found) == [("index", f"{schema}.signals", "signals_merged_into_idx")]


def test_models_of_several_schemas_stand_beside_each_other(postgres_url: str) -> None:
    database = opened(postgres_url)
    left, right = (named("Thing", name=TextField(), Meta=type("Meta", (), {"schema": s})) for s in ("a", "b"))
    link = named("Link", left=ForeignKeyField(left, backref="+"), right=ForeignKeyField(right, backref="+"))
    for schema in ("a", "b"):
        database.execute_sql(f"CREATE SCHEMA {schema}")
    create(database, left, right, link)
    assert str(drift(database, left, right, link)) == "no difference"
    database.execute_sql("ALTER TABLE link DROP CONSTRAINT link_left_id_fkey")
    database.execute_sql("ALTER TABLE link ADD FOREIGN KEY (left_id) REFERENCES b.thing")
    (one,) = drift(database, left, right, link).differences
    assert (one.kind, one.table) == ("foreign key", "link")
    assert str(one.expected).endswith("FOREIGN KEY (left_id) REFERENCES a.thing (id)")
    assert str(one.found).endswith("FOREIGN KEY (left_id) REFERENCES b.thing (id)")


def test_a_runner_of_a_schema_looks_for_models_without_one_there(postgres_url: str) -> None:
    database = opened(postgres_url)
    thing = named("Thing", name=TextField())
    create(database, thing)
    assert kinds(drift(database, thing, schema="tenant")) == [("table", "thing", None)]
    database.execute_sql("CREATE SCHEMA tenant")
    database.execute_sql("ALTER TABLE thing SET SCHEMA tenant")
    assert not drift(database, thing, schema="tenant")
    assert kinds(drift(database, thing)) == [("table", "thing", None)]


def test_to_sqlite_another_case_is_no_difference(sqlite_url: str) -> None:
    database = opened(sqlite_url)
    thing = named("Thing", Name=TextField(index=True), up=ForeignKeyField("self", null=True))
    database.execute_sql(
        'create table THING (ID integer primary key, "nAme" text not null, UP_ID integer, foreign key (Up_Id) '
        "references Thing (Id))"
    )
    database.execute_sql("create index THING_NAME on thing (NAME)")
    database.execute_sql("create index THING_UP_ID on thing (UP_ID)")
    assert str(drift(database, thing)) == "no difference"


AGREEING = [
    (IntegerField(default=5), "INTEGER", "5"),
    (IntegerField(default=5), "INTEGER", "'5'"),
    (IntegerField(default=-1), "INTEGER", "-1"),
    (IntegerField(default=-1), "INTEGER", "(-1)"),
    (DoubleField(default=0.5), "DOUBLE PRECISION", "0.50"),
    (DoubleField(default=1), "DOUBLE PRECISION", "1.0"),
    (CharField(default="it's"), "VARCHAR(255)", "'it''s'"),
    (CharField(default=""), "VARCHAR(255)", "''"),
    (CharField(default="100 %"), "VARCHAR(255)", "'100 %'"),
]


@pytest.mark.parametrize(("field", "type_", "default"), AGREEING, ids=str)
def test_a_constant_of_pythons_agrees_with_the_same_default_of_the_database(
    database: Database, engine_name: str, field: Any, type_: str, default: str
) -> None:
    thing = named("Thing", it=field.clone())
    with database.bind_ctx([thing]):
        thing.create_table()
    assert str(drift(database, thing)) == "no difference"
    kind = "REAL" if engine_name == "sqlite" and type_.startswith("DOUBLE") else type_
    auto = "INTEGER" if engine_name == "sqlite" else "SERIAL"
    database.execute_sql("DROP TABLE thing")
    create_sql = f"CREATE TABLE thing (id {auto} NOT NULL PRIMARY KEY, it {kind} NOT NULL DEFAULT {default})"
    database.execute_sql(create_sql.replace("%", "%%") if engine_name == "postgres" else create_sql)
    assert str(drift(database, thing)) == "no difference"


def test_a_constant_that_is_no_value_of_the_column_is_another_default(postgres_url: str) -> None:
    database = opened(postgres_url)
    thing = named("Thing", it=IntegerField(default="seven"))
    create(database, thing)
    assert not drift(database, thing)
    database.execute_sql("ALTER TABLE thing ALTER it SET DEFAULT 7")
    assert kinds(drift(database, thing)) == [("default", "thing", "it")]


def test_a_default_that_calls_a_function_is_not_called(postgres_url: str) -> None:
    database = opened(postgres_url)
    thing = named("Thing", it=IntegerField(default=1))
    create(database, thing)
    database.execute_sql("CREATE SEQUENCE counted")
    database.execute_sql("ALTER TABLE thing ALTER it SET DEFAULT nextval('counted')")
    assert kinds(drift(database, thing)) == [("default", "thing", "it")]
    assert database.execute_sql("SELECT nextval('counted')").fetchone() == (1,)


@pytest.mark.parametrize("bound_to", ["nothing", "another", "a proxy"])
def test_models_are_left_as_they_are_whatever_they_are_bound_to(database: Database, bound_to: str) -> None:
    host = named("Host", name=TextField())
    thing = named(
        "Thing", host=ForeignKeyField(host, backref="things"), at=InstantField(default_now=True), up=JSONField()
    )
    create(database, host, thing)
    other = {"nothing": None, "another": SqliteDatabase(":memory:"), "a proxy": DatabaseProxy()}[bound_to]
    for model in (host, thing):
        model._meta.database = other
    before = [(dict(vars(model)), dict(vars(model._meta))) for model in (host, thing)]
    assert str(drift(database, thing)) == "no difference"
    assert [(dict(vars(model)), dict(vars(model._meta))) for model in (host, thing)] == before
    assert not drift(database, host)


def test_a_check_inside_a_transaction_sees_it_and_leaves_it_open(database: Database) -> None:
    thing = named("Thing", name=TextField(index=True))
    with database.atomic() as transaction:
        create(database, thing)
        assert str(drift(database, thing)) == "no difference"
        database.execute_sql("INSERT INTO thing (name) VALUES ('x')")
        assert not runner(database).draft([thing])
        assert database.execute_sql("SELECT name FROM thing").fetchall() == [("x",)]
        transaction.rollback()
    assert kinds(drift(database, thing)) == [("table", "thing", None)]


def test_a_check_inside_a_transaction_that_peewee_does_not_know_leaves_it_open(database: Database) -> None:
    thing = named("Thing")
    database.connect()
    with database.manual_commit():
        database.execute_sql("BEGIN")
        database.execute_sql("CREATE TABLE other (id integer)")
        assert kinds(drift(database, thing, strict=True)) == [("table", "thing", None), ("table", "other", None)]
        database.execute_sql("ROLLBACK")
    assert database.get_tables() == []


def test_an_aborted_transaction_is_named(postgres_url: str) -> None:
    database = opened(postgres_url)
    with pytest.raises(OpenTransaction, match="roll it back"), database.atomic():
        with pytest.raises(ProgrammingError):
            database.execute_sql("SELECT nothing")
        drift(database, named("Thing"))


def test_a_check_writes_nothing_to_a_file(sqlite_url: str) -> None:
    database = opened(sqlite_url)
    thing = named("Thing", name=TextField())
    create(database, thing)
    path = Path(str(database.database))
    database.close()
    before = path.read_bytes()
    readonly = closed_later(SqliteDatabase(f"file:{path}?mode=ro", uri=True))
    assert not drift(readonly, thing)
    assert kinds(drift(readonly, named("Other"))) == [("table", "other", None)]
    assert path.read_bytes() == before


def test_a_check_locks_no_table_and_leaves_nothing(postgres_url: str) -> None:
    database, other = opened(postgres_url), opened(postgres_url)
    host = named("Host", name=TextField())
    thing = named("Thing", host=ForeignKeyField(host))
    create(database, host, thing)
    count = "SELECT count(*) FROM pg_class"
    before = database.execute_sql(count).fetchone()
    with other.atomic():
        other.execute_sql("LOCK TABLE host, thing IN ROW EXCLUSIVE MODE")  # as whoever writes them
        database.execute_sql("SET lock_timeout = '100ms'")
        assert not drift(database, thing)
    assert database.execute_sql(count).fetchone() == before


def test_a_role_that_may_not_make_temporary_tables_is_told_so(postgres_url: str) -> None:
    database = opened(postgres_url)
    name = database.execute_sql("SELECT current_database()").fetchone()[0]
    role = f"{name}_reader"
    database.execute_sql(f"REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC")
    database.execute_sql(f"CREATE ROLE {role}")
    try:
        database.execute_sql(f"SET ROLE {role}")
        with pytest.raises(ComparisonRefused, match=f"GRANT TEMPORARY ON DATABASE {name} TO {role}") as caught:
            drift(database, named("Thing"))
        assert isinstance(caught.value, PermissionError)
        database.execute_sql("RESET ROLE")
        database.execute_sql(f"GRANT TEMPORARY ON DATABASE {name} TO {role}")
        database.execute_sql(f"SET ROLE {role}")
        assert kinds(drift(database, named("Thing"))) == [("table", "thing", None)]
    finally:
        database.execute_sql("RESET ROLE")
        database.execute_sql(f"DROP OWNED BY {role}")
        database.execute_sql(f"DROP ROLE {role}")


def test_a_session_that_may_not_write_is_told_so(postgres_url: str) -> None:
    database = opened(postgres_url)
    database.execute_sql("SET default_transaction_read_only = on")
    with pytest.raises(ComparisonRefused, match="a session that may write"):
        drift(database, named("Thing"))


def test_a_deferred_key_agrees_with_its_constraint_and_with_none(postgres_url: str) -> None:
    database = opened(postgres_url)
    left = named("Left", right=DeferredForeignKey("drift:right", null=True, on_delete="CASCADE"))
    right = named("Right", left=ForeignKeyField(left, null=True))
    DeferredForeignKey._unresolved.discard(left.right)
    with pytest.raises(InvalidOption, match="resolved"):
        drift(database, left)
    left.right.set_model(right)
    create(database, left, right)
    assert not drift(database, left, right)
    with database.bind_ctx([left, right]):
        left._schema.create_foreign_key(left.right)
    assert not drift(database, left, right)
    database.execute_sql('ALTER TABLE "left" DROP CONSTRAINT fk_left_right_id_refs_right')
    database.execute_sql('ALTER TABLE "left" ADD FOREIGN KEY (right_id) REFERENCES "right" ON DELETE SET NULL')
    assert kinds(drift(database, left, right)) == [("foreign key", "left", "left_right_id_fkey")]


def test_tables_of_others_are_differences_only_where_that_is_asked_for(database: Database) -> None:
    thing = named("Thing")
    create(database, thing, named("Other"))
    one = runner(database)
    one.up()
    assert not one.check([thing])
    assert kinds(one.check([thing], strict=True)) == [("table", "other", None)]
    assert str(one.check([thing], strict=True)) == "table other is in no model"


def test_a_source_offers_its_models(database: Database) -> None:
    thing, other = named("Thing"), named("Other")
    create(database, thing)
    sources = [
        InlineSource("one", [nothing], models=[thing]),
        InlineSource("two", [nothing], models=lambda: (model for model in [other])),
        InlineSource("three", [nothing]),
    ]
    assert kinds(MigrationRunner(database, sources).check()) == [("table", "other", None)]
    assert kinds(MigrationRunner(database, sources).check()) == [("table", "other", None)]
    assert not MigrationRunner(database, sources).check([thing])


def test_what_is_no_list_of_models_is_refused(sqlite_url: str) -> None:
    database, thing = opened(sqlite_url), named("Thing")
    with pytest.raises(InvalidOption, match="here or in a source"):
        runner(database).check()
    for wrong in (thing, [thing, "thing"], "thing", [object], 7):
        with pytest.raises(InvalidOption, match="models"):
            runner(database).check(wrong)  # type: ignore[arg-type]
        with pytest.raises(InvalidOption, match="models"):
            InlineSource("app", [nothing], models=wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidOption, match="one model to a table"):
        runner(database).check([thing, named("Thing")])
    assert not runner(database).check([])


def test_a_model_that_the_database_does_not_take_is_named(database: Database) -> None:
    thing = named("Thing", at=TextField(constraints=[SQL("DEFAULT nothing of the kind")]))
    with pytest.raises(InvalidModel, match="model Thing") as caught:
        drift(database, thing)
    assert caught.value.model == "Thing"
    assert "CREATE" in caught.value.statement
    assert isinstance(caught.value, ValueError)
    assert kinds(drift(database, named("Other"))) == [("table", "other", None)]


def test_an_index_that_is_a_text_touches_no_real_table(postgres_url: str) -> None:
    database = opened(postgres_url)
    thing = named("Thing", name=TextField())
    create(database, thing)
    thing.add_index(SQL('CREATE INDEX CONCURRENTLY things ON "public"."thing" (name)'))
    assert kinds(drift(database, thing)) == [("index", "thing", "things")]
    thing.add_index(SQL("DROP TABLE thing"))
    with pytest.raises(InvalidModel, match="no CREATE INDEX"):
        drift(database, thing)
    assert database.get_tables() == ["thing"]


def test_functions_and_collations_of_a_sqlite_database_are_known(sqlite_url: str) -> None:
    database: Any = opened(sqlite_url)
    database.register_function(str.upper, "shout", 1, deterministic=True)
    database.register_collation(lambda one, other: (one > other) - (one < other), "mine")
    thing = named("Thing", name=TextField(collation="mine", constraints=[Check("shout(name) <> 'X'")]))
    thing.add_index(SQL('CREATE INDEX shouted ON "thing" (shout(name))'))
    create(database, thing)
    assert str(drift(database, thing)) == "no difference"


def test_names_that_a_server_finds_differ_in_nothing(database: Database) -> None:
    old = named(
        "Thing", up=ForeignKeyField("self", null=True), name=TextField(index=True, constraints=[Check("id > 0")])
    )
    create(database, old)
    meta = type("Meta", (), {"table_name": "things", "legacy_table_names": False})
    new = named("Entry", Meta=meta, up=ForeignKeyField("self", null=True), name=old.name.clone())
    database.execute_sql("ALTER TABLE thing RENAME TO things")
    assert str(drift(database, new)) == "no difference"


def test_a_difference_is_a_sentence(sqlite_url: str) -> None:
    database = opened(sqlite_url)
    thing = named("Thing", name=CharField(max_length=9), old=IntegerField(null=True, index=True))
    create(database, thing)
    thing = named("Thing", name=TextField(null=True), new=IntegerField(null=True, index=True))
    assert str(drift(database, thing)).splitlines() == [
        "thing: type name is VARCHAR(9), and the model says TEXT",
        "thing: null name is NOT NULL, and the model says NULL",
        "thing: column new is missing: INTEGER",
        "thing: column old is in no model: INTEGER",
        "thing: index thing_new is missing: INDEX thing_new (new)",
        "thing: index thing_old is in no model: INDEX thing_old (old)",
    ]
    first = drift(database, thing).differences[0]
    assert first == Difference("type", "thing", "name", expected="TEXT", found="VARCHAR(9)")


def test_a_stamp_that_the_models_contradict_records_nothing(database: Database) -> None:
    thing = named("Thing", name=TextField(index=True))
    one = MigrationRunner(database, InlineSource("app", [nothing], models=[thing]))
    with pytest.raises(DriftFound, match="table thing is missing") as caught:
        one.stamp()
    assert kinds(caught.value.drift) == [("table", "thing", None)]
    assert [step.state for step in one.status().steps] == ["pending"]
    create(database, thing)
    assert one.stamp() == ["app:0001_nothing"]
    assert one.stamp() == []


def test_a_stamp_with_a_target_is_compared_with_what_it_is_given_alone(database: Database) -> None:
    later, thing = named("Later"), named("Thing")
    create(database, thing)
    one = MigrationRunner(database, InlineSource("app", [nothing, nothing], models=[later, thing]))
    with pytest.raises(DriftFound):
        one.stamp("0001_nothing", models=[later])
    assert one.stamp("0001_nothing", models=[thing]) == ["app:0001_nothing"]
    with pytest.raises(DriftFound):
        one.stamp()
    assert one.stamp("0002_nothing") == ["app:0002_nothing"]


def test_fifty_tables_cost_three_statements_each(database: Database) -> None:
    models = [named(f"Thing{number:02}", name=TextField(index=True, default="x")) for number in range(50)]
    create(database, *models)
    with statements(database) as heard:
        assert not drift(database, *models)
    assert len(heard) <= 3 * 50 + 40
