"""P3: when nobody can know whether a mail went out, banso says so: it is counted, shown, settled from evidence and never sent again blindly.

A relay takes some mails and loses others and hangs up before its reply; status, doctor and gauges must count them exactly, and a journal of the
relay then settles each one. The simulator adds workers that die between the final dot and the reply.
"""

import os
import shutil
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from engine.detail import parts_of
from engine.pipeline import ops
from engine.pipeline.reconcile import Reconciled
from engine.pipeline.worker import WAVE
from tests.builders import a_stalled_customer, at
from tests.faults.checker import run
from tests.faults.town import ACCOUNTS, Eve
from tests.inbox import CUT, Inbox
from tests.promises.conftest import Tell
from tests.promises.scale import scaled
from tests.story import Story

MANY = scaled(48, 10_000)
BLIND_SEEDS = scaled(8, 1_000)
SAFE_PYTHON = (3, 14, 3)  # for the doctor: the version that runs the tests is not its matter


def said_unknown(story: Story) -> set[float]:
    """How many touches nobody can tell about, in the words of status, doctor and gauges."""
    doctor = next(check for check in ops.doctor(story.system, SAFE_PYTHON) if check.name == "unknown")
    gauge = next(each for each in ops.gauges(story.system) if each.name == "touches")
    return {ops.status(story.system).unknown, float(parts_of(doctor.details[0])[1][0]), gauge.values["unknown",]}


def journal_of(story: Story, inbox: Inbox) -> Path:
    """What the relay still has, and letters of somebody else long before and afterwards: the journal is complete between them."""
    folder = story.folder / "journal"
    (folder / "new").mkdir(parents=True)
    for number, mail in enumerate(inbox.mails):
        (folder / "new" / f"{number}.copy").write_bytes(mail.body)
    other = folder / "new" / "other"
    other.write_bytes(b"Message-ID: <other@else.example>\r\n\r\nhi\r\n")
    for path in (folder / "new").iterdir():
        os.utime(path, (at("2026-04-07 09:30") / 1e6,) * 2)
    shutil.copy(other, folder / "new" / "before")
    os.utime(folder / "new" / "before", (at("2026-04-07 08:00") / 1e6,) * 2)
    return folder


def test_what_nobody_can_know_is_counted_exactly_and_settled(on_both: Story, inbox: Inbox, reached: Tell) -> None:
    story, random = on_both, Random(3)
    accounts = [f"c{number:05d}" for number in range(MANY)]
    cut = set(random.sample(accounts, MANY // 4))
    lost = set(random.sample(sorted(cut), len(cut) // 2))
    story.given(*(a_stalled_customer(account) for account in accounts))
    story.nightly("2026-04-07 02:00")
    for account in cut:
        inbox.answer_content(f"tanaka@{account}.example.jp", CUT)
    story.dispatch("2026-04-07 09:00")
    assert {touch.account_id for touch in story.touches() if touch.state == "unknown"} == cut
    assert said_unknown(story) == {len(cut)}
    inbox.mails[:] = [mail for mail in inbox.mails if mail.to[0].split("@")[1].split(".")[0] not in lost]
    story.config = story.config.model_copy(update={"journal": journal_of(story, inbox)})
    story.restart()
    story.dispatch("2026-04-07 09:40")
    assert said_unknown(story) == {0}
    assert Counter(touch.state for touch in story.touches()) == {"sent": MANY}
    assert sorted(inbox.recipients()) == sorted(f"tanaka@{account}.example.jp" for account in accounts)
    assert set(inbox.times_taken().values()) == {1}
    reached(len(cut), "unclear sends", faults=len(cut))


def test_without_evidence_what_is_unknown_stays_unknown_and_is_counted(eve: Eve, monkeypatch: pytest.MonkeyPatch, reached: Tell) -> None:
    """Then nothing comes to rest by itself but what is known: each unknown is one that a person must tell about, and none went out twice."""
    monkeypatch.setattr("tests.faults.town.reconcile", lambda _system, _evidence: Reconciled())
    unknown = kills = 0
    for seed in range(BLIND_SEEDS):
        found, town = run(eve, seed, name="blind")
        assert [each for each in found if "is unknown" not in each] == []
        assert len(found) <= town.relay.cuts + WAVE * town.baton.kills
        unknown, kills = unknown + len(found), kills + town.baton.kills
    assert 0 < unknown < BLIND_SEEDS * ACCOUNTS
    reached(unknown, "unclear sends", seeds=BLIND_SEEDS, faults=kills)
