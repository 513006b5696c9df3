"""What goes into the reading of a source and what comes out: the request, and the account of what was read, left out and refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from engine.calendar import Zone

LONGEST = 10_000  # characters of one text of a row; longer ones are dumps that landed in the wrong column


class Reason(StrEnum):
    """Why a row is kept aside. The words go into the quarantine and the metrics as they are."""

    STRUCTURE = "structure"
    NO_ACCOUNT = "no_account"
    NO_TIME = "no_time"
    TIME_OUT_OF_RANGE = "time_out_of_range"
    NO_EVENT_OR_FIELD = "no_event_or_field"
    BOTH_EVENT_AND_FIELD = "both_event_and_field"
    BAD_NAME = "bad_name"
    FOREIGN_PREFIX = "foreign_prefix"
    VALUE_TOO_LONG = "value_too_long"
    BAD_PROPERTIES = "bad_properties"
    CONFLICTING_REPEAT = "conflicting_repeat"


@dataclass(frozen=True)
class SourceRequest:
    """One source to be staged.

    `sql_file` is how faults name its file (`rules/sources/sfa.sql`); `prefixes` are those of the events and fields it may deliver;
    `kinds` maps a field to its declared kind, `item_keys` an event to the property that becomes `key`; `dedupe` is `id` or `content`;
    `scratch` is an empty directory of the caller's, who also removes it.
    """

    name: str
    sql: str
    sql_file: str
    prefixes: frozenset[str]
    kinds: Mapping[str, str]
    item_keys: Mapping[str, str]
    zone: Zone
    dedupe: str
    scratch: Path


@dataclass(frozen=True)
class Refusal:
    """A row kept aside: its content as JSON, and where it stands as far as that is known. `detail` is DuckDB's own word on structure."""

    reason: Reason
    content: str
    file: str | None = None
    line: int | None = None
    detail: str | None = None


@dataclass(frozen=True)
class Unfinished:
    """A last line without its end: somebody may still be writing it, so it is left out until the file has changed."""

    file: str
    line: int


@dataclass(frozen=True)
class FileState:
    """A file as it was when it was looked at: `path` relative to the data directory, `modified` in microseconds UTC."""

    path: str
    size: int
    sha256: str
    modified: int


@dataclass(frozen=True)
class Staged:
    """What a reading gave. The table `staged` holds `read` rows less the repeated and the refused, save refusals for structure.

    `files` are all files the source names; with `unchanged` none of them was read, as all were loaded before as they are.
    """

    read: int = 0
    repeated: int = 0
    refusals: tuple[Refusal, ...] = ()
    unfinished: tuple[Unfinished, ...] = ()
    files: tuple[FileState, ...] = ()
    unchanged: bool = False
