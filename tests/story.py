"""A story: one deployment on a hand clock, told as what was given, what the night decided and what went out."""

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from engine.config import Config
from engine.decision.standing import Pause
from engine.ledger import decisions as ledger_decisions
from engine.ledger import records as ledger_records
from engine.ledger import touches as ledger_touches
from engine.ledger.open import open_ledger
from engine.ledger.records import LoadRow
from engine.pipeline import ops
from engine.pipeline.dispatch import dispatch
from engine.pipeline.evaluate import judge_one
from engine.pipeline.folds import Recent
from engine.pipeline.nightly import Night, nightly
from engine.pipeline.realtime import Reaction, on_event
from engine.pipeline.sweep import sweep
from engine.pipeline.system import System
from engine.pipeline.worker import Worker
from engine.records.record import Record
from engine.records.values import normalise
from engine.rulebook.python import Known
from engine.testing import HandClock
from engine.touches.touch import Touch
from engine.workspace.model import Workspace
from tests.builders import AZURE, at, flat

ROOT = Path(__file__).parents[1]
SPACE = Path(__file__).parent / "space"  # the small workspace of the stories; the example at the top may grow as its team likes
SWEEPS = 50  # a story that is not at rest after so many never will be


@cache
def empty_ledger() -> bytes:
    """A ledger in which nothing happened yet: every story begins with a copy of it, so that its tables are made once."""
    with TemporaryDirectory() as folder:
        open_ledger(f"sqlite:///{folder}/ledger.db").close()
        return Path(folder, "ledger.db").read_bytes()


