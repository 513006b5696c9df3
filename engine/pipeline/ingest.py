"""ingest: what a product sends over HTTP → who it is of → records in the tail, and the rules that wait for them. Said twice is said once."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256

from engine.ledger import intake
from engine.ledger import records as ledger_records
from engine.ledger.dues import Due
from engine.ledger.intake import Stranger
from engine.ledger.keys import Key
from engine.ledger.open import Connection
from engine.pipeline.realtime import take_in
from engine.pipeline.system import System
from engine.records.intake import Reason
from engine.records.record import Record
from engine.wire.identity import HOPS, Known, all_names, names_of
from engine.wire.message import BadMessage, Message, Unreadable, text_of
from engine.wire.records import Declared, records_of
from engine.workspace.model import Workspace

NOT_OF_THIS_REQUEST = -1
STRANGERS_AT_ONCE = 1_000
NOBODYS = Key("", frozenset(), (), 0, "")  # strangers bring the sources of their own key along


@dataclass(frozen=True)
class Refused:
    """A message of a request that was kept aside: its place among them, the reason, and what is wrong in words."""

    index: int
    reason: Reason
    why: str


@dataclass(frozen=True)
class Taken:
    """What became of a request's messages. `waiting`: of people whose account nobody knows yet. `answers`: rules to be judged now, by record."""

    accepted: int
    repeated: int
    waiting: int
    refused: Sequence[Refused]
    answers: Sequence[Sequence[Due]] = ()


def declared_for(workspace: Workspace, may_write: Sequence[str]) -> Declared:
    """What may be written for these sources, by the workspace of now; bare names belong to the first."""
    sources = {name: workspace.settings.sources[name] for name in may_write if name in workspace.settings.sources}
    return Declared(
        owners={prefix: name for name, source in sources.items() for prefix in source.events},
        home=next((source.events[0] for source in sources.values()), ""),
        names={said: event for source in sources.values() for said, event in source.names.items()},
        kinds=workspace.field_kinds(),
        item_keys=workspace.item_keys,
        zone=workspace.zone,
    )


def ingest(system: System, key: Key, messages: Sequence[Message | BadMessage]) -> Taken:
    """Take the messages of one request, all in one transaction: once this returns they are kept.

    One that cannot be a record goes into the quarantine with its reason; the others go on.
    """
    intake_of = Intake(system.workspace, key, system.clock.now())
    with system.ledger.write() as connection:
        return intake_of.take(connection, messages)


def place_strangers(system: System) -> int:
    """Place messages whose account was told at the very moment at which they were kept; returns how many. What they trigger is left to the sweep."""
    with system.ledger.read() as connection:
        if not intake.strangers_known(connection, 1):
            return 0
    with system.ledger.write() as connection:
        found = intake.strangers_known(connection, STRANGERS_AT_ONCE)
        work, records = Intake(system.workspace, NOBODYS, system.clock.now()), list[Record]()
        done = work.place(connection, found, Known({}), records)
        take_in(connection, system.workspace, records, system.clock.now())
        work.set_aside(connection)
        return len(done)


