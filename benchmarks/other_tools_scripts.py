"""How are the same steps written for each tool, and how does a service start it? In the way of its own documentation.

The steps: `books` makes a table with a CHECK and an index and fills it (and is killed in between where that is wanted),
`authors` makes another one, `rating` adds a column, `visits` changes rows, `trigger` makes a trigger, `sealed` adds NOT
NULL, `stars` adds a NOT NULL column with a default of 3 (`stars_db`: with Django's `db_default`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

COUNTED = "UPDATE books SET visits = visits + 1"
TRIGGER = """CREATE TRIGGER books_seen AFTER UPDATE OF visits ON books
BEGIN INSERT INTO authors (name) VALUES (NEW.title); END"""
KILLED = 'if "KILLED" in os.environ:\n    os.kill(os.getpid(), signal.SIGKILL)'
TITLES = '[("Emma", 0, 474), ("Ulysses", 0, 730), ("Walden", 0, 352)]'
PEEWEE = '''"""{name}"""
import os
import signal
from peewee import *


def up(migrator, db):
    {body}
'''
PEEWEE_STEPS = {
    "books": f"""
class Book(Model):
    title = TextField(index=True)
    visits = IntegerField()
    pages = IntegerField(null=True)

    class Meta:
        database = db
        table_name = "books"
        constraints = [Check("visits >= 0", "counted")]

db.create_tables([Book])
{KILLED}
Book.insert_many({TITLES}, [Book.title, Book.visits, Book.pages]).execute()
""",
    "authors": """
class Author(Model):
    name = TextField()

    class Meta:
        database = db
        table_name = "authors"

db.create_tables([Author])
""",
    "rating": 'migrator.migrate(migrator.add_column("books", "rating", IntegerField(null=True)))',
    "visits": f'db.execute_sql("{COUNTED}")',
    "trigger": f'db.execute_sql("""{TRIGGER}""")',
    "sealed": 'migrator.migrate(migrator.add_not_null("books", "pages"))',
    "stars": 'migrator.migrate(migrator.add_column("books", "stars", IntegerField(default=3)))',
}
STARTED = 'print("ready", flush=True)\nsys.stdin.readline()\n'
"""Everything is imported before, so that those who start at the same moment do what counts at the same moment."""


@dataclass(frozen=True)
class Tool:
    """A tool that changes tables step by step.

    Attributes:
        name: what it is called in the table.
        module: what is imported.
        distribution: what is installed, which has a version.
        start: the program of a service that starts: `python start.py URL`, with the project as its folder.
        path: where a step lies in the project, by `{number}` and `{name}`.
        frame: the text of a step around its `{body}`, which is indented like it.
        steps: the bodies.
        others: the other files of the project.
        on: what it stands on, which has a version, too.
        stars: the steps that add a NOT NULL column with a default, and what they are called where there are several.
    """

    name: str
    module: str
    distribution: str
    start: str
    path: str
    frame: str
    steps: Mapping[str, str]
    others: Mapping[str, str] = field(default_factory=dict)
    on: Sequence[str] = ()
    stars: Mapping[str, str] = field(default_factory=lambda: {"stars": ""})

    def write(self, project: Path, names: Sequence[str]) -> None:
        """Write the project with these steps, one after the other."""
        for path, text in {"start.py": self.start, **self.others}.items():
            _written(project / path, text)
        indent = " " * (self.frame.index("{body}") - self.frame.rindex("\n", 0, self.frame.index("{body}")) - 1)
        before = ""
        for name in names:
            body = self.steps[name].strip().replace("\n", f"\n{indent}")
            script = self.script(project, names, name)
            _written(script, self.frame.format(name=script.stem, before=before, body=body))
            before = script.stem

    def script(self, project: Path, names: Sequence[str], name: str) -> Path:
        """Return where a step lies."""
        return project / self.path.format(number=names.index(name) + 1, name=name)


def _written(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


OURS = Tool(
    name="this runner",
    module="signals_peewee",
    distribution="signals-peewee",
    start=f"""import sys
from playhouse.db_url import connect
from signals_peewee.runner import DirectorySource, migrate
{STARTED}
migrate(connect(sys.argv[1]), DirectorySource("migrations", name="app"))
""",
    path="migrations/{number:04}_{name}.py",
    frame=PEEWEE,
    steps=PEEWEE_STEPS,
)
PLAYHOUSE = Tool(
    name="playhouse.migrations",
    module="playhouse.migrations",
    distribution="peewee",
    start=f"""import sys
from playhouse.db_url import connect
from playhouse.migrations import run
{STARTED}
run(connect(sys.argv[1]), "migrations")
""",
    path="migrations/{number:04}_{name}.py",
    frame=PEEWEE,
    steps=PEEWEE_STEPS,
)
PEEWEE_MIGRATE = Tool(
    name="peewee-migrate",
    module="peewee_migrate",
    distribution="peewee-migrate",
    start=f"""import sys
from peewee_migrate import Router
from playhouse.db_url import connect
{STARTED}
Router(connect(sys.argv[1])).run()
""",
    path="migrations/{number:03}_{name}.py",
    frame='''"""{name}"""
import os
import signal
import peewee as pw


def migrate(migrator, database, *, fake=False):
    {body}
''',
    steps={
        "books": f"""
@migrator.create_model
class Book(pw.Model):
    title = pw.TextField(index=True)
    visits = pw.IntegerField()
    pages = pw.IntegerField(null=True)

    class Meta:
        table_name = "books"
        constraints = [pw.Check("visits >= 0", "counted")]

@migrator.run
def killed():
    {KILLED.replace(chr(10), chr(10) + "    ")}

@migrator.run
def filled():
    Book.insert_many({TITLES}, [Book.title, Book.visits, Book.pages]).execute()
""",
        "authors": """
@migrator.create_model
class Author(pw.Model):
    name = pw.TextField()

    class Meta:
        table_name = "authors"
""",
        "rating": 'migrator.add_fields("books", rating=pw.IntegerField(null=True))',
        "visits": f'migrator.sql("{COUNTED}")',
        "trigger": f'migrator.sql("""{TRIGGER}""")',
        "sealed": 'migrator.add_not_null("books", "pages")',
        "stars": 'migrator.add_fields("books", stars=pw.IntegerField(default=3))',
    },
)
