"""Signal personas: which personas a signal tells of."""

from peewee import SQL, ForeignKeyField, ModelIndex, TextField

from signals_peewee.runner.operations import InstantField


def up(migrator, db):
    class Signal(migrator.Model):
        id = TextField(primary_key=True)

        class Meta:
            table_name = "signals"

    class User(migrator.Model):
        id = TextField(primary_key=True)

        class Meta:
            table_name = "users"

    class SignalPersona(migrator.Model):
        id = TextField(primary_key=True)
        signal = ForeignKeyField(
            Signal,
            on_delete="CASCADE",
            index=False,
            column_name="signal_id",
            constraint_name="signal_personas_signal_id_fkey",
        )
        persona_id = TextField()
        linked_at = InstantField(default_now=True)
        linked_by = ForeignKeyField(
            migrator.context.get("user", User),
            on_delete="SET NULL",
            null=True,
            index=False,
            column_name="linked_by",
            constraint_name="signal_personas_linked_by_fkey",
        )

        class Meta:
            table_name = "signal_personas"

    SignalPersona.create_table(safe=False)

    def index(name, *columns, unique=False):
        parts = [SQL(column) for column in columns]
        db.execute(ModelIndex(SignalPersona, parts, unique=unique, safe=False, name=name))

    index("signal_personas_signal_persona_key", "signal_id", "persona_id", unique=True)
    index("signal_personas_persona_idx", "persona_id", "linked_at DESC", "id DESC")
    index("signal_personas_linked_by_idx", "linked_by")


def down(migrator, db):
    migrator.migrate(migrator.drop_table("signal_personas"))
