"""What does a person read who wrote, lost or mixed up a script? Which one, where in it, and what to do.

Each message is written out, to be read aloud. In it … is the folder of the test, DAY today and HASH the beginning of a
checksum. In every case the database is afterwards as it was before; `test_runner_bad_database` has what is wrong there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from peewee import Database
from runner_kills import everything
from runner_kit import BOOKS, closing, write

from signals_peewee.errors import (
    ContextChanged,
    DatabaseAhead,
    EditedStep,
    InvalidDependency,
    InvalidScript,
    InvalidSource,
    LateStep,
    MigrationError,
    MissingStep,
    OpenTransaction,
    UnfinishedStep,
    UnknownStep,
)
from signals_peewee.runner import DirectorySource, InlineSource, InlineStep, MigrationRunner, migrate

NOTHING = "def up(migrator, db):\n    pass\n"
PAGES = NOTHING.replace("pass", 'db.execute_sql("ALTER TABLE books ADD COLUMN pages INTEGER")')


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield from closing()


def as_read(error: BaseException, folder: Path) -> str:
    """Return a message without what differs from run to run."""
    text = str(error).replace(str(folder), "…")
    return re.sub(r"\b[0-9a-f]{12}\b", "HASH", re.sub(r"\b\d{4}-\d\d-\d\d\b", "DAY", text))


def nothing(migrator: Any, db: Database) -> None:
    """Do nothing."""


def other(*depends_on: str) -> InlineSource:
    return InlineSource("other", [InlineStep(nothing, depends_on=depends_on)])


@dataclass
class Case:
    """A folder with the applied steps 0001_books and 0003_pages, what becomes of it, and what a start says then.

    Attributes:
        error: what it raises.
        text: what that says.
        add: scripts that are written, or written over.
        remove: scripts that are removed.
        more: sources besides the folder.
        at: where the folder is looked for.
        target: what is asked for.
        options: of the runner.
        transaction: whether one is open.
    """

    error: type[MigrationError]
    text: str
    add: dict[str, str | bytes] = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    more: tuple[InlineSource, ...] = ()
    at: str = "steps"
    target: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    transaction: bool = False


def fourth(error: type[MigrationError], text: str, script: str | bytes, **more: Any) -> Case:
    return Case(error, text, {"0004_more.py": script}, **more)


CASES = {
    "a syntax error": fourth(
        InvalidScript,
        "step app:0004_more (…/steps/0004_more.py:4): it is not Python: expected ':'; correct it; nothing was run",
        "import os\n\n\ndef up(migrator, db)\n    pass\n",
    ),
    "a bracket that is not closed": fourth(
        InvalidScript,
        "step app:0004_more (…/steps/0004_more.py:2): it is not Python: '(' was never closed; correct it; nothing was "
        "run",
        "def up(migrator, db):\n    db.execute_sql('SELECT 1'\n",
    ),
    "no up": fourth(
        InvalidScript,
        "step app:0004_more (…/steps/0004_more.py): it has no up(migrator, db); write one; nothing was run",
        "def upp(migrator, db):\n    pass\n",
    ),
    "an up that is no function": fourth(
        InvalidScript,
        "step app:0004_more (…/steps/0004_more.py): up and down must be functions of (migrator, db); nothing was run",
        "up = 'ALTER TABLE books'\n",
    ),
    "an import that fails": fourth(
        InvalidScript,
        "step app:0004_more (…/steps/0004_more.py:1): its module cannot be executed: ModuleNotFoundError: No module "
        "named 'no_such_module'; correct it; nothing was run",
        f"import no_such_module\n\n\n{NOTHING}",
    ),
    "a file that is not UTF-8": fourth(
        InvalidScript,
        "step app:0004_more (…/steps/0004_more.py:2): it is not UTF-8 (byte 0xe9); save it as UTF-8; nothing was run",
        b"# one\n# caf\xe9\n",
    ),
    "a NUL": fourth(
        InvalidScript,
        "step app:0004_more (…/steps/0004_more.py:3): there is a NUL character in it; save it as UTF-8 text; nothing "
        "was run",
        f"{NOTHING}# \0\n",
    ),
    "an empty file": fourth(
        InvalidScript,
        "step app:0004_more (…/steps/0004_more.py): it has no up(migrator, db); write one; nothing was run",
        "",
    ),
    "two scripts of one number": Case(
        InvalidSource,
        "source 'app' (…/steps): 0003_other and 0003_pages have the same number; renumber the newer one; nothing was "
        "run",
        {"0003_other.py": NOTHING},
    ),
    "a mistyped folder": Case(
        InvalidSource,
        "source 'app' (…/stesp): there is no such folder; correct the path; nothing was run",
        at="stesp",
    ),
    "a file for a folder": Case(
        InvalidSource,
        "source 'app' (…/steps/0001_books.py): it is no folder; correct the path; nothing was run",
        at="steps/0001_books.py",
    ),
    "an empty folder": Case(
        InvalidSource,
        "source 'app' (…/steps): it holds no step; a script is called NNNN_name.py: correct the path, or write one; "
        "nothing was run",
        remove=("0001_books.py", "0003_pages.py"),
    ),
    "an edited script": Case(
        EditedStep,
        "step app:0003_pages (…/steps/0003_pages.py) was edited after it was applied on DAY: checksum HASH is "
        "recorded, HASH is there; restore it and write a new one, or where the edit changes nothing, accept "
        "it with runner.repair('app:0003_pages', 'accept'); no further step was run",
        {"0003_pages.py": PAGES.replace("INTEGER", "BIGINT")},
    ),
    "two edited scripts": Case(
        EditedStep,
        "step app:0001_books (…/steps/0001_books.py) was edited after it was applied on DAY: checksum HASH is "
        "recorded, HASH is there; restore it and write a new one, or where the edit changes nothing, accept "
        "it with runner.repair('app:0001_books', 'accept'); the same holds for app:0003_pages; no further step was "
        "run",
        {"0001_books.py": NOTHING, "0003_pages.py": NOTHING},
    ),
    "a script that is gone": Case(
        MissingStep,
        "step app:0001_books was applied on DAY, and its script is gone; restore it, or let it be forgotten with "
        "runner.repair('app:0001_books', 'forget'); no further step was run",
        remove=("0001_books.py",),
    ),
    "a script that was renamed": Case(
        MissingStep,
        "step app:0001_books was applied on DAY, and its script is gone; if it is …/steps/0001_library.py now, give "
        "that its old name back: databases know the step by it; if that is another step, restore this one, or let it "
        "be forgotten with runner.repair('app:0001_books', 'forget'); no further step was run",
        {"0001_library.py": BOOKS},
        remove=("0001_books.py",),
    ),
    "a script that comes late": Case(
        LateStep,
        "app:0002_late (…/steps/0002_late.py) comes before steps that were applied already; give it a number behind "
        "them, or pass out_of_order='allow' where order does not matter; no further step was run",
        {"0002_late.py": NOTHING},
    ),
    "a database ahead of the code, with something pending": Case(
        DatabaseAhead,
        "the database has had app:0003_pages, which this code does not know: newer code changed it; "
        "other:0001_nothing would run on top: run the newer code; no further step was run",
        remove=("0003_pages.py",),
        more=(other(),),
    ),
    "a database ahead of the code, where that is to be an error": Case(
        DatabaseAhead,
        "the database has had app:0003_pages, which this code does not know: newer code changed it; run the newer "
        "code, or pass on_ahead='warn'; no further step was run",
        remove=("0003_pages.py",),
        options={"on_ahead": "error"},
    ),
    "a dependency that nobody knows": fourth(
        InvalidDependency,
        "step app:0004_more depends on auth:0001_users: there is no such step; check its name, and that its source is "
        "given to this runner; nothing was run",
        f'depends_on = ["auth:0001_users"]\n\n\n{NOTHING}',
    ),
    "dependencies in a circle": fourth(
        InvalidDependency,
        "step app:0004_more depends on other:0001_nothing: they wait for each other (app:0004_more -> "
        "other:0001_nothing -> app:0004_more); remove one of the dependencies; nothing was run",
        f'depends_on = ["other:0001_nothing"]\n\n\n{NOTHING}',
        more=(other("app:0004_more"),),
    ),
    "a dependency on itself": fourth(
        InvalidDependency,
        "step app:0004_more depends on app:0004_more: they wait for each other (app:0004_more -> app:0004_more); "
        "remove one of the dependencies; nothing was run",
        f'depends_on = ["app:0004_more"]\n\n\n{NOTHING}',
    ),
    "a target that is not there": Case(
        UnknownStep,
        "step '0009_no': expected \"source:name\" of a step that is there to choose; the last ones are: "
        "app:0001_books, app:0003_pages",
        target="0009_no",
    ),
    "another context": Case(
        ContextChanged,
        "context of source 'app': 'user' was not there when its steps were applied and is \"people\" now; pass what it "
        "was, or move the tables over by hand and accept the present context with runner.repair('app', 'accept'); no "
        "further step was run",
        options={"context": {"app": {"user": "people"}}},
    ),
    "an open transaction": fourth(
        OpenTransaction,
        "a transaction is open on this connection, and the steps would become a part of it; commit it or roll it back "
        "first (db.atomic(), db.manual_commit() and a request's transaction are such)",
        NOTHING,
        transaction=True,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_said_and_the_database_is_as_it_was(name: str, database: Database, tmp_path: Path) -> None:
    case = CASES[name]
    folder = write(tmp_path / "steps", _0001_books=BOOKS, _0003_pages=PAGES)
    migrate(database, DirectorySource(folder, name="app"))
    for file in case.remove:
        (folder / file).unlink()
    for file, text in case.add.items():
        (folder / file).write_bytes(text.encode() if isinstance(text, str) else text)
    before = everything(database)
    runner = MigrationRunner(database, [DirectorySource(tmp_path / case.at, name="app"), *case.more], **case.options)
    with database.atomic() if case.transaction else nullcontext(), pytest.raises(case.error) as caught:
        runner.up(case.target)
    assert as_read(caught.value, tmp_path) == case.text
    assert everything(database) == before


def failing(folder: Path, *, atomic: bool) -> DirectorySource:
    return DirectorySource(
        write(
            folder / "steps",
            _0001_books=BOOKS,
            _0002_bad=f"""
                atomic = {atomic}


                def up(migrator, db):
                    db.execute_sql("CREATE TABLE one (id INTEGER)")
                    db.execute_sql("CREATE TABEL two (id INTEGER)")
            """,
        ),
        name="app",
    )


SAID = {
    "sqlite": 'OperationalError: near "TABEL": syntax error',
    "postgres": 'ProgrammingError: syntax error at or near "TABEL"',
}


def test_a_step_that_fails_says_what_was_rolled_back(database: Database, engine_name: str, tmp_path: Path) -> None:
    source = failing(tmp_path, atomic=True)
    MigrationRunner(database, source).up("0001_books")
    before = everything(database)
    with pytest.raises(MigrationError) as caught:
        migrate(database, source)
    assert as_read(caught.value, tmp_path) == (
        f"step app:0002_bad failed in up() at …/steps/0002_bad.py:6: {SAID[engine_name]} in "
        "'CREATE TABEL two (id INTEGER)'; everything it had done was rolled back; correct it and run it again"
    )
    assert everything(database) == before


def test_a_step_that_is_not_atomic_says_what_stays(database: Database, engine_name: str, tmp_path: Path) -> None:
    source = failing(tmp_path, atomic=False)
    with pytest.raises(MigrationError) as caught:
        migrate(database, source)
    todo = (
        "look at what it left, then let it run again with runner.repair('app:0002_bad', 'retry'), or say that you "
        "finished it by hand with runner.repair('app:0002_bad', 'done')"
    )
    assert as_read(caught.value, tmp_path) == (
        f"step app:0002_bad failed in up() at …/steps/0002_bad.py:6: {SAID[engine_name]} in "
        f"'CREATE TABEL two (id INTEGER)'; what it had done before stays; {todo}"
    )
    before = everything(database)
    with pytest.raises(UnfinishedStep) as again:
        migrate(database, source)
    assert as_read(again.value, tmp_path) == (
        f"step app:0002_bad was begun to be applied on DAY and never finished; {todo}; no further step was run"
    )
    assert everything(database) == before
