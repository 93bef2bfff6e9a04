"""Is what the steps build what was meant, what the models say, and gone again after `down`?"""

from __future__ import annotations

from typing import Any

import pytest
from catalog import Catalog, catalog, objects
from peewee import Database

from signals_peewee import SignalStore

NOW = {"sqlite": "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')", "postgres": "now()"}
NEW = {"sqlite": "'{}'", "postgres": "'{}'::text"}
TYPES = {
    "sqlite": {"text": "TEXT", "json": "TEXT", "time": "TIMESTAMPTZ", "double": "REAL"},
    "postgres": {"text": "text", "json": "jsonb", "time": "timestamp with time zone", "double": "double precision"},
}

COLUMNS = {
    "workspaces": "id text!, name text!, created_at time! now, updated_at time! now",
    "users": "id text!, email text!, name text, created_at time! now, updated_at time! now",
    "projects": "id text!, workspace_id text!, name text!, description text, status text! active, "
    "created_at time! now, updated_at time! now",
    "inbox_items": "id text!, workspace_id text!, type text!, source text!, source_ref text, title text!, "
    "raw_content text!, processed_content text, status text! pending, assigned_project_id text, metadata json, "
    "created_at time! now, processed_at time, updated_at time! now",
    "signals": "id text!, workspace_id text!, verbatim text!, interpretation text, severity text, frequency text, "
    "user_segment text, source text!, source_ref text, source_metadata json, status text! new, embedding text, "
    "embedding_model text, embedding_hash text, ai_classification json, inbox_item_id text, merged_into_id text, "
    "occurred_at time! now, created_at time! now, updated_at time! now, claimed_until time, processed_at time",
    "signal_projects": "id text!, signal_id text!, project_id text!, linked_at time! now, linked_by text, "
    "link_reason text, confidence double",
    "signal_personas": "id text!, signal_id text!, persona_id text!, linked_at time! now, linked_by text",
    "signal_tags": "id text!, signal_id text!, tag text!, linked_at time! now, linked_by text",
    "signal_events": "id text!, signal_id text!, kind text!, created_at time! now, created_by text, "
    "before json, after json",
}
KEYS = {
    "workspaces": [],
    "users": [],
    "projects": ["projects_workspace_id_fkey: workspace_id -> workspaces.id cascade"],
    "inbox_items": [
        "inbox_items_assigned_project_id_fkey: assigned_project_id -> projects.id set null",
        "inbox_items_workspace_id_fkey: workspace_id -> workspaces.id cascade",
    ],
    "signals": [
        "signals_inbox_item_id_fkey: inbox_item_id -> inbox_items.id set null",
        "signals_merged_into_id_fkey: merged_into_id -> signals.id set null",
        "signals_workspace_id_fkey: workspace_id -> workspaces.id cascade",
    ],
    "signal_projects": [
        "signal_projects_linked_by_fkey: linked_by -> users.id set null",
        "signal_projects_project_id_fkey: project_id -> projects.id cascade",
        "signal_projects_signal_id_fkey: signal_id -> signals.id cascade",
    ],
    "signal_personas": [
        "signal_personas_linked_by_fkey: linked_by -> users.id set null",
        "signal_personas_signal_id_fkey: signal_id -> signals.id cascade",
    ],
    "signal_tags": [
        "signal_tags_linked_by_fkey: linked_by -> users.id set null",
        "signal_tags_signal_id_fkey: signal_id -> signals.id cascade",
    ],
    "signal_events": [
        "signal_events_created_by_fkey: created_by -> users.id set null",
        "signal_events_signal_id_fkey: signal_id -> signals.id cascade",
    ],
}
CHECKS = {
    "sqlite": {
        "signals": ["signals_verbatim_check: verbatim <> ''"],
        "signal_projects": ["signal_projects_confidence_check: confidence >= 0 AND confidence <= 1"],
    },
    "postgres": {
        "signals": ["signals_verbatim_check: CHECK ((verbatim <> ''::text))"],
        "signal_projects": [
            (
                "signal_projects_confidence_check: CHECK (((confidence >= (0)::double precision) AND "
                "(confidence <= (1)::double precision)))"
            )
        ],
    },
}
INDEXES = {
    "workspaces": [],
    "users": ["users_email_key: unique (lower(email))"],
    "projects": ["projects_workspace_idx: (workspace_id)"],
    "inbox_items": [
        "inbox_items_assigned_project_idx: (assigned_project_id)",
        "inbox_items_workspace_status_idx: (workspace_id, status, created_at DESC, id DESC)",
    ],
    "signals": [
        "signals_inbox_item_idx: (inbox_item_id)",
        "signals_merged_into_idx: (merged_into_id)",
        "signals_source_ref_key: unique (workspace_id, source, source_ref) WHERE source_ref IS NOT NULL",
        "signals_workspace_created_idx: (workspace_id, created_at DESC, id DESC)",
        "signals_workspace_severity_idx: (workspace_id, severity, created_at DESC, id DESC) WHERE severity IS NOT NULL",
        "signals_workspace_source_idx: (workspace_id, source, created_at DESC, id DESC)",
        "signals_workspace_status_idx: (workspace_id, status, created_at DESC, id DESC)",
        "signals_workspace_unprocessed_idx: (workspace_id, created_at, id) WHERE processed_at IS NULL",
    ],
    "signal_projects": [
        "signal_projects_linked_by_idx: (linked_by)",
        "signal_projects_project_idx: (project_id, linked_at DESC, id DESC)",
        "signal_projects_signal_project_key: unique (signal_id, project_id)",
    ],
    "signal_personas": [
        "signal_personas_linked_by_idx: (linked_by)",
        "signal_personas_persona_idx: (persona_id, linked_at DESC, id DESC)",
        "signal_personas_signal_persona_key: unique (signal_id, persona_id)",
    ],
    "signal_tags": [
        "signal_tags_linked_by_idx: (linked_by)",
        "signal_tags_signal_tag_key: unique (signal_id, tag)",
        "signal_tags_tag_idx: (tag, linked_at DESC, id DESC)",
    ],
    "signal_events": [
        "signal_events_created_by_idx: (created_by)",
        "signal_events_signal_idx: (signal_id, created_at, id)",
    ],
}


