"""One soak: a night decides, then storm on real processes, then calm in which evidence settles what nobody could tell; counted after each."""

import smtplib
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from engine.calendar import MINUTE, SECOND
from engine.detail import parts_of
from engine.pipeline import ops
from engine.pipeline.sweep import sweep
from engine.touches.rate import WAVE
from tests.builders import a_stalled_customer, at
from tests.processes import banso, start
from tests.soak.checker import Truth, count, disagreements, rows_of
from tests.soak.fleet import Fleet
from tests.soak.nemesis import Act, Nemesis
from tests.soak.servers import CALM, Manners, Postgres, Redis, Sink
from tests.story import Story

MORNING = at("2026-04-07 09:01")
TICK_SECONDS = 0.05
FLOW_SECONDS = 1.0  # without a letter, then they do not flow
AT_ONCE = 2_000  # accounts that are written in one transaction
CALM_STEP = 20 * MINUTE  # after which a relay's log proves that a letter was not taken, and what was put off is due
CALM_ROUNDS = 6
CALM_PATIENCE_SECONDS = 600
SAFE_PYTHON = (3, 14, 3)  # for the doctor: the version that runs the soak is not its matter

LEDGERS = (("PostgreSQL", "Redis"), ("SQLite", "files"))  # as large deployments have it, and as it comes

Say = Callable[[str], None]


@dataclass(frozen=True)
class Order:
    """What a soak is to be."""

    touches: int
    seed: int = 1
    ledger: Literal["PostgreSQL", "SQLite"] = "PostgreSQL"
    broker: Literal["Redis", "files"] = "Redis"
    workers: int = 2
    schedulers: int = 0
    lease_seconds: int = 3
    sweep_seconds: int = 1
    manners: Manners = CALM
    storm_seconds_max: float = 120.0


@dataclass
class Outcome:
    """What came of it. `wrong` is empty if every promise was kept."""

    order: Order
    acts: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)
    after_storm: Truth | None = None
    after_calm: Truth | None = None
    wrong: list[str] = field(default_factory=list)


