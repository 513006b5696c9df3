"""The log names touches and rules, and never a person: canaries are driven through every path that goes wrong, and must not come out."""

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from smtplib import SMTPRecipientsRefused, SMTPSenderRefused

import pytest
from sqlalchemy import update

from engine import logs
from engine.errors import refuse
from engine.ledger.tables import touches
from engine.logs import Form
from tests.builders import AZURE, a_stalled_customer
from tests.inbox import CUT, Inbox
from tests.story import ROOT, SPACE, Story

CANARY = "kanaria"
CANARY_NAME = "鳥籠"
ADDRESS = f"{CANARY}@{CANARY}.example.jp"
FORMS: tuple[Form, ...] = ("json", "text")


@contextmanager
def logging_to(stream: io.StringIO, form: Form) -> Iterator[None]:
    """As an unattended process logs; afterwards as it was."""
    root, ours = logging.getLogger(), logging.getLogger("banso")
    before = (root.handlers[:], root.level, ours.level)
    logs.set_up(form, stream)
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        root.handlers[:] = before[0]
        root.setLevel(before[1])
        ours.setLevel(before[2])


def logged(say: Callable[[logging.Logger], object], form: Form = "json") -> str:
    stream = io.StringIO()
    with logging_to(stream, form):
        say(logging.getLogger("banso.test"))
    return stream.getvalue()


# --- forms ------------------------------------------------------------------------------------------------------------


def test_a_line_is_one_json_object_with_its_fields() -> None:
    line = json.loads(logged(lambda log: log.info("touch.%s", "sent", extra={"touch": "t1", "rule": "next-setting", "attempt": 2, "other": "x"})))
    assert line.pop("at").endswith("+00:00")
    assert line == {"level": "info", "log": "banso.test", "event": "touch.sent", "touch": "t1", "rule": "next-setting", "attempt": 2}


def test_the_text_form_says_the_same_on_one_line() -> None:
    text = logged(lambda log: log.info("touch.%s", "sent", extra={"touch": "t1", "rule": "next-setting"}), "text")
    assert text.endswith(" info banso.test touch.sent touch=t1 rule=next-setting\n")


def test_an_exception_tells_its_kind_and_where_it_came_from_and_stays_on_one_line() -> None:
    def fail(log: logging.Logger) -> None:
        try:
            {}[ADDRESS]
        except KeyError:
            log.exception("not judged\n%s", [AZURE])

    line = json.loads(logged(fail))
    assert (line["event"], line["error"]) == (f"not judged ['{AZURE}']", "KeyError")
    assert "test_logs.py" in line["where"]


# --- what passes and what is struck out -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param(7, "7", id="a number"),
        pytest.param("0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef", id="the id of a touch"),
        pytest.param("nightly/2026-04-07", "nightly/2026-04-07", id="a slot"),
        pytest.param("株式会社青空", "[…]", id="a company"),
        pytest.param("Tanaka Hanako", "[…]", id="a name of two words"),
        pytest.param(ADDRESS, "[…]", id="an address"),
        pytest.param("eyJhY2NvdW50IjoiYW96b3JhIn0", "[…]", id="a token"),
        pytest.param([{"body": "x"}, AZURE], f"['[…]', '{AZURE}']", id="anything with parts of its own"),
        pytest.param(refuse("E645", ADDRESS, value=ADDRESS), "BansoError E645", id="a fault"),
        pytest.param(SMTPSenderRefused(550, b"no such", ADDRESS), "SMTPSenderRefused 550", id="a refusal"),
        pytest.param(SMTPRecipientsRefused({ADDRESS: (550, b"x")}), "SMTPRecipientsRefused", id="a refusal of many"),
        pytest.param(ConnectionRefusedError(111, "Connection refused"), "ConnectionRefusedError: [Errno 111] Connection refused", id="a server"),
        pytest.param(OSError(f"redis://user:sesame@host refused {ADDRESS}"), "OSError: redis://[…]@host refused […]", id="a server's URL"),
        pytest.param(ValueError(CANARY_NAME), "ValueError", id="anything else"),
    ],
)
def test_what_stands_in_the_place_of_a_value(value: object, shown: str) -> None:
    assert json.loads(logged(lambda log: log.warning("it is %s", value)))["event"] == f"it is {shown}"


