"""Signal projects: which projects a signal informs, on whose word, why, and how sure."""

from peewee import SQL, Check, DoubleField, ForeignKeyField, ModelIndex, TextField

from signals_peewee.runner.operations import InstantField


def up(migrator, db):
    class Signal(migrator.Model):
        id = TextField(primary_key=True)

        class Meta:
            table_name = "signals"

    class Project(migrator.Model):
        id = TextField(primary_key=True)

        class Meta:
            table_name = "projects"

    class User(migrator.Model):
        id = TextField(primary_key=True)

        class Meta:
            table_name = "users"

    class SignalProject(migrator.Model):
        id = TextField(primary_key=True)
        signal = ForeignKeyField(
            Signal,
            on_delete="CASCADE",
            index=False,
            column_name="signal_id",
            constraint_name="signal_projects_signal_id_fkey",
        )
        project = ForeignKeyField(
            migrator.context.get("project", Project),
            on_delete="CASCADE",
            index=False,
            column_name="project_id",
            constraint_name="signal_projects_project_id_fkey",
        )
        linked_at = InstantField(default_now=True)
        linked_by = ForeignKeyField(
            migrator.context.get("user", User),
            on_delete="SET NULL",
            null=True,
            index=False,
            column_name="linked_by",
            constraint_name="signal_projects_linked_by_fkey",
        )
        link_reason = TextField(null=True)
        confidence = DoubleField(
            null=True, constraints=[Check("confidence >= 0 AND confidence <= 1", "signal_projects_confidence_check")]
        )

        class Meta:
            table_name = "signal_projects"

    SignalProject.create_table(safe=False)

    def index(name, *columns, unique=False):
        parts = [SQL(column) for column in columns]
        db.execute(ModelIndex(SignalProject, parts, unique=unique, safe=False, name=name))

    index("signal_projects_signal_project_key", "signal_id", "project_id", unique=True)
    index("signal_projects_project_idx", "project_id", "linked_at DESC", "id DESC")
    index("signal_projects_linked_by_idx", "linked_by")


def down(migrator, db):
    migrator.migrate(migrator.drop_table("signal_projects"))