def expected(engine: str) -> Catalog:
    return {
        table: {
            "columns": [_column(engine, *line.split()) for line in COLUMNS[table].split(", ")],
            "keys": KEYS[table],
            "checks": CHECKS[engine].get(table, []),
            "indexes": [_predicate(engine, line) for line in INDEXES[table]],
        }
        for table in COLUMNS
    }


def _column(engine: str, name: str, kind: str, default: str = "") -> str:
    text = f"{name} {TYPES[engine][kind.rstrip('!')]}{' not null' if kind.endswith('!') else ''}"
    if default:
        text += f" default {NOW[engine] if default == 'now' else NEW[engine].format(default)}"
    return text


def _predicate(engine: str, line: str) -> str:
    before, where, predicate = line.partition(" WHERE ")
    return f"{before}{where}({predicate})" if where and engine == "postgres" else line


def test_the_catalog_is_what_was_written_down(database: Database, engine_name: str) -> None:
    SignalStore(database).migrate()
    found, wanted = catalog(database), expected(engine_name)
    assert found.keys() == wanted.keys()
    for table in wanted:
        assert found[table] == wanted[table]


def test_the_steps_build_what_the_models_say(database: Database) -> None:
    store = SignalStore(database)
    store.migrate()
    built = catalog(database)
    database.drop_tables(store.models.owned)
    for model in store.models.owned:
        model.create_table(safe=False)
    assert catalog(database) == built


def test_down_to_nothing_leaves_nothing(database: Database) -> None:
    store = SignalStore(database)
    store.migrate()
    assert "signals" in objects(database)
    store.runner().down(all=True)
    assert objects(database) == set()


def test_up_down_up_is_the_identity(database: Database) -> None:
    store = SignalStore(database)
    store.migrate()
    first = catalog(database)
    store.runner().down(all=True)
    store.migrate()
    assert catalog(database) == first


def test_each_step_can_be_undone_and_done_again_by_itself(database: Database) -> None:
    runner = SignalStore(database).runner()
    names = [step.partition(":")[2] for step in runner.status().pending]
    assert len(names) >= 10
    for name in names:
        before = catalog(database)
        runner.up(name)
        after = catalog(database)
        assert after != before
        runner.down(name)
        assert catalog(database) == before
        runner.up(name)
        assert catalog(database) == after


def test_a_host_gets_no_table_for_the_role_that_it_plays(database: Database) -> None:
    from peewee import BigAutoField, Model

    from signals_peewee import Hosts

    class Account(Model):
        id = BigAutoField()

        class Meta:
            table_name = "accounts"

    Account.bind(database)
    database.create_tables([Account])
    store = SignalStore(database, hosts=Hosts(user=Account, workspace=Account))
    store.migrate()
    found = catalog(database)
    assert not {"users", "workspaces"} & found.keys()
    assert "signals_workspace_id_fkey: workspace_id -> accounts.id cascade" in found["signals"]["keys"]
    store.runner().down(all=True)
    assert {name for name in objects(database) if not name.startswith("accounts")} == set()


def test_every_name_begins_with_its_table_and_fits(database: Database) -> None:
    SignalStore(database).migrate()
    for table, found in catalog(database).items():
        for line in (*found["keys"], *found["checks"], *found["indexes"]):
            name = line.partition(":")[0]
            assert name.startswith(f"{table}_")
            assert len(name) <= 63


def test_every_key_has_an_index_that_begins_with_it(database: Database) -> None:
    SignalStore(database).migrate()
    for found in catalog(database).values():
        first = {
            line.partition("(")[2].replace(")", ",").split(",")[0] for line in found["indexes"] if "WHERE" not in line
        }
        for line in found["keys"]:
            assert line.split()[1] in first


@pytest.fixture
def schemas(postgres_url: str) -> Any:
    from playhouse.db_url import connect

    database = connect(postgres_url)
    yield database
    database.close()


def test_a_schema_a_tenant_holds_everything(schemas: Database) -> None:
    stores = {name: SignalStore(schemas, schema=name) for name in ("tenant_a", 'odd "name"')}
    for store in stores.values():
        store.migrate()
    assert objects(schemas) == set()
    for name in stores:
        found = catalog(schemas, name)
        assert {table: found[table]["indexes"] for table in found} == {
            table: [_predicate("postgres", line) for line in INDEXES[table]] for table in COLUMNS
        }
    with_history = "SELECT count(*) FROM pg_tables WHERE schemaname = 'tenant_a' AND tablename = 'migration_history'"
    assert schemas.execute_sql(with_history).fetchone() == (1,)
    first, second = stores.values()
    workspace = first.models.Workspace.create(name="acme")
    first.workspace(workspace).record("words", source="slack")
    assert (first.models.Signal.select().count(), second.models.Signal.select().count()) == (1, 0)
    first.runner().down(all=True)
    assert objects(schemas, "tenant_a") == set()
    assert second.models.Signal.select().count() == 0