def quiet(_what: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


def _read(workspace: Workspace, kinds: Mapping[str, str], record: Record) -> Record:
    """The record with its value as the workspace declares it."""
    if record.field is None:
        return record
    value, number = normalise(kinds.get(record.field, "text"), record.value or "", workspace.zone.day(record.occurred_at))
    return replace(record, value=value, number=number)


class Story:
    """Every source counts as heard at the instant of an act, but those named in `stale`."""

    def __init__(self, folder: Path, *, workspace: Path = SPACE, smtp_url: str | None = None, ledger_url: str | None = None) -> None:
        self.folder = folder
        self.clock = HandClock(at("2026-03-01 00:00"))
        delivery: Literal["production", "dry-run"] = "production" if smtp_url else "dry-run"
        self.config = Config(
            workspace=workspace, state=folder / "state", smtp_url=smtp_url, delivery=delivery, ledger_url=ledger_url, broker_url=None
        )
        if ledger_url is None and not self.config.state_folder.exists():
            self.config.state_folder.mkdir(parents=True)
            (self.config.state_folder / "ledger.db").write_bytes(empty_ledger())
        self.system = System(self.config, self.clock, look_seconds=0.0)
        self.recent = Recent()
        self._worker_number = 0

    def close(self) -> None:
        self.system.close()

    # --- what is given ------------------------------------------------------------------------------------------------

    def given(self, *records: Record | Sequence[Record]) -> None:
        """Accept records through the tail, known when each says it is; values read as the workspace declares."""
        workspace = self.system.workspace
        read = partial(_read, workspace, workspace.field_kinds())
        with self.system.ledger.write() as connection:
            ledger_records.append_tail(connection, map(read, flat(records)), self.clock.now())

    def heard(self, when: str, *, stale: Sequence[str] = ()) -> None:
        """Every source but the stale ones was asked just now and had nothing new."""
        instant = at(when)
        with self.system.ledger.write() as connection:
            for source in self.system.workspace.settings.sources:
                if source not in stale:
                    ledger_records.add_load(connection, LoadRow(source, instant, instant, 0, 0, 0, 0, 0.0))

    def change_rules(self, file: str, old: str, new: str) -> None:
        """A designer edits a file; the deployment sees it as after a restart."""
        if self.config.workspace == SPACE:
            for folder in ("rules", "templates"):
                shutil.copytree(SPACE / folder, self.folder / "workspace" / folder)
            self.config = self.config.model_copy(update={"workspace": self.folder / "workspace"})
        path = self.config.workspace / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{file}: {text.count(old)} times {old!r}"
        path.write_text(text.replace(old, new), encoding="utf-8")
        self.restart()

    def go_public(self, secret: bytes) -> None:
        """The deployment has a public address and knows its links by a secret."""
        (self.folder / "secret").write_bytes(secret)
        self.config = self.config.model_copy(update={"public_url": "https://u.example.jp/", "secret_file": self.folder / "secret"})
        self.restart()

    def restart(self) -> None:
        self.system.close()
        self.system, self.recent = System(self.config, self.clock, look_seconds=0.0), Recent()

    # --- what is done -------------------------------------------------------------------------------------------------

    def nightly(self, when: str, *, stale: Sequence[str] = ()) -> Night:
        self.clock.set(at(when))
        self.heard(when, stale=stale)
        return nightly(self.system, self.clock.now(), quiet)

    def dispatch(self, when: str, *, stale: Sequence[str] = ()) -> Counter[str]:
        """A new worker sweeps and sends until nothing is due; returns how many touches ended in which state."""
        self.clock.set(at(when))
        self.heard(when, stale=stale)
        return self.sweep_and_send()

    def happens(self, record: Record) -> Reaction:
        """A record comes in at its own instant and is answered at once."""
        self.clock.set(max(record.occurred_at, self.clock.now()))
        workspace = self.system.workspace
        return on_event(self.system, _read(workspace, workspace.field_kinds(), record), self.recent)

    def sweep_and_send(self) -> Counter[str]:
        worker, counts = self.worker(), Counter[str]()
        try:
            for _ in range(SWEEPS):
                if not sweep(self.system, lambda _channel, ids: counts.update(dispatch(worker, ids))).rung:
                    return counts
        finally:
            worker.close()
        raise AssertionError(f"still something due after {SWEEPS} sweeps: {counts}")

    def worker(self) -> Worker:
        self._worker_number += 1
        return Worker(self.system, f"worker-{self._worker_number}")

    def pause(self, scope: str, name: str = "", *, since: str, until: str = "2026-05-01 00:00") -> None:
        self.clock.set(at(since))
        ops.pause(self.system, Pause(scope, name, "story", at(until)), "ops")

    def resume(self, scope: str, name: str = "", *, when: str) -> None:
        self.clock.set(at(when))
        ops.resume(self.system, scope, name)

    def suppress(self, address: str, kind: str, *, when: str) -> None:
        self.clock.set(at(when))
        ops.suppress(self.system, address, kind, "story")

    # --- what came of it ----------------------------------------------------------------------------------------------

    def touches(self, account: str | None = None) -> list[Touch]:
        """All touches in order of time, or those of one account."""
        with self.system.ledger.read() as connection:
            accounts = [account] if account else sorted(self.accounts())
            return ledger_touches.touches_of(connection, accounts)

    def touch(self, account: str = AZURE) -> Touch:
        """The one touch of an account."""
        found = self.touches(account)
        assert len(found) == 1, found
        return found[0]

    def states(self, account: str = AZURE) -> list[tuple[str, str, str | None]]:
        """(rule, state, reason) of each touch of an account."""
        return [(each.rule, each.state.value, each.reason) for each in self.touches(account)]

    def decisions(self, account: str = AZURE, slot: str | None = None) -> dict[str, tuple[str, str | None, str | None]]:
        """Rule → (outcome, reason, detail) of an account's newest night, or of the night of a date."""
        with self.system.ledger.read() as connection:
            rows = ledger_decisions.decisions_of(connection, account)
        wanted = f"nightly/{slot}" if slot else rows[0]["slot"] if rows else ""
        return {row["rule"]: (row["outcome"], row["reason"], row["detail"]) for row in rows if row["slot"] == wanted}

    def all_decisions(self) -> list[tuple[object, ...]]:
        """Every stored decision of every account, in order."""
        names = ("slot", "account_id", "rule", "lane", "decided_at", "outcome", "reason", "detail", "trace", "rule_set", "touch_id")
        with self.system.ledger.read() as connection:
            rows = [row for account in sorted(self.accounts()) for row in ledger_decisions.decisions_of(connection, account)]
        return sorted(tuple(row[name] for name in names) for row in rows)

    def facts(self, when: str, account: str = AZURE) -> dict[str, Known]:
        """Everything the account's columns say at an instant."""
        return dict(judge_one(self.system, account, at(when))[0].answer.columns)

    def accounts(self) -> set[str]:
        with self.system.records() as records:
            return {account for (account,) in records.duck.execute("SELECT DISTINCT account_id FROM records").fetchall()}
