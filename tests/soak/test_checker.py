"""The checker of the soak finds what it is there for."""

from hashlib import sha256
from pathlib import Path

from sqlalchemy import insert

from engine.ledger import touches
from engine.ledger.open import open_ledger
from engine.ledger.tables import messages
from engine.touches.touch import State
from tests.builders import a_touch
from tests.soak.checker import Truth, count, disagreements

DIGEST = sha256(b"x").hexdigest()


def truth(folder: Path, states: dict[str, State], journal: list[str]) -> Truth:
    url = f"sqlite:///{folder / 'ledger.db'}"
    ledger = open_ledger(url)
    with ledger.write() as connection:
        touches.add_touches(connection, [a_touch(name, account=name, state=state) for name, state in states.items()])
        connection.execute(insert(messages), [{"touch_id": name, "sha256": DIGEST, "body": b"x"} for name in states])
    ledger.close()
    (folder / "journal").write_text("".join(f"{line}\n" for line in journal))
    return count(url, folder / "journal")


def taken(name: str, digest: str = DIGEST) -> str:
    return f"taken <{name}@example.jp> {digest}"


def test_what_is_said_to_be_sent_and_was_not_taken_is_lost(tmp_path: Path) -> None:
    found = truth(tmp_path, {"t1": State.SENT, "t2": State.SENT, "t3": State.FAILED, "t4": State.PENDING}, [taken("t1")])
    assert (found.decided, found.taken, found.lost, found.doubled) == (4, 1, 2, 0)


def test_what_was_taken_twice_is_doubled(tmp_path: Path) -> None:
    found = truth(tmp_path, {"t1": State.SENT}, [taken("t1"), "cut <t1@example.jp>", "later <t1@example.jp>", taken("t1"), taken("t1")])
    assert (found.lost, found.doubled, found.cut, found.later) == (0, 2, 1, 1)


def test_what_nobody_can_tell_is_neither(tmp_path: Path) -> None:
    found = truth(tmp_path, {"t1": State.UNKNOWN, "t2": State.UNKNOWN}, [taken("t1"), "taken <watch-1@relay.example> 0"])
    assert (found.lost, found.doubled, found.unknown, found.unknown_taken, found.wrong) == (0, 0, 2, 1, [])


def test_other_bytes_other_letters_missing_records_and_a_wrong_end_are_told(tmp_path: Path) -> None:
    found = truth(tmp_path, {"t1": State.SENT, "t2": State.FAILED}, [taken("t1", "0"), taken("t2"), taken("t9")])
    assert found.wrong == [
        "taken, but of no touch: <t9@example.jp>",
        "not the bytes that the ledger keeps: <t1@example.jp>",
        "not the bytes that the ledger keeps: <t9@example.jp>",
        "failed, and taken: t2",
        "0 records of sending what is sent: t1",
    ]


def test_counters_that_differ_from_the_truth_are_told(tmp_path: Path) -> None:
    found = truth(tmp_path, {"t1": State.SENT, "t2": State.UNKNOWN}, [taken("t1"), taken("t2")])
    assert disagreements(found, {"sent": 1, "unknown": 1}, "1") == []
    assert disagreements(found, {"sent": 2}, "0") == [
        "states: {'sent': 2} instead of {'sent': 1, 'unknown': 1}",
        "2 sent, 2 taken, of which 1 are unknown",
        "doctor: 0 unknown instead of 1",
    ]