@dataclass
class Intake:
    """One request under way."""

    workspace: Workspace
    key: Key
    now: int
    refused: list[Refused] = field(default_factory=list)
    asides: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)  # with the source they count for
    unkept: set[str] = field(default_factory=set)  # ids of messages that are no records and wait for nothing
    declared: dict[tuple[str, ...], Declared] = field(default_factory=dict)

    def take(self, connection: Connection, messages: Sequence[Message | BadMessage]) -> Taken:
        fresh, repeated = self._fresh(connection, list(self._readable(messages)))
        known = Known({})
        _look_up(connection, known, all_names(message for _, message in fresh))
        records, strangers = list[Record](), list[Stranger]()
        for index, message in fresh:
            known.learn(message, self.now)
            account = known.account(message)
            if account is None:
                strangers += self._stranger(index, message, known)
            else:
                records += self._records(index, message, account, known.contact(message), self.key.sources, self.now)
        intake.keep_strangers(connection, strangers)
        awoken = self._awoken(connection, known, records)
        intake.keep_links(connection, known.added.values())
        answers = take_in(connection, self.workspace, records, self.now)
        self.set_aside(connection)
        intake.forget_ids(connection, self.unkept)
        refused = [each for each in self.refused if each.index != NOT_OF_THIS_REQUEST]
        waiting = len({each.id for each in strangers} - awoken)
        return Taken(len(messages) - repeated - len(refused) - waiting, repeated, waiting, refused, answers)

    def _readable(self, messages: Sequence[Message | BadMessage]) -> Iterator[tuple[int, Message]]:
        for index, message in enumerate(messages):
            if isinstance(message, Message):
                yield index, message
            else:
                self._refuse(index, message.reason, message.why, message.text)

    def _refuse(self, index: int, reason: Reason, why: str, text: str, source: str | None = None) -> None:
        self.refused.append(Refused(index, reason, why))
        aside = {"file": f"http:{self.key.name}", "line": None, "reason": str(reason), "body": text}
        self.asides.append((source or self.key.sources[0], aside))

    def set_aside(self, connection: Connection) -> None:
        """Into the quarantine, where a person may look at it."""
        for source, aside in self.asides:
            ledger_records.add_quarantine(connection, source, [aside], self.now)

    def _fresh(self, connection: Connection, messages: Sequence[tuple[int, Message]]) -> tuple[list[tuple[int, Message]], int]:
        """Messages that did not come before, and how many did. One that says something else under its id is refused."""
        first: dict[str, Message] = {}
        for _, message in messages:
            first.setdefault(self._id_of(message), message)
        before = intake.seen_before(connection, {name: message.digest for name, message in first.items()}, self.now)
        fresh, repeated = list[tuple[int, Message]](), 0
        for index, message in messages:
            name = self._id_of(message)
            said = before.get(name, first[name].digest)
            if said != message.digest:
                self._refuse(index, Reason.CONFLICTING_REPEAT, f"{message.id}: said something else before", text_of(asdict(message)))
            elif name in before or message is not first[name]:
                repeated += 1
            else:
                fresh.append((index, message))
        return fresh, repeated

    def _id_of(self, message: Message) -> str:
        """Keys of one source share their ids: a product whose key is replaced repeats itself under the new one."""
        return sha256(f"{self.key.sources[0]}\0{message.id}".encode()).hexdigest()[:32]

    def _stranger(self, index: int, message: Message, known: Known) -> Iterator[Stranger]:
        name = next((known.person(name, kind) for name, kind in names_of(message)), None)
        if name is None:
            self.unkept.add(self._id_of(message))
            self._refuse(
                index, Reason.NO_ACCOUNT, "neither userId, anonymousId nor an account: nobody can ever tell whose it is", text_of(asdict(message))
            )
        else:
            yield Stranger(self._id_of(message), name, " ".join(self.key.sources), json.dumps(asdict(message), ensure_ascii=False), self.now)

    def _records(self, index: int, message: Message, account: str, contact: str | None, sources: Sequence[str], received_at: int) -> list[Record]:
        if message.kind == "alias":
            return []
        try:
            return records_of(message, self._declared(tuple(sources)), account, contact, received_at)
        except Unreadable as problem:
            self._refuse(index, problem.reason, str(problem), text_of(asdict(message)), next(iter(sources), None))
            self.unkept |= {self._id_of(message)} if index != NOT_OF_THIS_REQUEST else set()
            return []

    def _declared(self, sources: tuple[str, ...]) -> Declared:
        """Worked out once for a request, and once for each other key that strangers had come with."""
        if sources not in self.declared:
            self.declared[sources] = declared_for(self.workspace, sources)
        return self.declared[sources]

    def _awoken(self, connection: Connection, known: Known, records: list[Record]) -> set[str]:
        """Adds the records of what strangers said of whom it is known by now where they belong; returns the ids of their messages."""
        told = {name for link in known.added.values() for name in (link.name, link.is_now)}
        found = intake.strangers_named(connection, told | intake.other_names(connection, told)) if told else []
        return self.place(connection, found, known, records)

    def place(self, connection: Connection, found: Sequence[Stranger], known: Known, records: list[Record]) -> set[str]:
        """Adds the records of those of these messages whose account is known; returns their ids."""
        said = [(stranger, Message(**json.loads(stranger.message))) for stranger in found]
        _look_up(connection, known, all_names(message for _, message in said))
        done = set[str]()
        for stranger, message in said:
            if (account := known.account(message)) is not None:
                done.add(stranger.id)
                records += self._records(
                    NOT_OF_THIS_REQUEST, message, account, known.contact(message), stranger.sources.split(), stranger.received_at
                )
        intake.forget_strangers(connection, done)
        return done


def _look_up(connection: Connection, known: Known, names: set[str]) -> None:
    """What the ledger knows of these names, and of what the persons they stand for go by; what the request said meanwhile stays."""
    asked = set[str]()
    for _ in range(HOPS):
        names -= asked
        if not names:
            return
        found = intake.links_of(connection, names)
        known.links = {**found, **known.links}
        asked |= names
        names = {link.is_now for link in found.values() if link.kind != "member"}
