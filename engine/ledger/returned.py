"""What came back by mail, each thing once: bounces, complaints, replies, and how many of them there are lately."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, func, select, update

from engine.ledger.doors import returns
from engine.ledger.rows import insert_new
from engine.ledger.tables import touches
from engine.touches.touch import State


@dataclass(frozen=True)
class Return:
    """A row: what came back of a touch. `report`: the id of the message that told it first. The last three are of replies alone."""

    id: str
    touch_id: str
    kind: str
    at: int
    address: str
    domain: str
    report: str
    status: str | None
    said: str
    writer: str | None = None
    subject: str | None = None
    text: str | None = None


@dataclass(frozen=True)
class Rate:
    """Complaints about letters of a sender's domain, beside the letters it sent in the same time."""

    domain: str
    complaints: int
    sent: int

    @property
    def share(self) -> float:
        return self.complaints / max(self.sent, self.complaints)


def add_return(connection: Connection, new: Return) -> bool:
    """Returns whether it is told for the first time."""
    return bool(insert_new(connection, returns, [asdict(new)]))


def count_of_touch(connection: Connection, touch_id: str, kinds: Sequence[str]) -> int:
    return int(connection.scalar(select(func.count()).where(returns.c.touch_id == touch_id, returns.c.kind.in_(kinds))) or 0)


def count_to_address(connection: Connection, address: str, kind: str, since: int) -> int:
    """Letters to an address of which that came back since then."""
    here = (returns.c.address == address, returns.c.kind == kind, returns.c.at >= since)
    return int(connection.scalar(select(func.count(returns.c.touch_id.distinct())).where(*here)) or 0)


def counts_since(connection: Connection, since: int) -> dict[str, int]:
    """Everything that came back since then, by kind."""
    return dict(connection.execute(select(returns.c.kind, func.count()).where(returns.c.at >= since).group_by(returns.c.kind)).all())


def complaint_rates(connection: Connection, since: int, domain: str | None = None) -> list[Rate]:
    """Of each sender's domain about which somebody complained since then, or of one; the worst first."""
    people = func.count(returns.c.address.distinct())  # one person who is angry about three letters is one
    told = select(returns.c.domain, people).where(returns.c.kind == "complaint", returns.c.at >= since).group_by(returns.c.domain)
    rows = connection.execute(told if domain is None else told.where(returns.c.domain == domain)).all()
    return sorted((Rate(name, number, _sent(connection, name, since)) for name, number in rows), key=lambda each: (-each.share, each.domain))


def _sent(connection: Connection, domain: str, since: int) -> int:
    """Letters from a domain; by when they were due, which an index knows."""
    sent = (touches.c.state == State.SENT, touches.c.due_at >= since, touches.c.channel == "mail")
    return int(connection.scalar(select(func.count()).where(*sent, touches.c.message_id.endswith(f"@{domain}>", autoescape=True))) or 0)


@dataclass(frozen=True)
class Answer:
    """A person's reply as the desk reads it."""

    account_id: str
    contact_id: str | None
    rule: str
    at: int
    writer: str | None
    subject: str | None
    text: str | None


def replies(connection: Connection, account: str | None, limit: int) -> list[Answer]:
    """What people wrote, of all accounts or one, newest first."""
    columns = (touches.c.account_id, touches.c.contact_id, touches.c.rule, returns.c.at, returns.c.writer, returns.c.subject, returns.c.text)
    wanted = select(*columns).join(touches, touches.c.id == returns.c.touch_id).where(returns.c.kind == "reply")
    wanted = wanted if account is None else wanted.where(touches.c.account_id == account)
    return [Answer(*row) for row in connection.execute(wanted.order_by(returns.c.at.desc(), returns.c.id).limit(limit))]


def forget_words(connection: Connection, before: int) -> None:
    """What people wrote is for answering them, and is not kept beyond that; that they wrote stays."""
    old = (returns.c.at < before, returns.c.kind == "reply", returns.c.text.is_not(None))
    connection.execute(update(returns).where(*old).values(writer=None, subject=None, text=None))
