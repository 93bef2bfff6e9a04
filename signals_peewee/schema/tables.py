"""What is stored? Every table, declared once for all stores."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from peewee import Check, TextField

from .binding import Declared, Index, role
from .documents import AIClassification, EventDocument, SourceMetadata
from .fields import ConfidenceField, DocumentField, IdField, TimeField, VocabularyField, WordsField
from .rows import SignalRow
from .texts import NAME_LENGTH, SOURCE_REF_LENGTH
from .vocabularies import EventKind, Frequency, InboxStatus, InboxType, ProjectStatus, Severity, Source, Status

CASCADE, SET_NULL = "CASCADE", "SET NULL"


class Row(Declared):
    """What every table has."""

    id = IdField(primary_key=True)


class Workspace(Row):
    """A tenant: signals of one workspace are never seen from another."""

    name = WordsField[str](max_length=NAME_LENGTH)
    created_at = TimeField[datetime](now=True)
    updated_at = TimeField[datetime](now=True)

    class Meta:
        table_name = "workspaces"


class User(Row):
    """Somebody who links signals. The email is unique, whatever its case."""

    email = WordsField[str](max_length=NAME_LENGTH)
    name = WordsField[str | None](null=True, max_length=NAME_LENGTH)
    created_at = TimeField[datetime](now=True)
    updated_at = TimeField[datetime](now=True)

    class Meta:
        table_name = "users"

    indexes = (Index("users_email_key", "lower(email)", unique=True),)


class Project(Row):
    """What signals inform."""

    workspace = role("workspaces", on_delete=CASCADE)
    name = WordsField[str](max_length=NAME_LENGTH)
    description = WordsField[str | None](null=True)
    status = VocabularyField[ProjectStatus]("project_status", default="active")
    created_at = TimeField[datetime](now=True)
    updated_at = TimeField[datetime](now=True)

    if TYPE_CHECKING:
        workspace_id = TextField()

    class Meta:
        table_name = "projects"

    indexes = (Index("projects_workspace_idx", "workspace_id"),)


class InboxItem(Row):
    """The queue in front of signals: what has come in and is not yet taken apart."""

    workspace = role("workspaces", on_delete=CASCADE)
    type = VocabularyField[InboxType]("inbox_type")
    source = VocabularyField[Source]("source")
    source_ref = WordsField[str | None](null=True, max_length=SOURCE_REF_LENGTH)
    title = WordsField[str]()
    raw_content = WordsField[str]()
    processed_content = WordsField[str | None](null=True)
    status = VocabularyField[InboxStatus]("inbox_status", default="pending")
    assigned_project = role("projects", on_delete=SET_NULL, null=True)
    metadata = DocumentField[dict[str, Any] | None](null=True)
    created_at = TimeField[datetime](now=True)
    processed_at = TimeField[datetime | None](null=True)
    updated_at = TimeField[datetime](now=True)

    if TYPE_CHECKING:
        workspace_id = TextField()
        assigned_project_id = TextField(null=True)

    class Meta:
        table_name = "inbox_items"

    indexes = (
        Index("inbox_items_workspace_status_idx", "workspace_id, status, created_at DESC, id DESC"),
        Index("inbox_items_assigned_project_idx", "assigned_project_id"),
    )


class Signal(Row):
    """One piece of evidence: a person's own words, and where they came from."""

    workspace = role("workspaces", on_delete=CASCADE)
    verbatim = WordsField[str](constraints=[Check("verbatim <> ''", "signals_verbatim_check")])
    interpretation = WordsField[str | None](null=True)
    severity = VocabularyField[Severity | None]("severity", null=True)
    frequency = VocabularyField[Frequency | None]("frequency", null=True)
    user_segment = WordsField[str | None](null=True)
    source = VocabularyField[Source]("source")
    source_ref = WordsField[str | None](null=True, max_length=SOURCE_REF_LENGTH)
    source_metadata = DocumentField[SourceMetadata | None](null=True)
    status = VocabularyField[Status]("status", default="new")
    embedding = WordsField[str | None](null=True)
    embedding_model = WordsField[str | None](null=True)
    embedding_hash = WordsField[str | None](null=True)
    ai_classification = DocumentField[AIClassification | None](null=True)
    inbox_item = role("inbox_items", on_delete=SET_NULL, null=True)
    merged_into = role("signals", on_delete=SET_NULL, null=True)
    occurred_at = TimeField[datetime](now=True)
    created_at = TimeField[datetime](now=True)
    updated_at = TimeField[datetime](now=True)
    claimed_until = TimeField[datetime | None](null=True)
    processed_at = TimeField[datetime | None](null=True)

    if TYPE_CHECKING:
        workspace_id = TextField()
        inbox_item_id = TextField(null=True)
        merged_into_id = TextField(null=True)
        project_links: list[SignalProject]
        persona_links: list[SignalPersona]
        tag_links: list[SignalTag]

    class Meta:
        table_name = "signals"

    indexes = (
        Index("signals_workspace_status_idx", "workspace_id, status, created_at DESC, id DESC"),
        Index("signals_workspace_source_idx", "workspace_id, source, created_at DESC, id DESC"),
        Index("signals_workspace_created_idx", "workspace_id, created_at DESC, id DESC"),
        Index(
            "signals_workspace_severity_idx",
            "workspace_id, severity, created_at DESC, id DESC",
            where="severity IS NOT NULL",
        ),
        Index(
            "signals_source_ref_key", "workspace_id, source, source_ref", unique=True, where="source_ref IS NOT NULL"
        ),
        Index("signals_workspace_unprocessed_idx", "workspace_id, created_at, id", where="processed_at IS NULL"),
        Index("signals_inbox_item_idx", "inbox_item_id"),
        Index("signals_merged_into_idx", "merged_into_id"),
    )

    def as_row(self) -> SignalRow:
        """Return the columns as a plain dict, which pickles and prints.

        What was not read is not in it: the embedding is None, and `source_metadata` may lack its rawPayload.
        """
        return cast(
            "SignalRow", {field.column_name: self.__data__.get(field.name) for field in self._meta.sorted_fields}
        )


