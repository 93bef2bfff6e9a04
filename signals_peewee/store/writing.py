"""How do checked rows meet the rows that are stored?"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from ..engine import Engine
from ..engine.bulk import Bulk, Target, table_of
from ..errors import NotFound
from ..schema import Models, Signal
from ..schema.fields import utc_now
from .amending import Amendment
from .changing import moment, tell
from .checking import Checks
from .columns import Batch, Identity, Row, apart, identity, rows_at, taken, transposed, with_repeats
from .comparing import METADATA, Comparison, compare
from .reports import OnExisting

_LEFT_OUT = "embedding"
_KEPT = "_writer"


class Settled(NamedTuple):
    """A row that met a stored one, which it may have changed."""

    comparison: Comparison
    stored: Row


class Writer:
    """The statements and conversions of one store, made once; safe to share between threads.

    Rows and batches are as `Checks.row` returns them; a workspace is its key as the column holds it.
    """

    def __init__(self, engine: Engine, models: Models) -> None:
        self.engine = engine
        self.models = models
        self.checks = Checks(models)
        meta: Any = models.Signal._meta
        self._new_ids: Callable[[int], list[str]] = meta.new_ids
        self._fields: dict[str, Any] = dict(meta.columns)
        self._read = [name for name in self._fields if name != _LEFT_OUT]
        self._names = [self._fields[name].name for name in self._read]
        self._bulk: Bulk = engine.bulk(_target(models))
        self._wanted = ", ".join(f'"{name}"' for name in self._read)

    def key(self, workspace: Any) -> Any:
        """Return the key of a workspace as the column holds it."""
        return self._fields["workspace_id"].db_value(workspace)

    def create(self, workspace: Any, row: Row) -> Signal | None:
        """Insert a row and return it as if read back, or None where its identity is taken."""
        now = utc_now()
        values = self._new_row(workspace, row, self._new_ids(1)[0], now)
        if not self._bulk.insert_one({name: value for name, value in values.items() if value is not None}):
            return None
        return self.signal({**dict.fromkeys(self._read), **self._python(values)})

    def create_many(self, workspace: Any, rows: Sequence[Row]) -> tuple[list[Signal], int]:
        """Insert those of the rows whose identity is free; return all as if read back, and how many are new."""
        now, keys = utc_now(), self._new_ids(len(rows))
        made = [self._new_row(workspace, row, key, now) for row, key in zip(rows, keys, strict=True)]
        created = self._bulk.insert({name: [row[name] for row in made] for name in made[0]}, {}, likely_new=False)
        return [self.signal({**dict.fromkeys(self._read), **self._python(row)}) for row in made], created

    def _new_row(self, workspace: Any, row: Row, id: str, now: datetime) -> Row:
        constants = self._constants(workspace, now)
        return {"id": id, **constants, **row, "occurred_at": row["occurred_at"] or now}

    def _constants(self, workspace: Any, now: datetime) -> Row:
        status = self._fields["status"].default
        return {"workspace_id": workspace, "status": status, "created_at": now, "updated_at": now}

    def write(self, workspace: Any, batch: Batch, on_existing: OnExisting, *, likely_new: bool = False) -> Counter[str]:
        """Insert the rows that are new and settle the others, inside the caller's transaction; return the outcomes."""
        firsts, repeats = apart(batch)
        some = taken(batch, firsts) if repeats else batch
        now, ids = utc_now(), self._new_ids(len(firsts))
        created = self._bulk.insert(*self._new_columns(workspace, some, ids, now), likely_new=likely_new)
        doubtful = [] if created == len(firsts) else self.unlike(workspace, {**some, "id": ids}, on_existing)
        outcomes = Counter(created=created, unchanged=len(firsts) - created - len(doubtful))
        places = sorted([*(firsts[at] for at in doubtful), *repeats])
        if places:
            settled, gone = self.settle(workspace, rows_at(batch, places), on_existing)
            outcomes.update(each.comparison.outcome for each in settled)
            if gone:  # somebody deleted them in between
                outcomes += self.write(workspace, transposed(gone), on_existing)
        return outcomes

    def _new_columns(self, workspace: Any, batch: Batch, ids: list[str], now: datetime) -> tuple[Batch, Row]:
        columns: Batch = {"id": ids, **batch}
        constants = self._constants(workspace, now)
        if "occurred_at" not in columns:
            constants["occurred_at"] = now
        elif None in columns["occurred_at"]:
            columns["occurred_at"] = [value or now for value in columns["occurred_at"]]
        return columns, constants

    def unlike(self, workspace: Any, batch: Batch, on_existing: OnExisting) -> list[int]:
        """Return the places of the rows with a source_ref that are not stored alike, without locking anything."""
        present = () if on_existing == "update" else (METADATA,)
        refs = batch.get("source_ref", ())
        if refs and None not in refs:
            return self._bulk.unlike(workspace, batch, present)
        keyed = [at for at, ref in enumerate(refs) if ref is not None]
        return [keyed[at] for at in self._bulk.unlike(workspace, taken(batch, keyed), present)] if keyed else []

    def unknown(self, workspace: Any, batch: Batch, on_existing: OnExisting) -> Sequence[int]:
        """Return the places of the rows that have to be written, for all that can be told without a lock."""
        refs = batch.get("source_ref")
        if refs is None:
            return range(len(batch["verbatim"]))
        unlike = with_repeats(batch, self.unlike(workspace, batch, on_existing))
        anonymous = [at for at, ref in enumerate(refs) if ref is None]
        return sorted([*unlike, *anonymous]) if anonymous else unlike

    def stored(self, workspace: Any, identities: Iterable[Identity], *, lock: bool) -> dict[Identity, Row]:
        """Return the stored rows of these identities as Python values."""
        wanted = dict.fromkeys(identities)
        rows = self._bulk.select(workspace, list(wanted), self._wanted, lock=lock)
        found = (self._python(dict(zip(self._read, row, strict=True)), read=True) for row in rows)
        keyed = (((row["source"], row["source_ref"]), row) for row in found)
        return {each: row for each, row in keyed if each in wanted}  # it may have another one since it was found

    def settle(
        self, workspace: Any, rows: list[Row], on_existing: OnExisting, by: Any = None
    ) -> tuple[list[Settled], list[Row]]:
        """Compare rows, in their order, with the stored ones of their identity, locked; write what that changes.

        Returns:
            What became of those that were found, and the rows that were not.
        """
        stored = self.stored(workspace, map(identity, rows), lock=True)
        settled, gone = [], []
        amended: dict[str, Amendment] = {}
        for row in rows:
            found = stored.get(identity(row))
            if found is None:
                gone.append(row)
                continue
            comparison = self.comparison(found, row, on_existing)
            if comparison.outcome == "updated":
                amended.setdefault(found["id"], Amendment(found)).add(comparison.differences, row)
            settled.append(Settled(comparison, found))
        self._amend({key: each for key, each in amended.items() if each.columns}, by)
        return settled, gone

    def comparison(self, stored: Row, row: Row, on_existing: OnExisting) -> Comparison:
        """Compare a row with the stored one."""
        return compare(stored, self._python(row), on_existing)

    def _amend(self, amended: Mapping[str, Amendment], by: Any) -> None:
        """Write what changes in locked rows, and an event for each of them."""
        if not amended:
            return
        now = moment(*(each.stored["updated_at"] for each in amended.values()))
        before, after = zip(*(each.sides() for each in amended.values()), strict=True)
        tell(self.engine, self.models, "updated", list(amended), now, by=by, before=before, after=after)
        shapes: dict[tuple[str, ...], list[Row]] = defaultdict(list)
        for key, each in amended.items():
            besides = {"updated_at": now, **each.emptied()}
            each.stored.update(besides)
            row = {"id": key, **each.columns, **besides}
            shapes[tuple(sorted(row))].append(row)
        for names, rows in shapes.items():
            self._bulk.update({name: [row[name] for row in rows] for name in names})

    def check_workspace(self, workspace: Any) -> None:
        """Say so where the workspace is gone.

        Raises:
            NotFound: it is.
        """
        model = self.models.Workspace
        key = model._meta.primary_key
        if model.select(key).where(key == workspace).first() is None:
            raise NotFound("workspace", workspace, f"the key of a {model.__name__}")

    def unknown_items(self, workspace: Any, keys: Iterable[Any]) -> set[Any]:
        """Return those of the keys of inbox items that are none of this workspace."""
        wanted = list(dict.fromkeys(keys))
        model, found = self.models.InboxItem, set[Any]()
        key = model._meta.primary_key
        mine = self.models.inbox_workspace
        for start in range(0, len(wanted), 500):
            which = key.in_(wanted[start : start + 500])
            query = model.select(key).where(which if mine is None else which & (model._meta.fields[mine] == workspace))
            found.update(self._fields["inbox_item_id"].db_value(value) for (value,) in query.tuples())
        return set(wanted) - found

    def signal(self, row: Row) -> Signal:
        """Return a row, as Python values, as an instance of the model, as if it had been read."""
        signal = self.models.Signal(__no_default__=True)
        signal.__data__ = dict(zip(self._names, [row[name] for name in self._read], strict=True))
        return signal

    def _python(self, row: Row, *, read: bool = False) -> Row:
        """Return columns as Python values: keys and, where they come from the database, times and documents."""
        changed = dict(row)
        for name in ("workspace_id", "inbox_item_id"):
            if changed.get(name) is not None:
                changed[name] = self._fields[name].python_value(changed[name])
        if read:
            for name in ("occurred_at", "created_at", "updated_at", "claimed_until", "processed_at"):
                changed[name] = self._fields[name].python_value(changed[name])
            for name in (METADATA, "ai_classification"):
                changed[name] = self._fields[name].python_value(changed[name])
        elif changed[METADATA] is not None:
            changed[METADATA] = json.loads(changed[METADATA])
        return changed


def writer(engine: Engine, models: Models) -> Writer:
    """Return the writer of a store, made at its first use and kept with its models, so that it goes with them."""
    kept = vars(models)
    found: Writer = kept.get(_KEPT) or kept.setdefault(_KEPT, Writer(engine, models))
    return found


def _target(models: Models) -> Target:
    table = table_of(models.Signal)
    return Target(table.table, table.types, "workspace_id", ("source", "source_ref"), "source_ref")
