"""Projects: what signals inform, where the host has none of its own."""

from peewee import SQL, ForeignKeyField, ModelIndex, TextField

from signals_peewee.runner.operations import InstantField


def up(migrator, db):
    class Workspace(migrator.Model):
        id = TextField(primary_key=True)

        class Meta:
            table_name = "workspaces"

    class Project(migrator.Model):
        id = TextField(primary_key=True)
        workspace = ForeignKeyField(
            migrator.context.get("workspace", Workspace),
            on_delete="CASCADE",
            index=False,
            column_name="workspace_id",
            constraint_name="projects_workspace_id_fkey",
        )
        name = TextField()
        description = TextField(null=True)
        status = TextField(constraints=[SQL("DEFAULT 'active'")])
        created_at = InstantField(default_now=True)
        updated_at = InstantField(default_now=True)

        class Meta:
            table_name = "projects"

    Project.add_index(ModelIndex(Project, [SQL("workspace_id")], name="projects_workspace_idx"))
    if "project" not in migrator.context:
        Project.create_table(safe=False)


def down(migrator, db):
    if "project" not in migrator.context:
        migrator.migrate(migrator.drop_table("projects"))