class SignalProject(Row):
    """A signal informs a project: since when, on whose word, why, and how sure."""

    signal = role("signals", on_delete=CASCADE, backref="project_links")
    project = role("projects", on_delete=CASCADE)
    linked_at = TimeField[datetime](now=True)
    linked_by = role("users", on_delete=SET_NULL, null=True, column_name="linked_by")
    link_reason = WordsField[str | None](null=True)
    confidence = ConfidenceField[float | None](
        null=True, constraints=[Check("confidence >= 0 AND confidence <= 1", "signal_projects_confidence_check")]
    )

    if TYPE_CHECKING:
        signal_id = TextField()
        project_id = TextField()
        linked_by_id = TextField(null=True)

    class Meta:
        table_name = "signal_projects"

    indexes = (
        Index("signal_projects_signal_project_key", "signal_id, project_id", unique=True),
        Index("signal_projects_project_idx", "project_id, linked_at DESC, id DESC"),
        Index("signal_projects_linked_by_idx", "linked_by"),
    )


class SignalPersona(Row):
    """A signal tells of a persona, which is a name and not a key."""

    signal = role("signals", on_delete=CASCADE, backref="persona_links")
    persona_id = WordsField[str](max_length=NAME_LENGTH)
    linked_at = TimeField[datetime](now=True)
    linked_by = role("users", on_delete=SET_NULL, null=True, column_name="linked_by")

    if TYPE_CHECKING:
        signal_id = TextField()
        linked_by_id = TextField(null=True)

    class Meta:
        table_name = "signal_personas"

    indexes = (
        Index("signal_personas_signal_persona_key", "signal_id, persona_id", unique=True),
        Index("signal_personas_persona_idx", "persona_id, linked_at DESC, id DESC"),
        Index("signal_personas_linked_by_idx", "linked_by"),
    )


class SignalTag(Row):
    """A signal carries a tag: a word that somebody puts on it."""

    signal = role("signals", on_delete=CASCADE, backref="tag_links")
    tag = WordsField[str](max_length=NAME_LENGTH)
    linked_at = TimeField[datetime](now=True)
    linked_by = role("users", on_delete=SET_NULL, null=True, column_name="linked_by")

    if TYPE_CHECKING:
        signal_id = TextField()
        linked_by_id = TextField(null=True)

    class Meta:
        table_name = "signal_tags"

    indexes = (
        Index("signal_tags_signal_tag_key", "signal_id, tag", unique=True),
        Index("signal_tags_tag_idx", "tag, linked_at DESC, id DESC"),
        Index("signal_tags_linked_by_idx", "linked_by"),
    )


class SignalEvent(Row):
    """Something that happened to a signal: what, when, on whose word, and what it changed. Rows are only ever added."""

    signal = role("signals", on_delete=CASCADE, backref="events")
    kind = VocabularyField[EventKind]("event_kind")
    created_at = TimeField[datetime](now=True)
    created_by = role("users", on_delete=SET_NULL, null=True, column_name="created_by")
    before = DocumentField[EventDocument | None](null=True)
    after = DocumentField[EventDocument | None](null=True)

    if TYPE_CHECKING:
        signal_id = TextField()
        created_by_id = TextField(null=True)

    class Meta:
        table_name = "signal_events"

    indexes = (
        Index("signal_events_signal_idx", "signal_id, created_at, id"),
        Index("signal_events_created_by_idx", "created_by"),
    )
