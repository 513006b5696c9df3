"""A deployment opened for work: its settings, clock, ledger, lake and workspace."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import duckdb
import pyarrow as pa

from engine.channels import CHANNELS
from engine.clock import Clock, monotonic_seconds
from engine.config import Config
from engine.errors import BansoError, Fault
from engine.help.search import Index
from engine.help.shelves import articles_of
from engine.ledger import instants
from engine.ledger import records as ledger_records
from engine.ledger.counterfoils import Counterfoils
from engine.ledger.decisions import rule_set_texts
from engine.ledger.open import Ledger, open_ledger
from engine.pipeline.derived import derived_hash
from engine.records.derive import derive_again
from engine.records.lake import Attached, DuckSettings, Part, attach, connect, damage, read_part, tail_table
from engine.rulebook.python import Evaluator, compile_python
from engine.workspace.content import content_hash, signature
from engine.workspace.load import load_workspace
from engine.workspace.model import Workspace

READ_SECONDS = 30.0  # after which files are read whatever their times say: two saves within a tick of the file system's clock look alike


@dataclass
class System:
    """What every use case works with. A workspace that broke since it was loaded does not replace the last good one."""

    config: Config
    clock: Clock
    faults: tuple[Fault, ...] = ()
    look_seconds: float = 1.0  # how often the workspace's files are looked at for changes
    _workspace: Workspace | None = None
    _seen_hash: str = ""
    _signature: int = 0
    _changed_at: float | None = None  # since when files that were not read yet are as they are
    _looked_at: float = 0.0
    _read_at: float = 0.0
    _evaluators: dict[str, Evaluator] = field(default_factory=dict)
    _indexes: dict[str, Index] = field(default_factory=dict)
    _papers: dict[str, bytes] = field(default_factory=dict)

    @cached_property
    def ledger(self) -> Ledger:
        return open_ledger(self.config.ledger)

    @cached_property
    def counterfoils(self) -> Counterfoils:
        return Counterfoils(self.config.state_folder / "counterfoils")

    @property
    def lake(self) -> Path:
        return self.config.state_folder / "lake"

    @property
    def scratch(self) -> Path:
        return self.config.state_folder / "tmp"

    @property
    def workspace(self) -> Workspace:
        """The newest good workspace. Raises BansoError only if there never was one."""
        if self._workspace is None or monotonic_seconds() - self._looked_at > self.look_seconds:
            self._look()
        assert self._workspace is not None
        return self._workspace

    def _look(self) -> None:
        """Load the files again when they changed and were found the same once more: whoever saves them may be in the middle of it."""
        root, now, seen = self.config.workspace, monotonic_seconds(), signature(self.config.workspace)
        if self._workspace is None:
            self._reload(root, _digest(root))
            self._read_at = now
        elif seen != self._signature:
            self._changed_at = now
        settled = self._changed_at is None or now - self._changed_at >= self.look_seconds
        if settled and (self._changed_at is not None or now - self._read_at > READ_SECONDS):
            digest = _digest(root)
            if digest is not None and digest != self._seen_hash:
                self._reload(root, digest)
            self._changed_at, self._read_at = now if digest is None else None, now
        self._signature, self._looked_at = seen, now

    def _reload(self, root: Path, digest: str | None) -> None:
        try:
            found = load_workspace(root, frozenset(CHANNELS))
        except (BansoError, OSError) as error:
            if self._workspace is None:
                raise
            if isinstance(error, BansoError):
                self.faults, self._seen_hash = error.faults, digest or ""
            return
        if self._workspace is None or found.hash == digest:  # else the files changed again while they were read
            self._workspace, self.faults, self._seen_hash = found, (), found.hash

    def evaluator(self, workspace: Workspace) -> Evaluator:
        """The per-account function of a workspace, compiled once."""
        found = self._evaluators.get(workspace.hash)
        if found is None:
            found = compile_python(workspace.plan, workspace.zone, workspace.business)
            self._evaluators = {workspace.hash: found}  # another thread may be at work by other rules: it keeps its own
        return found

    def index(self, workspace: Workspace) -> Index:
        """The search over the articles of a workspace, made once."""
        found = self._indexes.get(workspace.hash)
        if found is None:
            found = Index(articles_of(workspace))
            self._indexes = {workspace.hash: found}
        return found

    def paper(self, workspace: Workspace, make: Callable[[], bytes]) -> bytes:
        """The guide for everybody as a PDF, made once for a workspace: anybody may ask for it, and typesetting takes a second."""
        found = self._papers.get(workspace.hash)
        if found is None:
            found = make()
            self._papers = {workspace.hash: found}
        return found

    def rule_set(self, digest: str) -> Workspace:
        """The workspace of that hash as a past decision knew it; today's where it was not kept or cannot be read any more."""
        if digest == self.workspace.hash:
            return self.workspace
        with self.ledger.read() as connection:
            texts = rule_set_texts(connection, digest)
        folder = self.scratch / "rule_sets" / digest
        for name, text in texts.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        try:
            return load_workspace(folder, frozenset(CHANNELS)) if texts else self.workspace
        except BansoError:
            return self.workspace

    @contextmanager
    def duckdb(self) -> Iterator[duckdb.DuckDBPyConnection]:
        settings = DuckSettings(self.config.duckdb_threads, self.config.duckdb_memory, self.scratch)
        connection = connect(settings)
        try:
            yield connection
        finally:
            connection.close()

    @contextmanager
    def records(
        self, buckets: list[str] | None = None, accounts: list[str] | None = None, *, exact: bool = False, declared: Workspace | None = None
    ) -> Iterator["Records"]:
        """DuckDB with the view `records` over one snapshot of lake and tail, read as `declared` (default: the newest workspace) says.

        With `exact` the snapshot's arrival says exactly which records it holds, because nobody could accept while it was taken.
        """
        workspace = declared or self.workspace
        with self.ledger.write() if exact else self.ledger.read() as connection:
            if exact:
                instants.shut_out_acceptors(connection)
            found = ledger_records.snapshot(connection, buckets, accounts)
        derived = derived_hash(workspace)
        with self.duckdb() as duck:
            tail = _read_as(workspace, duck, tail_table(found.tail))
            older = [part for part in found.parts if part.derived != derived]
            try:
                table = _older(self.lake, workspace, duck, older, accounts) if older else None
                attached = attach(duck, self.lake, [part for part in found.parts if part.derived == derived], tail, table)
            except duckdb.Error as error:
                raise damage(duck, self.lake, found.parts) or error from error
            yield Records(duck, found, tail, attached)

    def close(self) -> None:
        if "ledger" in self.__dict__:
            self.ledger.close()


