"""Slots and decisions: what was decided, in which run, and why."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, func, select, update

from engine.ledger.among import among
from engine.ledger.instants import fix_instant, hold_advisory
from engine.ledger.rows import insert, insert_new, stream_rows
from engine.ledger.tables import decisions, rule_sets, slots

_DECIDED = select(decisions.c.account_id).where(decisions.c.slot == bindparam("slot"), among(decisions.c.account_id, "accounts"))
DECIDE_LOCK = 0x62616E75  # the advisory lock of deciders on PostgreSQL; on SQLite the write lock does


@dataclass(frozen=True)
class Slot:
    """One run of a job for one local date. A rerun keeps the instant and arrival of the first."""

    job: str
    slot: str
    instant: int
    arrival: int
    rule_set: str
    finished_at: int | None
    summary: Mapping[str, Any] | None

    @property
    def key(self) -> str:
        return f"{self.job}/{self.slot}"


def open_slot(connection: Connection, job: str, slot: str, instant: int, rule_set: str, now: int) -> Slot:
    """Begin a slot, or find it begun: its instant is fixed once."""
    found = find_slot(connection, job, slot)
    if found is not None:
        return found
    arrival = fix_instant(connection, instant)
    values = {"job": job, "slot": slot, "instant": instant, "arrival": arrival, "rule_set": rule_set, "started_at": now}
    connection.execute(insert(connection, slots).values(**values).on_conflict_do_nothing())
    begun = find_slot(connection, job, slot)
    assert begun is not None
    return begun


def find_slot(connection: Connection, job: str, slot: str) -> Slot | None:
    row = connection.execute(select(slots).where(slots.c.job == job, slots.c.slot == slot)).mappings().first()
    return _slot(row) if row is not None else None


def last_slots(connection: Connection, job: str, limit: int = 30) -> list[Slot]:
    rows = connection.execute(select(slots).where(slots.c.job == job).order_by(slots.c.slot.desc()).limit(limit)).mappings()
    return [_slot(row) for row in rows]


def _slot(row: RowMapping) -> Slot:
    names = ("job", "slot", "instant", "arrival", "rule_set", "finished_at")
    return Slot(**{name: row[name] for name in names}, summary=json.loads(row["summary"]) if row["summary"] else None)


def finish_slot(connection: Connection, slot: Slot, now: int, summary: Mapping[str, Any]) -> None:
    here = (slots.c.job == slot.job, slots.c.slot == slot.slot)
    connection.execute(update(slots).where(*here).values(finished_at=now, summary=json.dumps(summary, ensure_ascii=False)))


def keep_rule_set(connection: Connection, digest: str, files: Mapping[str, str], now: int) -> None:
    """Keep a rule set by its hash, so that a past decision can be read with the rules it was made by."""
    statement = insert(connection, rule_sets).values(hash=digest, files=json.dumps(files, ensure_ascii=False), first_used_at=now)
    connection.execute(statement.on_conflict_do_nothing(index_elements=["hash"]))


def rule_set_texts(connection: Connection, digest: str) -> dict[str, str]:
    """The files of a rule set by their paths; empty if it never was in use."""
    found = connection.scalar(select(rule_sets.c.files).where(rule_sets.c.hash == digest))
    return dict(json.loads(found)) if found else {}


def add_decisions(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Decisions of a batch; one that is already there (slot, account, rule) stays as it was."""
    insert_new(connection, decisions, rows)


def add_first_decisions(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Decisions on accounts that `decided_accounts` has not named in this transaction, since `one_decider`."""
    stream_rows(connection, decisions, rows)


def one_decider(connection: Connection) -> None:
    """Until this transaction ends nobody else decides: what gates read must not change between their questions."""
    hold_advisory(connection, DECIDE_LOCK, shared=False)


def decided_accounts(connection: Connection, slot: str, accounts: Iterable[str]) -> set[str]:
    """Which of these accounts the slot has already judged."""
    return set(connection.scalars(_DECIDED, {"slot": slot, "accounts": list(accounts)}))


def decided_in(connection: Connection, slot: str) -> set[str]:
    """Every account that the slot has judged."""
    return set(connection.scalars(select(decisions.c.account_id).where(decisions.c.slot == slot).distinct()))


def count_outcomes(connection: Connection, slot: str) -> list[tuple[str, str, int]]:
    """(rule, reason or outcome, accounts) of everything a slot decided, however many attempts it took."""
    word = func.coalesce(decisions.c.reason, decisions.c.outcome)
    counted = select(decisions.c.rule, word, func.count()).where(decisions.c.slot == slot).group_by(decisions.c.rule, word)
    return [(rule, said, number) for rule, said, number in connection.execute(counted.order_by(decisions.c.rule, word))]


def decisions_of(connection: Connection, account_id: str, slot: str | None = None) -> list[RowMapping]:
    """An account's stored decisions, newest first."""
    wanted = select(decisions).where(decisions.c.account_id == account_id).order_by(decisions.c.decided_at.desc())
    if slot is not None:
        wanted = wanted.where(decisions.c.slot == slot)
    return list(connection.execute(wanted).mappings())
