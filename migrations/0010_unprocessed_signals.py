"""Unprocessed signals: the index through which an extractor finds its next work."""

from peewee import SQL, ModelIndex, TextField


def up(migrator, db):
    class Signal(migrator.Model):
        id = TextField(primary_key=True)

        class Meta:
            table_name = "signals"

    parts = [SQL(column) for column in ("workspace_id", "created_at", "id")]
    name = "signals_workspace_unprocessed_idx"
    db.execute(ModelIndex(Signal, parts, safe=False, where=SQL("processed_at IS NULL"), name=name))


def down(migrator, db):
    migrator.migrate(migrator.drop_index("signals", "signals_workspace_unprocessed_idx"))
