"""What should a workspace hold after some calls? A small one in plain Python, without a database, answers alike."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from store_kit import TICK
from store_model_erasing import Erasing
from store_model_state import EMPTY, EVENTS, GIVEN, UNLINKED, Answer, Modelled, Refusal, duration, same, text_of

from signals_peewee import SignalFilter


class Model(Erasing):
    """A workspace. Calls have the names and arguments of the real one, and answer in tuples and keys."""

    def record(self, *, on_existing: str = "keep", **row: Any) -> Answer:
        answer = self._record(on_existing, row)
        self._amend()
        return answer

    def _record(self, on_existing: str, row: dict[str, Any]) -> Answer:
        self.check("inbox item", row.get("inbox_item_id"))
        given = {name: row.get(name) for name in (*GIVEN, "source", "source_ref", "source_metadata")}
        found = next((each for each in self.everything() if same(each, given)), None)
        if found is None:
            columns = {**EMPTY, **given, "created_at": self.now, "updated_at": self.now}
            columns["occurred_at"] = columns["occurred_at"] or self.now
            self.unnamed.append(Modelled(columns, recorded=dict(columns)))
            return "created", []
        names = [name for name in GIVEN if given[name] is not None and given[name] != found.columns[name]]
        document = given["source_metadata"]
        overwriting = on_existing == "update" and document != found.source_metadata
        if document is not None and (found.source_metadata is None or overwriting):
            names.append("source_metadata")
        if not names:
            return "unchanged", []
        if on_existing == "keep" and any(found.columns[name] is not None for name in names):
            return "conflict", sorted(names)
        _, before = self.amended.setdefault(id(found), (found, {}))
        for each in names:
            before.setdefault(each, found.columns[each])
            found.columns[each] = given[each]
        return "updated", sorted(names)

    def _amend(self, by: Any = None) -> None:
        """Tell what some rows together have changed in each signal."""
        changed = [(signal, before, _unlike(signal.columns, before)) for signal, before in self.amended.values()]
        self.amended.clear()
        at = max([self.now, *(signal.updated_at + TICK for signal, _, after in changed if after)])
        for signal, before, after in changed:
            signal.columns.update(before)
            if after:
                self.rewrite(signal, at, by, after)

    def record_many(self, rows: list[dict[str, Any]], on_existing: str = "keep", batch_size: int = 5000) -> Answer:
        counts = Counter({"created": 0, "unchanged": 0, "updated": 0, "conflict": 0, "rejected": 0})
        for number, row in enumerate(rows, 1):
            try:
                counts[self._record(on_existing, row)[0]] += 1
            except Refusal:
                counts["rejected"] += 1
            if number % batch_size == 0:
                self._amend()
        self._amend()
        return tuple(counts.values())

    # Lifecycle

    def rewrite(self, signal: Modelled, at: datetime, by: Any, changes: dict[str, Any]) -> None:
        before = {name: signal.columns[name] for name in changes}
        signal.change(at, **changes)
        told = [{name: text_of(value) for name, value in side.items()} for side in (before, changes)]
        signal.tell("updated", at, by, *told)
        if "verbatim" in changes:
            signal.columns.update(embedding=None, embedding_model=None, embedding_hash=None)

    def update(self, id: str, by: Any = None, **given: Any) -> str:
        self.check("user", by)
        self.check("inbox item", given.get("inbox_item_id"))
        (signal,), at = self.hold([id])
        changes = {name: value for name, value in given.items() if value != signal.columns[name]}
        identity = {**signal.columns, **changes}
        if any(each is not signal and same(each, identity) for each in self.everything()):
            raise Refusal("InvalidSignal", "source_ref" if "source_ref" in given else "source")
        if changes:
            self.rewrite(signal, at, by, changes)
        return id

    def set_status(self, ids: list[str], status: str, by: Any = None) -> int:
        return self._move("status_set", ids, by, lambda each: status)

    def archive(self, ids: list[str], by: Any = None) -> int:
        return self._move("archived", ids, by, lambda each: "archived")

    def restore(self, ids: list[str], by: Any = None) -> int:
        def restored(each: Modelled) -> str:
            linked = "linked" if each.links["projects"] else "reviewed"
            return linked if each.status == "archived" else str(each.status)

        return self._move("restored", ids, by, restored)

    def _move(self, kind: str, ids: list[str], by: Any, status: Any) -> int:
        self.check("user", by)
        held, at = self.hold(ids)
        changed = [each for each in held if status(each) != each.status]
        for each in changed:
            before, after = {"status": each.status}, {"status": status(each)}
            each.change(at, **after)
            each.tell(kind, at, by, before, after)
        return len(changed)

    # Work for an extractor

    def claim_unprocessed(self, n: int, lease: float | timedelta) -> list[str]:
        free = [
            each
            for each in self.matching(SignalFilter())
            if each.processed_at is None and (each.claimed_until is None or each.claimed_until <= self.now)
        ]
        claimed = sorted(free, key=lambda each: (each.created_at, each.id))[:n]
        for each in claimed:
            each.columns["claimed_until"] = self.now + duration(lease)
        return [each.id for each in claimed]

    def mark_processed(self, ids: list[str], by: Any = None) -> int:
        self.check("user", by)
        held, at = self.hold(ids)
        done = [each for each in held if each.processed_at is None]
        for each in done:
            each.change(at, processed_at=at, claimed_until=None)
            each.tell("processed", at, by, {"processed_at": None}, {"processed_at": text_of(at)})
        return len(done)

    def embed(self, columns: dict[str, str]) -> None:
        for each in self.signals.values():
            each.columns.update(columns)

    # Links

    def link(self, kind: str, ids: list[str], target: str, by: Any = None, **facts: Any) -> Answer:
        self.check("user", by)
        if kind == "projects":
            self.check("project", target)
        held, at = self.hold(ids)
        new = [each for each in held if target not in each.links[kind]]
        for each in new:
            first = kind == "projects" and not each.links[kind] and each.status in UNLINKED
            moved = {"status": each.status} if first else {}
            link = {**facts, "linked_at": at, "linked_by": by}
            each.links[kind][target] = link
            each.change(at, **({"status": "linked"} if first else {}))
            word, event, _ = EVENTS[kind]
            each.tell(event, at, by, moved, {word: target, **_told(link), **({"status": "linked"} if first else {})})
        return len(new), len(held) - len(new)

    def unlink(self, kind: str, ids: list[str], target: str, by: Any = None) -> Answer:
        self.check("user", by)
        if kind == "projects":
            self.check("project", target)
        held, at = self.hold(ids)
        linked = [each for each in held if target in each.links[kind]]
        for each in linked:
            link = each.links[kind].pop(target)
            last = kind == "projects" and not each.links[kind] and each.status == "linked"
            moved = {"status": "linked"} if last else {}
            each.change(at, **({"status": "reviewed"} if last else {}))
            word, _, event = EVENTS[kind]
            after = {"status": "reviewed"} if last else {}
            each.tell(event, at, by, {word: target, **_told(link), **moved}, after)
        return len(linked), len(held) - len(linked)

    # The inbox

    def from_inbox(self, item: str, rows: list[dict[str, Any]] | None, by: Any = None) -> Any:
        self.check("user", by)
        if item not in self.items:
            raise Refusal("NotFound", "inbox item")
        columns = self.items[item]
        if columns["processed_at"] is not None:
            known = sorted(each.id for each in self.signals.values() if each.inbox_item_id == item)
            return [("unchanged", []) for _ in known]
        for row in rows or ():
            if row.get("inbox_item_id") is not None:
                raise Refusal("RejectedRow", "inbox_item_id")
        itself = {
            "verbatim": columns["raw_content"],
            "occurred_at": columns["created_at"],
            "source_ref": columns["source_ref"],
            "source_metadata": columns["metadata"],
        }
        filled = {"source": columns["source"]}
        given = [itself] if rows is None else rows
        made = [self._record("keep", {**filled, **row, "inbox_item_id": item}) for row in given]
        self._amend(by)
        columns.update(status="assigned", processed_at=self.now, updated_at=self.now)
        return made


def _told(link: dict[str, Any]) -> dict[str, Any]:
    return {name: text_of(value) for name, value in link.items() if name != "linked_by" or value is not None}


def _unlike(columns: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    return {name: columns[name] for name, old in before.items() if columns[name] != old}
