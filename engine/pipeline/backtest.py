"""backtest: nights of the past replayed over the log as it was, with imagined touches. Nothing is stored but the way so far.

banso's own touches of that time are left out; the imagined ones count for again, windows, caps, load and days_since, and as neither
answered nor ignored by anything the customers did because of them: nobody knows how they would have reacted. Sources count as fresh.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import duckdb
import pyarrow as pa

from engine.calendar import date_of_day
from engine.channels import CHANNELS, done_event
from engine.decision.arbitrate import Decision, decide
from engine.decision.candidates import Docket, columns_read
from engine.decision.gates import first_finding
from engine.decision.scarce import Stock, trial_place
from engine.decision.standing import Standing
from engine.facts.reads import records_read
from engine.pipeline.grants import grant
from engine.pipeline.load import Progress
from engine.pipeline.matched import Asked, Matched, nightly_rules
from engine.pipeline.people import PEOPLE, People
from engine.pipeline.sleepers import TONIGHT, Sleepers
from engine.pipeline.system import Records, System
from engine.records.lake import SCHEMA, may_tie
from engine.rehearsal.imagined import Imagined
from engine.rehearsal.ledger import Memory
from engine.rehearsal.play import shared
from engine.rehearsal.summary import Backtested, Nights
from engine.rulebook.dialects import sql_text
from engine.rulebook.sql import Bound
from engine.rulebook.statement import Question, statement
from engine.workspace.model import Workspace

COLUMNS = ", ".join(f'"{name}"' for name in SCHEMA.names)


@dataclass(frozen=True)
class Span:
    """The first and the last local day of the nights to replay, and the rules to judge as if they were meant for everyone."""

    first: int
    last: int
    share: tuple[str, ...] = ()

    def days(self) -> range:
        return range(self.first, self.last + 1)


@dataclass
class Replay:
    """A backtest under way."""

    workspace: Workspace
    records: Records
    memory: Memory
    ties: bool
    rules: tuple[str, ...]
    people: People
    sleepers: Sleepers
    nights: Nights = field(default_factory=Nights)
    texts: dict[object, str] = field(default_factory=dict)

    @property
    def duck(self) -> duckdb.DuckDBPyConnection:
        return self.records.duck

    def night(self, day: int) -> list[Imagined]:
        """Decide one night and remember what it would have sent."""
        instant = self.workspace.zone.at_wall(day, self.workspace.nightly_minutes)
        self.write_log(self.memory.sent_by(instant))
        self.people.hear(instant)
        asked = self._ask(instant)
        for refusals, accounts in self.sleepers.tonight(asked.table, instant):
            self.nights.add_refused(day, refusals, accounts)
        made = []
        for standing, decisions in self._decided(asked):
            made += self.memory.take(standing.account_id, decisions, instant)
            self.nights.add(day, standing.account_id, decisions)
            self.sleepers.note(standing, decisions)
        self.sleepers.lie_down(asked.table)
        return made

    def write_log(self, sent: Sequence[Imagined]) -> None:
        """What banso would have written into the log since the last night."""
        if sent:
            rows = pa.Table.from_pylist([self.memory.row(each) for each in sent], schema=SCHEMA)
            self.duck.register("come", rows)
            self.duck.execute(f"INSERT INTO history SELECT {COLUMNS} FROM come")
            self.duck.unregister("come")

    def _ask(self, instant: int) -> Asked:
        columns = tuple(columns_read(self.workspace, self.rules))
        bound = Bound(instant, self.workspace.zone, self.workspace.business, frozenset(), self.ties, is_open=True)
        text = self._text(Question(columns, self.rules), bound)
        wanted = {name: value for name, value in bound.parameters().items() if f"${name}" in text}
        self.duck.execute(f'CREATE OR REPLACE TEMP TABLE "night" AS {text}', wanted)
        return Asked(self.workspace, self.records, instant, self.rules, columns, "night", people=PEOPLE, passed_over=TONIGHT)

    def _text(self, question: Question, bound: Bound) -> str:
        """The statement, made once for all nights of the same seasons and offsets."""
        key = (self.workspace.seasons_at(bound.today), len(self.workspace.zone.changes_between(0, bound.instant)))
        if key not in self.texts:
            self.texts[key] = sql_text(statement(self.workspace.plan, question, bound), "duckdb")
        return self.texts[key]

    def _decided(self, asked: Asked) -> Iterator[tuple[Standing, list[Decision]]]:
        docket = Docket(self.workspace, asked.instant)
        used = self.memory.places(docket.today)
        used |= {trial_place(rule): len(accounts) for rule, accounts in self.memory.reached.items()}
        granted = grant(asked, Stock(self.workspace, used), lambda batch: [self._standing(each, asked.instant) for each in batch])
        for batch in asked.batches():
            for matched in batch:
                candidates = [docket.candidate(rule, matched.account_id, matched.answer.columns) for rule in matched.rules]
                standing = self._standing(matched, asked.instant)
                yield standing, decide(candidates, standing, granted, first_finding)

    def _standing(self, matched: Matched, instant: int) -> Standing:
        touches = self.memory.past(matched.account_id, instant)
        return Standing(matched.account_id, instant, self.workspace, matched.answer, matched.recipient, touches=touches)


def backtest(system: System, span: Span, progress: Progress, rules: Workspace | None = None) -> Backtested:
    """Replay the nights. A run that was cut goes on after the last whole night."""
    workspace = shared(rules or system.workspace, span.share)
    with system.records() as records:
        ties = may_tie(records.snapshot.parts, records.tail)
        acting, people = acting_rules(workspace), People(records.duck)
        prepare(records.duck, workspace)
        replay = Replay(workspace, records, Memory(workspace), ties, acting, people, Sleepers(records.duck, workspace, acting))
        path = _path(system, workspace, records, span)
        done = _resume(replay, path)
        days = span.days()
        with path.open("a", encoding="utf-8") as log:
            for number, day in enumerate(days):
                if day in done:
                    continue
                progress(date_of_day(day).isoformat(), number, len(days))
                made = replay.night(day)
                log.write(json.dumps({"day": day, "touches": [vars(each) for each in made], **replay.nights.of_day(day)}, ensure_ascii=False) + "\n")
                log.flush()
        progress("", len(days), len(days))
        last = workspace.zone.at_wall(span.last, workspace.nightly_minutes)  # whoever came later could not be reached
        accounts = {account for (account,) in records.duck.execute("SELECT account_id FROM known WHERE since <= ?", [last]).fetchall()}
    return replay.nights.summary(workspace, accounts, replay.memory)


def acting_rules(workspace: Workspace) -> tuple[str, ...]:
    """The nightly rules that may reach anybody at their stage."""
    return tuple(rule_id for rule_id in nightly_rules(workspace) if workspace.rules[rule_id].stage in {"share", "try"})


def prepare(duck: duckdb.DuckDBPyConnection, workspace: Workspace) -> None:
    """The log without what banso did, kept in memory as far as the rules read it; what it would have done is added night by night."""
    names = sorted({name for node in workspace.plan.accumulators(workspace.plan.columns) for name in records_read(node)})
    duck.register("named", pa.table({"name": pa.array(names, pa.string())}))
    first = "row_number() OVER (PARTITION BY account_id ORDER BY occurred_at) = 1"  # so that every account has a row from its first record on
    read = f"coalesce(event, field) IN (SELECT name FROM named) OR {first}"
    duck.execute(f"CREATE TEMP TABLE kept AS SELECT {COLUMNS} FROM records WHERE source <> 'banso' QUALIFY {read}")
    written = pa.array([*names, *(done_event(channel) for channel in CHANNELS)], pa.string())
    duck.register("written", pa.table({"name": written}))
    every = "SELECT name FROM written UNION SELECT event FROM kept UNION SELECT field FROM kept"
    duck.execute(f"CREATE TYPE record_name AS ENUM (SELECT name FROM ({every}) WHERE name IS NOT NULL)")  # compared as numbers, night after night
    apart = "ORDER BY event IS NULL, account_id, occurred_at"  # a third less work: what asks for events meets no values, and the other way round
    duck.execute(f"CREATE TEMP TABLE history AS SELECT * REPLACE (event::record_name AS event, field::record_name AS field) FROM kept {apart}")
    duck.execute("DROP TABLE kept")
    since = "min(greatest(occurred_at, known_at)) AS since"
    duck.execute(f"CREATE TEMP TABLE known AS SELECT account_id, {since} FROM records WHERE source <> 'banso' GROUP BY account_id")
    duck.execute("CREATE OR REPLACE TEMP VIEW records AS FROM history")


def _path(system: System, workspace: Workspace, records: Records, span: Span) -> Path:
    """Where the way so far is kept: one file for each rule set, log and span."""
    stages = sorted((rule_id, rule.stage) for rule_id, rule in workspace.rules.items())
    named = json.dumps([workspace.hash, records.snapshot.arrival, [part.path for part in records.snapshot.parts], span.first, span.last, stages])
    folder = system.config.state_folder / "backtests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{sha256(named.encode()).hexdigest()[:16]}.jsonl"


def _resume(replay: Replay, path: Path) -> set[int]:
    """Take in the nights that a run before this one finished; a line that was cut is dropped, and its night done again."""
    done: set[int] = set()
    whole = b""
    for line in path.read_bytes().splitlines(keepends=True) if path.is_file() else ():
        if not line.endswith(b"\n"):
            break
        night: Mapping[str, object] = json.loads(line)
        replay.memory.restore(night["touches"])  # type: ignore[arg-type]  # our own JSON
        replay.nights.restore(night)
        done.add(int(str(night["day"])))
        whole += line
    if path.is_file():
        path.write_bytes(whole)
    if done:
        last = replay.workspace.zone.at_wall(max(done), replay.workspace.nightly_minutes)
        replay.write_log(replay.memory.sent_by(last))
    return done
