"""Do scripts that were written for playhouse.migrations run unchanged, and to the same effect?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from peewee import Database, SqliteDatabase
from playhouse.migrations import Runner
from runner_kit import write

from signals_peewee.runner import DirectorySource, MigrationRunner, migrate

# As playhouse.migrations' own documentation and its `template` write them.
SCRIPTS = {
    "_0001_initial": """
        # Generated from a schema diff on 2026-01-01 10:00.
        from peewee import *


        def up(migrator, db):
            class User(Model):
                username = TextField(unique=True)
                class Meta:
                    database = db
                    table_name = 'user'

            class Tweet(Model):
                user = ForeignKeyField(User, on_delete='CASCADE')
                content = TextField()
                class Meta:
                    database = db
                    table_name = 'tweet'
                    indexes = ((('user_id', 'content'), False),)

            db.create_tables([User, Tweet])


        def down(migrator, db):
            migrator.migrate(migrator.drop_table('tweet'))
            migrator.migrate(migrator.drop_table('user'))
    """,
    "_0002_add_karma": """
        from peewee import *

        def up(migrator, db):
            migrator.migrate(
                migrator.add_column('user', 'karma', IntegerField(default=0)))

        def down(migrator, db):
            migrator.migrate(migrator.drop_column('user', 'karma'))
    """,
    "_0003_backfill": """
        from peewee import *
        from playhouse.migrate import migrate

        def up(migrator, db):
            db.execute_sql("INSERT INTO \\"user\\" (username, karma) VALUES ('a', 1), ('b', 2)")
            with db.atomic():
                for row in db.execute_sql('SELECT id FROM "user" ORDER BY id').fetchall():
                    db.execute_sql('UPDATE "user" SET karma = 7 WHERE id = %d' % row[0])
            migrate(
                migrator.rename_column('tweet', 'content', 'body'),
                migrator.add_index('user', ('karma',)),
                migrator.drop_not_null('tweet', 'body'))

        def down(migrator, db):
            migrate(
                migrator.add_not_null('tweet', 'body'),
                migrator.drop_index('user', 'user_karma'),
                migrator.rename_column('tweet', 'body', 'content'))
            db.execute_sql('DELETE FROM "user"')
    """,
    "_0004_outside": """
        from peewee import *

        atomic = False

        def up(migrator, db):
            with migrator.migration_context():
                migrator.migrate(migrator.sql('CREATE TABLE raw (id INTEGER)'))

        def down(migrator, db):
            migrator.migrate(migrator.drop_table('raw'))
    """,
}


def described(database: Database) -> list[Any]:
    """What is there, but for the defaults of columns: those of an added one stay, which playhouse takes away again."""
    hidden = ("migration_history", "schema_migration", "sqlite_sequence")
    names = sorted(name for name in database.get_tables() if name not in hidden)
    return [
        (
            name,
            [column._replace(default=None) for column in database.get_columns(name)],
            database.get_indexes(name),
            database.get_foreign_keys(name),
        )
        for name in names
    ]


def test_playhouse_scripts_run_unchanged_to_the_same_effect(database: Database, tmp_path: Path) -> None:
    folder = write(tmp_path / "migrations", **SCRIPTS)
    theirs = Runner(database, str(folder))
    names = theirs.up()
    expected = described(database)
    for _ in names:
        theirs.down()
    assert described(database) == []

    ours = MigrationRunner(database, DirectorySource(folder, name="app"))
    assert ours.up() == [f"app:{name}" for name in names]
    assert described(database) == expected
    assert database.execute_sql('SELECT username, karma FROM "user" ORDER BY 1').fetchall() == [("a", 7), ("b", 7)]
    assert ours.down(all=True) == [f"app:{name}" for name in reversed(names)]
    assert described(database) == []


def test_a_database_that_playhouse_migrated_is_taken_over_with_stamp(database: Database, tmp_path: Path) -> None:
    folder = write(tmp_path / "migrations", **SCRIPTS)
    theirs = Runner(database, str(folder))
    theirs.up("0003_backfill")
    ours = MigrationRunner(database, DirectorySource(folder, name="app"))
    assert ours.stamp(max(theirs.applied())) == ["app:0001_initial", "app:0002_add_karma", "app:0003_backfill"]
    assert ours.up() == ["app:0004_outside"]


def test_a_module_that_plays_with_peewees_names_is_not_in_our_way(tmp_path: Path) -> None:
    text = """
        from playhouse.migrations import *
        from peewee import *


        def up(migrator, db):
            assert migrator.database is db
    """
    database = SqliteDatabase(str(tmp_path / "x.db"))
    assert migrate(database, DirectorySource(write(tmp_path / "m", _1=text), name="app")) == ["app:1"]
