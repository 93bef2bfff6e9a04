"""Signal events: what happened to a signal, when, on whose word, and what it changed."""

from peewee import SQL, ForeignKeyField, JSONField, ModelIndex, TextField

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

    class SignalEvent(migrator.Model):
        id = TextField(primary_key=True)
        signal = ForeignKeyField(
            Signal,
            on_delete="CASCADE",
            index=False,
            column_name="signal_id",
            constraint_name="signal_events_signal_id_fkey",
        )
        kind = TextField()
        created_at = InstantField(default_now=True)
        created_by = ForeignKeyField(
            migrator.context.get("user", User),
            on_delete="SET NULL",
            null=True,
            index=False,
            column_name="created_by",
            constraint_name="signal_events_created_by_fkey",
        )
        before = JSONField(null=True)
        after = JSONField(null=True)

        class Meta:
            table_name = "signal_events"

    SignalEvent.create_table(safe=False)

    def index(name, *columns):
        db.execute(ModelIndex(SignalEvent, [SQL(column) for column in columns], safe=False, name=name))

    index("signal_events_signal_idx", "signal_id", "created_at", "id")
    index("signal_events_created_by_idx", "created_by")


def down(migrator, db):
    migrator.migrate(migrator.drop_table("signal_events"))