def _digest(root: Path) -> str | None:
    """The hash of a workspace's files; None if one of them went away between being listed and being read."""
    try:
        return content_hash(root) if (root / "rules").is_dir() else ""
    except OSError:
        return None


def _read_as(workspace: Workspace, duck: duckdb.DuckDBPyConnection, tail: pa.Table) -> pa.Table:
    """Tail rows do not say under which declarations they came, and they are few: what they mean is read again."""
    if not tail.num_rows:
        return tail
    duck.register("arrived", tail)
    duck.execute("CREATE TEMP TABLE read_again AS FROM arrived")
    duck.unregister("arrived")
    derive_again(duck, "read_again", workspace.field_kinds(), workspace.item_keys, workspace.zone)
    return duck.sql("FROM read_again").to_arrow_table()


def _older(lake: Path, workspace: Workspace, duck: duckdb.DuckDBPyConnection, parts: list[Part], accounts: list[str] | None) -> str:
    """A table of the rows of parts whose fields and items were declared otherwise when they were written; `compact` writes them anew."""
    for index, part in enumerate(parts):
        read_part(duck, lake, part, accounts, "older_part")
        derive_again(duck, "older_part", workspace.field_kinds(), workspace.item_keys, workspace.zone)
        duck.execute("CREATE OR REPLACE TEMP TABLE older AS FROM older_part" if index == 0 else "INSERT INTO older FROM older_part")
    return "older"


@dataclass(frozen=True)
class Records:
    """An attached snapshot."""

    duck: duckdb.DuckDBPyConnection
    snapshot: ledger_records.Snapshot
    tail: object
    attached: Attached
