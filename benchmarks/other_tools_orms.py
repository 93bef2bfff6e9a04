"""How are the steps written for the tools of SQLAlchemy and Django?"""

from __future__ import annotations

from .other_tools_scripts import COUNTED, KILLED, STARTED, TITLES, TRIGGER, Tool

ALEMBIC = Tool(
    name="Alembic",
    module="alembic",
    distribution="alembic",
    on=["SQLAlchemy"],
    start=f"""import sys
from alembic import command
from alembic.config import Config
import sqlalchemy
{STARTED}
config = Config("alembic.ini")
config.set_main_option("sqlalchemy.url", sys.argv[1].replace("%", "%%"))
command.upgrade(config, "head")
""",
    path="alembic/versions/{number:04}_{name}.py",
    frame='''"""{name}"""
import os
import signal
import sqlalchemy as sa
from alembic import op

revision = "{name}"
down_revision = "{before}" or None


def upgrade():
    {body}
''',
    steps={
        "books": f"""
books = op.create_table(
    "books",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("visits", sa.Integer, nullable=False),
    sa.Column("pages", sa.Integer),
    sa.CheckConstraint("visits >= 0", name="counted"),
)
op.create_index("books_title", "books", ["title"])
{KILLED}
op.bulk_insert(books, [dict(title=title, visits=visits, pages=pages) for title, visits, pages in {TITLES}])
""",
        "authors": """
op.create_table("authors", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Text, nullable=False))
""",
        "rating": 'op.add_column("books", sa.Column("rating", sa.Integer))',
        "visits": f'op.execute("{COUNTED}")',
        "trigger": f'op.execute("""{TRIGGER}""")',
        "sealed": """
with op.batch_alter_table("books") as batch_op:
    batch_op.alter_column("pages", existing_type=sa.Integer, nullable=False)
""",
        "stars": 'op.add_column("books", sa.Column("stars", sa.Integer, nullable=False, server_default="3"))',
    },
)
"""Its folder is what `alembic init` makes, with the generic template and nothing changed but the URL."""

DJANGO = Tool(
    name="Django",
    module="django",
    distribution="Django",
    start=f"""import sys
from urllib.parse import parse_qs, urlsplit
import django
from django.conf import settings
from django.core.management import call_command

parts = urlsplit(sys.argv[1])
query = parse_qs(parts.query)
if parts.scheme == "sqlite":
    database = dict(ENGINE="django.db.backends.sqlite3", NAME=parts.path[1:])
else:
    database = dict(
        ENGINE="django.db.backends.postgresql", NAME=parts.path[1:], USER=parts.username or "",
        PASSWORD=parts.password or "", HOST=parts.hostname or query.get("host", [""])[0],
        PORT=str(parts.port or query.get("port", [""])[0]),
    )
settings.configure(
    DATABASES=dict(default=database), INSTALLED_APPS=["shop"], DEFAULT_AUTO_FIELD="django.db.models.BigAutoField"
)
django.setup()
{STARTED}
call_command("migrate", interactive=False)
""",
    path="shop/migrations/{number:04}_{name}.py",
    frame='''"""{name}"""
import os
import signal
from django.db import migrations, models


def killed(apps, schema_editor):
    KILLED


def filled(apps, schema_editor):
    Book = apps.get_model("shop", "Book")
    Book.objects.bulk_create(Book(title=title, visits=visits, pages=pages) for title, visits, pages in TITLES)


class Migration(migrations.Migration):
    dependencies = [("shop", name) for name in ["{before}"] if name]
    operations = [
        {body}
    ]
'''.replace("KILLED", KILLED.replace("\n", "\n    "), 1).replace("TITLES", TITLES),
    steps={
        "books": """
migrations.CreateModel(
    name="Book",
    fields=[
        ("id", models.BigAutoField(primary_key=True)),
        ("title", models.TextField(db_index=True)),
        ("visits", models.IntegerField()),
        ("pages", models.IntegerField(null=True)),
    ],
    options={
        "db_table": "books",
        "constraints": [models.CheckConstraint(condition=models.Q(visits__gte=0), name="counted")],
    },
),
migrations.RunPython(killed),
migrations.RunPython(filled),
""",
        "authors": """
migrations.CreateModel(
    name="Author",
    fields=[("id", models.BigAutoField(primary_key=True)), ("name", models.TextField())],
    options={"db_table": "authors"},
),
""",
        "rating": 'migrations.AddField("Book", "rating", models.IntegerField(null=True)),',
        "visits": f'migrations.RunSQL("{COUNTED}"),',
        "trigger": f'migrations.RunSQL(["""{TRIGGER}"""]),',
        "sealed": 'migrations.AlterField("Book", "pages", models.IntegerField()),',
        "stars": 'migrations.AddField("Book", "stars", models.IntegerField(default=3)),',
        "stars_db": 'migrations.AddField("Book", "stars", models.IntegerField(db_default=3)),',
    },
    others={"shop/__init__.py": "", "shop/models.py": "", "shop/migrations/__init__.py": ""},
    stars={"stars": "default", "stars_db": "db_default"},
)
