"""Inbox items: the queue in front of signals, where the host has none of its own."""

from peewee import SQL, ForeignKeyField, JSONField, ModelIndex, TextField

from signals_peewee.runner.operations import InstantField


def up(migrator, db):
    class Workspace(migrator.Model):
        id = TextField(primary_key=True)

        class Meta:
            table_name = "workspaces"

    class Project(migrator.Model):
        id = TextField(primary_key=True)

        class Meta:
            table_name = "projects"

    class InboxItem(migrator.Model):
        id = TextField(primary_key=True)
        workspace = ForeignKeyField(
            migrator.context.get("workspace", Workspace),
            on_delete="CASCADE",
            index=False,
            column_name="workspace_id",
            constraint_name="inbox_items_workspace_id_fkey",
        )
        type = TextField()
        source = TextField()
        source_ref = TextField(null=True)
        title = TextField()
        raw_content = TextField()
        processed_content = TextField(null=True)
        status = TextField(constraints=[SQL("DEFAULT 'pending'")])
        assigned_project = ForeignKeyField(
            migrator.context.get("project", Project),
            on_delete="SET NULL",
            null=True,
            index=False,
            column_name="assigned_project_id",
            constraint_name="inbox_items_assigned_project_id_fkey",
        )
        metadata = JSONField(null=True)
        created_at = InstantField(default_now=True)
        processed_at = InstantField(null=True)
        updated_at = InstantField(default_now=True)

        class Meta:
            table_name = "inbox_items"

    newest_of_a_status = [SQL("workspace_id"), SQL("status"), SQL("created_at DESC"), SQL("id DESC")]
    InboxItem.add_index(ModelIndex(InboxItem, newest_of_a_status, name="inbox_items_workspace_status_idx"))
    InboxItem.add_index(ModelIndex(InboxItem, [SQL("assigned_project_id")], name="inbox_items_assigned_project_idx"))
    if "inbox_item" not in migrator.context:
        InboxItem.create_table(safe=False)


def down(migrator, db):
    if "inbox_item" not in migrator.context:
        migrator.migrate(migrator.drop_table("inbox_items"))
