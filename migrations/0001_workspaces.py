"""Workspaces: the tenants, where the host has none of its own."""

from peewee import TextField

from signals_peewee.runner.operations import InstantField

ROLES = {"workspace": "workspaces", "user": "users", "project": "projects", "inbox_item": "inbox_items"}
OWN = ("signals", "signal_projects", "signal_personas")


def up(migrator, db):
    refuse_tables_of_the_host(migrator, db)

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


def refuse_tables_of_the_host(migrator, db):
    """Before the first change: with a table half way in the chain the host would be stuck between two sets of roles."""
    wanted = {
        table: f"plug its model in: Hosts({role}=...)" for role, table in ROLES.items() if role not in migrator.context
    }
    wanted.update(dict.fromkeys(OWN, "use another schema (Postgres) or file (SQLite)"))
    for table in db.get_tables(migrator.Model._meta.schema):
        if table in wanted:
            raise ValueError(f"there is a table {table!r} already, and nothing was changed; {wanted[table]}")
