"""Signals: what people said, in their own words."""

from peewee import SQL, Check, ForeignKeyField, JSONField, ModelIndex, TextField

from signals_peewee.runner.operations import InstantField


def up(migrator, db):
    class Workspace(migrator.Model):
        id = TextField(primary_key=True)

        class Meta:
            table_name = "workspaces"

    class InboxItem(migrator.Model):
        id = TextField(primary_key=True)

        class Meta:
            table_name = "inbox_items"

    class Signal(migrator.Model):
        id = TextField(primary_key=True)
        workspace = ForeignKeyField(
            migrator.context.get("workspace", Workspace),
            on_delete="CASCADE",
            index=False,
            column_name="workspace_id",
            constraint_name="signals_workspace_id_fkey",
        )
        verbatim = TextField(constraints=[Check("verbatim <> ''", "signals_verbatim_check")])
        interpretation = TextField(null=True)
        severity = TextField(null=True)
        frequency = TextField(null=True)
        user_segment = TextField(null=True)
        source = TextField()
        source_ref = TextField(null=True)
        source_metadata = JSONField(null=True)
        status = TextField(constraints=[SQL("DEFAULT 'new'")])
        embedding = TextField(null=True)
        embedding_model = TextField(null=True)
        embedding_hash = TextField(null=True)
        ai_classification = JSONField(null=True)
        inbox_item = ForeignKeyField(
            migrator.context.get("inbox_item", InboxItem),
            on_delete="SET NULL",
            null=True,
            index=False,
            column_name="inbox_item_id",
            constraint_name="signals_inbox_item_id_fkey",
        )
        merged_into = ForeignKeyField(
            "self",
            on_delete="SET NULL",
            null=True,
            index=False,
            column_name="merged_into_id",
            constraint_name="signals_merged_into_id_fkey",
        )
        occurred_at = InstantField(default_now=True)
        created_at = InstantField(default_now=True)
        updated_at = InstantField(default_now=True)
        claimed_until = InstantField(null=True)
        processed_at = InstantField(null=True)

        class Meta:
            table_name = "signals"

    Signal.create_table(safe=False)

    def index(name, *columns, unique=False, where=None):
        parts = [SQL(column) for column in columns]
        db.execute(ModelIndex(Signal, parts, unique=unique, safe=False, where=where and SQL(where), name=name))

    newest = ("created_at DESC", "id DESC")
    index("signals_workspace_status_idx", "workspace_id", "status", *newest)
    index("signals_workspace_source_idx", "workspace_id", "source", *newest)
    index("signals_workspace_created_idx", "workspace_id", *newest)
    index("signals_workspace_severity_idx", "workspace_id", "severity", *newest, where="severity IS NOT NULL")
    index("signals_source_ref_key", "workspace_id", "source", "source_ref", unique=True, where="source_ref IS NOT NULL")
    index("signals_inbox_item_idx", "inbox_item_id")
    index("signals_merged_into_idx", "merged_into_id")


def down(migrator, db):
    migrator.migrate(migrator.drop_table("signals"))