@pytest.mark.parametrize(
    "text",
    [
        "to kanaria@kanaria.example.jp failed",
        "<kanaria@kanaria.example.jp>",
        "smtp://kanaria:kanaria@relay:25",
        "GET /u?token=kanaria",
        "password=kanaria",
        "kanaria+tag@kanaria.co.jp: 550",
    ],
)
def test_a_library_that_puts_its_line_together_itself_is_read_once_more(text: str) -> None:
    assert CANARY not in logged(lambda log: log.warning(text))


def test_a_value_struck_out_where_a_number_was_wanted_loses_nothing_else() -> None:
    assert json.loads(logged(lambda log: log.warning("%s of %d", CANARY_NAME, "many things")))["event"] == "%s of %d"


# --- canaries ---------------------------------------------------------------------------------------------------------


def assert_silent(said: str) -> None:
    assert CANARY not in said
    assert CANARY_NAME not in said
    assert "@" not in said


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("at_rcpt", "at_dot", "state"),
    [
        ([], [], "sent"),
        ([f"550 5.1.1 <{ADDRESS}> unknown"], [], "failed"),
        ([f"451 4.7.1 <{ADDRESS}> later"], [], "pending"),
        ([], [f"554 5.7.1 {ADDRESS} spam"], "failed"),
        ([], [CUT], "unknown"),
    ],
    ids=["taken", "no mailbox", "later", "spam", "cut"],
)
def test_the_ends_of_attempts_are_told_without_whom_they_went_to(
    story: Story, inbox: Inbox, form: Form, at_rcpt: list[str], at_dot: list[str], state: str
) -> None:
    to = f"{CANARY}@{AZURE}.example.jp"
    inbox.answer(to, *at_rcpt)
    inbox.answer_content(to, *at_dot)
    story.given(a_stalled_customer(email=to))
    story.nightly("2026-04-07 02:00")
    stream = io.StringIO()
    with logging_to(stream, form):
        story.dispatch("2026-04-07 09:00")
    said = stream.getvalue()
    assert_silent(said)
    assert f"touch.{state}" in said
    assert story.touch().id in said
    assert "next-setting" in said


@pytest.mark.parametrize("form", FORMS)
def test_a_real_worker_whose_tasks_break_tells_no_names(story: Story, inbox: Inbox, form: Form) -> None:
    """One account's stored fold is spoilt, so that Celery itself reports an exception which quotes it."""
    story.given(a_stalled_customer(email=f"{CANARY}@{AZURE}.example.jp"), a_stalled_customer("midori"))
    story.nightly("2026-04-07 02:00")
    story.heard("2026-04-07 09:00")
    with story.system.ledger.write() as connection:
        spoilt = f'{{"{ADDRESS}": "{CANARY_NAME}"'
        connection.execute(update(touches).where(touches.c.account_id == AZURE).values(fold=spoilt))
    place = ["-w", str(SPACE), "--state", str(story.config.state_folder)]
    command = [sys.executable, "-m", "engine.cli", *place, "worker", "--rehearse", "--at", "2026-04-07T09:00"]
    settings = {"BANSO_SMTP_URL": inbox.url, "BANSO_DELIVERY": "production", "BANSO_SWEEP_SECONDS": "1", "BANSO_LOG": form}
    lines = list[str]()
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, **settings}, stderr=subprocess.PIPE, text=True) as worker:
        assert worker.stderr is not None
        for line in worker.stderr:
            lines.append(line)
            if "where" in line:
                worker.terminate()
    assert_silent("".join(lines))
    assert any("dispatch" in line and "Error" in line for line in lines), lines
    if form == "json":
        assert all(json.loads(line)["event"] for line in lines)
