"""Workspaces: the tenants, where the host has none of its own."""

from peewee import TextField

from signals_peewee.runner.operations import InstantField


def up(migrator, db):
    class Workspace(migrator.Model):
        id = TextField(primary_key=True)
        name = TextField()
        created_at = InstantField(default_now=True)
        updated_at = InstantField(default_now=True)

        class Meta:
            table_name = "workspaces"

    if "workspace" not in migrator.context:
        Workspace.create_table(safe=False)


def down(migrator, db):
    if "workspace" not in migrator.context:
        migrator.migrate(migrator.drop_table("workspaces"))