class Soak:
    """`postgres` may be a server that runs already; else one of its own is started where it is needed."""

    def __init__(self, order: Order, folder: Path, say: Say, postgres: Postgres | None = None) -> None:
        self.order, self.folder, self.say = order, folder, say
        self.outcome = Outcome(order)
        self._open = ExitStack()
        self.postgres = postgres
        if order.ledger == "PostgreSQL" and postgres is None:
            self.postgres = Postgres(folder / "postgres")
            self._open.callback(self.postgres.close)
        self.redis = Redis(folder) if order.broker == "Redis" else None
        if self.redis is not None:
            self._open.callback(self.redis.close)
        self.sink = Sink(folder / "relay", order.seed)
        self._open.callback(self.sink.close)
        self.story = Story(folder, ledger_url=self.postgres.url if self.postgres else None)
        self._open.callback(self.story.close)
        self.state = self.story.config.state_folder
        self.moved_by = 0

    def close(self) -> None:
        self._open.close()

    def run(self, nemesis: Nemesis) -> Outcome:
        """Raises nothing that a promise broken would raise: that is told in the outcome."""
        self._timed("night", self._decide)
        self._timed("storm", partial(self._storm, nemesis))
        self._timed("calm", self._calm)
        return self.outcome

    def _timed(self, name: str, part: Callable[[], None]) -> None:
        started = time.monotonic()
        part()
        self.outcome.seconds[name] = time.monotonic() - started
        self.say(f"{name} over after {self.outcome.seconds[name]:.1f} s")

    # --- the night ----------------------------------------------------------------------------------------------------

    def _decide(self) -> None:
        for start_at in range(0, self.order.touches, AT_ONCE):
            numbers = range(start_at, min(start_at + AT_ONCE, self.order.touches))
            self.story.given(*(a_stalled_customer(f"c{number:06d}") for number in numbers))
        won = self.story.nightly("2026-04-07 02:00").won
        assert won == self.order.touches, won
        self.story.heard("2026-04-07 09:00")

    # --- the storm ----------------------------------------------------------------------------------------------------

    def _settings(self) -> dict[str, str]:
        settings = {
            "BANSO_LEDGER_URL": self.story.config.ledger,
            "BANSO_SMTP_URL": self.sink.url,
            "BANSO_DELIVERY": "production",
            "BANSO_RELAY_LOG": str(self.sink.relay_log),
            "BANSO_LEASE_SECONDS": str(self.order.lease_seconds),
            "BANSO_SWEEP_SECONDS": str(self.order.sweep_seconds),
            "BANSO_MOVED_BY": str(self.moved_by),
        }
        return settings | ({"BANSO_BROKER_URL": self.redis.url} if self.redis else {})

    def _storm(self, nemesis: Nemesis) -> None:
        fleet = self._begin_storm()
        try:
            self._until_sent(fleet, nemesis)
        finally:
            fleet.end()
        self._end_storm()

    def _begin_storm(self) -> Fleet:
        self.moved_by = MORNING - time.time_ns() // 1000
        self.sink.open(self.order.manners, self.moved_by)
        wanted = {"worker": self.order.workers, "scheduler": self.order.schedulers}
        return Fleet(self.state, self.story.config.ledger, self._settings(), wanted, self.folder / "processes.log", self.outcome.acts)

    def _end_storm(self) -> None:
        self.sink.close()
        self._sweep_up()
        self.outcome.after_storm = self._count("storm")

    def _until_sent(self, fleet: Fleet, nemesis: Nemesis) -> None:
        """The nemesis' time runs only while letters flow: a machine too slow to start workers as fast as they die would never send."""
        started = looked = last = grew = time.monotonic()
        flowing, taken, waiting = 0.0, 0, list[Act]()
        while True:
            fleet.keep()
            now, before, taken = time.monotonic(), taken, self.sink.entries()
            grew = now if taken > before else grew
            flowing += now - last if taken and now - grew < FLOW_SECONDS else 0.0
            last = now
            waiting = [act for act in dict.fromkeys([*waiting, *nemesis.due(flowing, taken)]) if not self._act(act, fleet, nemesis)]
            if now - looked > 1:
                looked, left = now, self._left()
                self.say(f"{now - started:7.1f} s  {left} left  {dict(self.outcome.acts)}")
                if not left or now - started > self.order.storm_seconds_max:
                    return
            time.sleep(TICK_SECONDS)

    def _left(self) -> int:
        """Touches that are due or in somebody's hands."""
        now = time.time_ns() // 1000 + self.moved_by
        open_now = f"state IN ('claimed', 'sending') OR (state = 'pending' AND due_at <= {now})"
        return int(rows_of(self.story.config.ledger, f"SELECT count(*) FROM touches WHERE {open_now}")[0][0])

    def _act(self, act: Act, fleet: Fleet, nemesis: Nemesis) -> bool:
        """Returns whether it could be done; what could not waits for its moment."""
        if act in {"kill", "kill scheduler", "freeze"}:
            victims = fleet.at_work("scheduler" if act == "kill scheduler" else "worker")
            if not victims:
                return act == "kill scheduler" and not self.order.schedulers
            victim = victims[nemesis.draw(len(victims))]
            fleet.freeze(victim, self.order.lease_seconds + 2) if act == "freeze" else fleet.kill(victim)
            return True
        if act == "restart ledger":
            if self.postgres:
                self.postgres.restart()
                self.outcome.acts["ledger restarted"] += 1
        elif self.redis and act == "flush":
            self.outcome.acts["messages wiped"] += self.redis.waiting()
            self.redis.flush()
            self.outcome.acts["broker flushed"] += 1
        elif self.redis:
            self.outcome.acts["messages wiped"] += self.redis.waiting()
            self.redis.kill()
            self.outcome.acts["broker killed"] += 1
        return True

    def _sweep_up(self) -> None:
        """Everybody is dead; when their leases are over, a sweep says what became of what they held."""
        self.story.clock.set(time.time_ns() // 1000 + self.moved_by + (self.order.lease_seconds + 1) * SECOND)
        sweep(self.story.system, lambda _channel, _ids: None)

    # --- the calm -----------------------------------------------------------------------------------------------------

    def _calm(self) -> None:
        for number in range(CALM_ROUNDS):
            self.moved_by += CALM_STEP
            self.sink.open(CALM, self.moved_by)
            self._watch(number)
            number_of = self.order.workers if self._not_at_rest() > AT_ONCE else 1
            with (self.folder / "processes.log").open("ab") as log:
                workers = [start(banso(self.state, "worker", "--until-idle"), self._settings(), log) for _ in range(number_of)]
            left = [worker.wait(CALM_PATIENCE_SECONDS + self.order.touches) for worker in workers]
            self.sink.close()
            if any(left):
                self.outcome.wrong.append(f"calm: workers left with {left}")
            live = self._not_at_rest()
            self.say(f"calm, round {number + 1}: {live} not at rest")
            if not live:
                break
        self.outcome.after_calm = self._count("calm")

    def _not_at_rest(self) -> int:
        live = "SELECT count(*) FROM touches WHERE state IN ('pending', 'claimed', 'sending', 'unknown')"
        return int(rows_of(self.story.config.ledger, live)[0][0])

    def _watch(self, number: int) -> None:
        """A letter of somebody else goes through the relay: its log is complete up to there."""
        with smtplib.SMTP("127.0.0.1", self.sink.port, timeout=30) as session:
            text = f"Message-ID: <watch-{number}@relay.example>\r\n\r\nstill there\r\n"
            session.sendmail("watch@relay.example", ["watch@relay.example"], text)

    # --- counting -----------------------------------------------------------------------------------------------------

    def _count(self, when: str) -> Truth:
        truth = count(self.story.config.ledger, self.sink.journal)
        said, checks = ops.status(self.story.system), {check.name: check for check in ops.doctor(self.story.system, SAFE_PYTHON)}
        wrong = [*truth.wrong, *disagreements(truth, dict(said.states), parts_of(checks["unknown"].details[0])[1][0])]
        wrong += [f"doctor: {name} {check.details}" for name, check in checks.items() if check.level == "bad"]
        wrong += [f"{truth.lost} lost"] if truth.lost else []
        wrong += [f"{truth.doubled} doubled"] if truth.doubled else []
        wrong += [f"{truth.decided} of {self.order.touches} touches"] if truth.decided != self.order.touches else []
        wrong += [f"{truth.ever_unknown} became unknown"] if truth.ever_unknown > self._unclear_at_most(truth) else []
        if when == "calm" and truth.states != {"sent": self.order.touches}:
            wrong.append(f"not at rest: {truth.states}")
        self.outcome.wrong += [f"{when}: {each}" for each in wrong]
        self.say(f"after the {when}: {truth}")
        return truth

    def _unclear_at_most(self, truth: Truth) -> int:
        """A wave for each worker that died, was frozen or lost its ledger, and the letters that the relay took without a word."""
        acts, last_blow = self.outcome.acts, self.order.workers
        waves = acts["worker killed"] + acts["worker left"] + acts["worker frozen"] + acts["ledger restarted"] * self.order.workers + last_blow
        return WAVE * waves + truth.cut
