"""What is the text of a step that brings a database to its models?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial

from peewee import Model

from ...engine.migrating import Migrating
from ...engine.remedies import remedies_for
from ...engine.scratch import Pair, in_order, scratch_for
from ..gaps import Comparing, Gap
from .fields import Fields, Imports
from .parts import Step
from .steps import Steps
from .tables import Tables


def draft_of(migrating: Migrating, schema: str | None, models: Sequence[type[Model]]) -> str | None:
    """Return the text of a step, or None where there is nothing to do.

    Args:
        migrating: the engine's half of a run; its database is open.
        schema: where the step will work.
        models: what the database is to be.
    """
    scratch = scratch_for(migrating, schema)
    comparing = Comparing(scratch.inspector)
    different = [(pair, gaps) for pair in scratch.pairs(models) if (gaps := list(comparing.gaps(pair)))]
    if not different:
        return None
    imports = Imports()
    fields = Fields(migrating.database, imports)
    given = {model._meta.table_name for model in models}
    where = {name: found for name, found in scratch.where.items() if name not in given}
    tables = Tables(migrating.database, schema, fields, imports, where)
    remedies = remedies_for(migrating.database)
    order = in_order(models)
    ours = sorted(
        ((pair, gaps) for pair, gaps in different if pair.schema == schema), key=lambda each: order.index(each[0].model)
    )
    writing = partial(Steps, inspector=scratch.inspector, remedies=remedies, fields=fields, tables=tables)
    steps = [step for pair, gaps in ours for step in writing(pair, gaps).steps()]
    return _text(imports, different, _elsewhere(different, schema), sorted(steps, key=lambda step: step.phase))


def _text(imports: Imports, different: list[tuple[Pair, list[Gap]]], notes: list[str], steps: list[Step]) -> str:
    up = _spaced([*notes, *(line for step in steps for line in (*_comments(step), *step.write()))])
    down = [line for step in reversed(steps) for line in step.down]
    body = f"def up(migrator, db):\n{_indented(up)}\n\n\ndef down(migrator, db):\n{_indented(down)}\n"
    head = [f'"""{_summary(different)}"""', "", *imports.lines(body)]
    return "\n".join(head) + f"\n\n\n{body}"


def _comments(step: Step) -> list[str]:
    return [f"# {note}" for note in step.notes]


def _spaced(lines: list[str]) -> list[str]:
    """Return lines with an empty one before each class and, where a statement follows, none twice."""
    spaced: list[str] = []
    for line in lines:
        if line.startswith("class ") and spaced and spaced[-1]:
            spaced.append("")
        if line or (spaced and spaced[-1]):
            spaced.append(line)
    return spaced


def _indented(lines: Iterable[str]) -> str:
    said = [f"    {line}" if line else "" for line in lines]
    only_comments = all(line.lstrip().startswith("#") or not line for line in said)
    return "\n".join([*said, "    pass"] if only_comments else said)


def _elsewhere(different: list[tuple[Pair, list[Gap]]], schema: str | None) -> list[str]:
    others = [f"{pair.schema}.{pair.expected.name}" for pair, _ in different if pair.schema != schema]
    return [f"# A step works in the schema of its run; it is not drafted for {name}." for name in others]


def _summary(different: list[tuple[Pair, list[Gap]]]) -> str:
    parts = []
    for pair, gaps in different:
        name = pair.expected.name.replace("\\", "").replace('"', "'")
        kinds = Counter(gap.kind for gap in gaps)
        said = ", ".join(f"{count} × {kind}" if count > 1 else kind for kind, count in kinds.items())
        parts.append(f"{name} (new)" if pair.found is None else f"{name} ({said})")
    return f"Bring to the models: {', '.join(parts)}."
