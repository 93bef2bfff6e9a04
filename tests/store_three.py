"""How is a call made on both databases and on the model, and how is all of it compared?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from dataclasses import fields, is_dataclass
from datetime import timedelta
from itertools import count
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine, initialize
from peewee import Model as PeeweeModel
from store_calls import Worlds
from store_kit import LINKS, START, Seen, difference
from store_model import Model
from store_model_state import GIVEN, Refusal, seen_as, text_of
from store_replay import check_history

from signals_peewee import IngestReport, Recorded, SignalsError, Workspace
from signals_peewee.schema import Signal

STRANGER = "0" * 21
WHOLE = frozenset(["raw_payload"])
number = count()


class Three(RuleBasedStateMachine):
    """A fresh workspace on both databases, its model, and a sequence of calls."""

    worlds: Worlds

    def __init__(self) -> None:
        super().__init__()
        self.sequence, self.step, self.sound = next(number), 0, False
        self.pace = self.worlds.pace
        self.pace.now = START + timedelta(days=1)

    @initialize()
    def furnish(self) -> None:
        place = f"{self.sequence}"
        made = [self.worlds.furnished(store, place) for store in self.worlds.stores]
        self.here: dict[str, Any] = made[0]
        self.workspaces: list[Workspace] = [each["workspace"] for each in made]
        self.key = self.here["workspace"].id
        items = self.worlds.eyes[0].see(self.key)["inbox_items"]
        self.model = Model(self.here["projects"], self.worlds.users, items)
        self.compare()
        self.begin([{"verbatim": f"It is {at}", "source": "slack", "source_ref": str(at)} for at in range(6)])

    def begin(self, rows: list[dict[str, Any]]) -> None:
        """Have some signals of which some are linked."""
        self.make(lambda ws: ws.record_many(rows), lambda: self.model.record_many(rows))
        keys, to = list(self.model.signals), self.here["projects"][0]
        columns = {"embedding": "AAAA", "embedding_model": "m", "embedding_hash": "h"}
        self.make(lambda ws: embed(ws, columns), lambda: self.model.embed(columns))
        self.make(
            lambda ws: ws.link_project(keys[:3], to, reason="r"),
            lambda: self.model.link("projects", keys[:3], to, link_reason="r", confidence=None),
        )
        self.make(lambda ws: ws.tag(keys[1:4], "admin"), lambda: self.model.link("tags", keys[1:4], "admin"))

    def signal(self, at: int) -> str:
        keys = list(self.model.signals)
        return keys[at % len(keys)] if keys else STRANGER

    def signals(self, some: list[int], stranger: str | None) -> list[str]:
        wanted = [self.signal(at) for at in some] if self.model.signals else []
        foreign = {"missing": STRANGER, "foreign": self.worlds.neighbour["signals"][0]}
        return wanted if stranger is None else [*wanted, foreign[stranger]]

    def linked(self, kind: str, keys: list[str], at: int) -> str | None:
        """Something that the first of some signals is linked to, so that it can be unlinked."""
        links = [*self.model.signals[keys[0]].links[kind]] if keys and keys[0] in self.model.signals else []
        return links[at % len(links)] if links and at < 8 else None

    def pick(self, kind: str, at: int | None) -> str | None:
        known = {"user": self.worlds.users, "project": self.here["projects"], "item": self.here["items"]}[kind]
        if at is None:
            return None
        if at == 8:
            return str(self.worlds.neighbour[f"{kind}s"][0])
        return STRANGER if at == 9 else known[at]

    def row(self, row: dict[str, Any]) -> dict[str, Any]:
        item = row.get("inbox_item_id")
        return row if item is None else {**row, "inbox_item_id": self.pick("item", item)}

    def make(self, real: Callable[[Workspace], Any], modelled: Callable[[], Any], include: Set[str] = WHOLE) -> None:
        """Make a call on both databases and on the model, and compare what they answer and what they then hold.

        Args:
            real: the call.
            modelled: the same of the model.
            include: what the signals that it answers have been read with.
        """
        self.step, self.sound = self.step + 1, False
        answers, rows = [], list[Signal]()
        for workspace in self.workspaces:
            self.pace.at(f"{self.sequence} {self.step}")
            try:
                answer = real(workspace)
                answers.append(plain(answer))
                rows += signals_in(answer)
            except SignalsError as error:
                answers.append((type(error).__name__, getattr(error, "field", None), str(error)))
        assert answers[0] == answers[1], difference(*answers)
        self.model.now = self.pace.now
        try:
            expected = plain(modelled())
        except Refusal as refusal:
            expected, answers[0] = refusal.args, answers[0][:2]
        assert answers[0] == expected, difference(answers[0], expected)
        self.compare()
        for row in rows:
            self.check(row, include)
        self.sound = True

    def check(self, row: Signal, include: Set[str]) -> None:
        """A signal that was answered is what it now is, with what was to be read along."""
        modelled = self.model.signals[row.id]
        expected = {"id": row.id, "workspace_id": self.key, **modelled.columns}
        if "embedding" not in include:
            expected["embedding"] = None
        if expected["source_metadata"] is not None and "raw_payload" not in include:
            document = expected["source_metadata"].items()
            expected["source_metadata"] = {name: value for name, value in document if name != "rawPayload"}
        assert row.as_row() == expected, difference(row.as_row(), expected)
        for kind, target in LINKS.items():
            if kind in include:
                links = getattr(row, f"{kind[:-1]}_links")
                assert sorted(getattr(link, target) for link in links) == sorted(modelled.links[kind])
        for name in include & {"workspace", "inbox_item"}:
            related = row.__rel__[name]
            assert (related and related.id) == expected[f"{name}_id"]

    def compare(self) -> None:
        here, there = (eye.see(self.key) for eye in self.worlds.eyes)
        assert here == there, difference(here, there)
        self.baptise(here)
        for kind, target in LINKS.items():
            for key, row in here[f"signal_{kind}"].items():
                self.model.link_ids[kind, row["signal_id"], row[target]] = key
        for table, expected in self.model.tables().items():
            stored = seen_as(table, here[table])
            assert stored == expected, f"{table}: {difference(stored, expected)}"

    def baptise(self, seen: Seen) -> None:
        """Give the signals that this call made the keys that the databases know them by."""
        new = {key: row for key, row in seen["signals"].items() if key not in self.model.signals}
        for signal in self.model.unnamed:
            key = next((key for key, row in new.items() if _said(row) == _said(signal.columns)), None)
            assert key is not None, f"{signal} is not stored: {new}"
            del new[key]
            signal.id = key
            self.model.signals[key] = signal
        assert not new
        self.model.unnamed.clear()

    def teardown(self) -> None:
        if self.sound:  # else there is an error already, which this would hide
            self.end()

    def end(self) -> None:
        """Compare all histories with what they lead to, remove everything, and look at the neighbour."""
        seen = self.worlds.eyes[0].see(self.key)
        for key, signal in self.model.signals.items():
            if not signal.forgotten:
                recorded = check_history(self.workspaces[self.sequence % 2], seen, key)
                assert recorded == {name: text_of(signal.recorded[name]) for name in recorded}
        purged = [plain(store.purge(self.key)) for store in self.worlds.stores]
        assert purged[0] == purged[1] == self.model.purge()
        for eye in self.worlds.eyes:
            assert not any(eye.see(self.key).values())
        assert self.worlds.neighbours() == self.worlds.past


def embed(ws: Workspace, columns: dict[str, str]) -> None:
    """Plain Peewee puts embeddings there, so that it can be seen which calls take one away."""
    ws.models.Signal.update(columns).where(ws.models.Signal.workspace == ws.id).execute()


def every_page(ws: Workspace, ask: Callable[[Workspace, str | None], Any]) -> tuple[list[Any], Any]:
    """All that the pages hold, and the last page."""
    page = ask(ws, None)
    found = list(page.items)
    while page.next_cursor is not None:
        page = ask(ws, page.next_cursor)
        found += page.items
    return found, page


def signals_in(answer: Any) -> Iterator[Signal]:
    """All signals that stand in an answer."""
    if isinstance(answer, Signal):
        yield answer
    elif isinstance(answer, (list, tuple)):
        yield from (row for each in answer for row in signals_in(each))
    elif is_dataclass(answer):
        yield from (row for each in fields(answer) for row in signals_in(getattr(answer, each.name)))


def plain(answer: Any) -> Any:
    """An answer in tuples and keys."""
    if isinstance(answer, Recorded):
        return answer.outcome, sorted(answer.differences)
    if isinstance(answer, IngestReport):
        return answer.created, answer.unchanged, answer.updated, answer.conflicts, answer.rejected
    if isinstance(answer, PeeweeModel):
        return answer.get_id()
    if is_dataclass(answer):
        return tuple(plain(getattr(answer, each.name)) for each in fields(answer))
    if isinstance(answer, (list, tuple)):
        return type(answer)(plain(each) for each in answer)
    return answer


def _said(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in (*GIVEN, "source", "source_ref", "source_metadata", "created_at"))
