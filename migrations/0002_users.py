"""Users: who links signals, where the host has none of its own. An email is unique whatever its case."""

from peewee import SQL, ModelIndex, TextField

from signals_peewee.runner.operations import InstantField


def up(migrator, db):
    class User(migrator.Model):
        id = TextField(primary_key=True)
        email = TextField()
        name = TextField(null=True)
        created_at = InstantField(default_now=True)
        updated_at = InstantField(default_now=True)

        class Meta:
            table_name = "users"

    User.add_index(ModelIndex(User, [SQL("lower(email)")], unique=True, name="users_email_key"))
    if "user" not in migrator.context:
        User.create_table(safe=False)


def down(migrator, db):
    if "user" not in migrator.context:
        migrator.migrate(migrator.drop_table("users"))
