"""Signal tags: the words that somebody put on a signal."""

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

    class SignalTag(migrator.Model):
        id = TextField(primary_key=True)
        signal = ForeignKeyField(
            Signal,
            on_delete="CASCADE",
            index=False,
            column_name="signal_id",
            constraint_name="signal_tags_signal_id_fkey",
        )
        tag = TextField()
        linked_at = InstantField(default_now=True)
        linked_by = ForeignKeyField(
            migrator.context.get("user", User),
            on_delete="SET NULL",
            null=True,
            index=False,
            column_name="linked_by",
            constraint_name="signal_tags_linked_by_fkey",
        )

        class Meta:
            table_name = "signal_tags"

    SignalTag.create_table(safe=False)

    def index(name, *columns, unique=False):
        parts = [SQL(column) for column in columns]
        db.execute(ModelIndex(SignalTag, parts, unique=unique, safe=False, name=name))

    index("signal_tags_signal_tag_key", "signal_id", "tag", unique=True)
    index("signal_tags_tag_idx", "tag", "linked_at DESC", "id DESC")
    index("signal_tags_linked_by_idx", "linked_by")


def down(migrator, db):
    migrator.migrate(migrator.drop_table("signal_tags"))
